"""The peers that serve: nginx with sendfile, and a Flask application under the services' own gunicorn settings."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import requests

from scripts.bench.samples import CACHE
from scripts.stack import ports
from scripts.stack.state import ROOT

# Seconds until a server answers.
_START = 30


@contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """Serves the folder's files with sendfile; yields the address."""
    port = ports.choose(1)[0]
    settings = CACHE / "nginx.conf"
    settings.write_text(
        f"""daemon off; master_process off; pid {CACHE}/nginx.pid; error_log stderr;
events {{}}
http {{
    sendfile on; tcp_nopush on; access_log off; default_type audio/mpeg;
    client_body_temp_path {CACHE}/body; proxy_temp_path {CACHE}/proxy; fastcgi_temp_path {CACHE}/fastcgi;
    uwsgi_temp_path {CACHE}/uwsgi; scgi_temp_path {CACHE}/scgi;
    server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""
    )
    command = ["nginx", "-p", str(CACHE), "-e", "stderr", "-c", str(settings)]
    with _serving(command, f"http://127.0.0.1:{port}", os.environ) as url:
        yield url


@contextmanager
def flask(mongo_uri: str, asks: str = "") -> Iterator[str]:
    """Serves `scripts.bench.peers` as the gateway is served; yields the address. `asks` is that of another one."""
    CACHE.mkdir(parents=True, exist_ok=True)
    port, health_port = ports.choose(2)
    environment = {
        **os.environ,
        "MONGO_URI": mongo_uri,
        "ASKS": asks,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "HEALTH_PORT": str(health_port),
        "LOG_LEVEL": "WARNING",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}",
    }
    gunicorn = str(Path(sys.executable).with_name("gunicorn"))
    command = [gunicorn, "-c", "python:common.runtime.gunicorn_conf", "scripts.bench.peers:create_app()"]
    with _serving(command, f"http://127.0.0.1:{port}", environment) as url:
        yield url


@contextmanager
def _serving(command: Sequence[str], url: str, environment: Mapping[str, str]) -> Iterator[str]:
    with (CACHE / f"{Path(command[0]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            _wait(process, url)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + _START
    while time.monotonic() < deadline and process.poll() is None:
        try:
            requests.get(url, timeout=5)
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not answer at {url}")
