"""The nginx of the gateway's pod, started as in its image, before a server that answers with the request."""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from scripts.stack import ports
from scripts.stack.state import ROOT
from tests.waiting import eventually

START = ROOT / "src" / "nginx" / "start.sh"


class Echo(BaseHTTPRequestHandler):
    """Answers with the request: its path, its headers and how many bytes of body it had."""

    protocol_version = "HTTP/1.1"
    # Until it is set, downloads only send their headers.
    resume = threading.Event()
    # Set as soon as a request's headers are there, whatever of its body is still missing.
    begun = threading.Event()
    downloads = 0

    def do_GET(self) -> None:
        self.begun.set()
        Echo.downloads += self.path.startswith("/download")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answer = json.dumps({"path": self.path, "headers": dict(self.headers), "size": len(body)}).encode()
        self.send_response(503 if self.path == "/busy" else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        if self.path == "/own":
            self.send_header("Content-Security-Policy", "default-src 'self'")
            self.send_header("Cache-Control", "private")
        self.end_headers()
        if self.path.startswith("/download"):
            self.resume.wait(60)
        self.wfile.write(answer)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


class Server(ThreadingHTTPServer):
    """With a long backlog."""

    request_queue_size = 256

    def handle_error(self, *_: object) -> None:
        """Clients that closed their connection are not errors."""


@dataclass(frozen=True)
class Nginx:
    """A running nginx."""

    url: str
    health: str
    output: Path
    process: subprocess.Popen[bytes]

    def log(self) -> str:
        """Its standard output."""
        return self.output.read_text()


def started(folder: Path, **variables: str) -> Nginx:
    """Starts nginx; the caller ends it."""
    port, health = ports.choose(2)
    output = folder / "output"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [START],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "TMPDIR": str(folder / "tmp"),
                "LISTEN": f"127.0.0.1:{port}",
                "HEALTH_LISTEN": f"127.0.0.1:{health}",
                **variables,
            },
            stdout=log,
            stderr=log,
        )
    made = Nginx(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{health}", output, process)

    def answers() -> bool:
        assert process.poll() is None, made.log()
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", health)) == 0

    eventually(answers, what="nginx")
    return made


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of a build of the page."""
    root = tmp_path_factory.mktemp("page") / "dist"
    (root / "assets").mkdir(parents=True)
    (root / "index.html").write_text('<meta nonce="CSP_NONCE_PLACE"><script nonce="CSP_NONCE_PLACE">')
    (root / "favicon.svg").write_text("<svg/>")
    (root / "sw.js").write_text("// the service worker")
    (root / "manifest.webmanifest").write_text("{}")
    (root / "icons").mkdir()
    (root / "icons" / "192.png").write_bytes(b"PNG")
    (root / "assets" / "a-1.js").write_text("let packed = false;")
    (root / "assets" / "b-2.css").write_text("a {}")
    (root.parent / "secret.txt").write_text("secret")
    return root


@pytest.fixture(scope="session")
def upstream() -> Iterator[str]:
    """The address of the server behind nginx."""
    with Server(("127.0.0.1", 0), Echo) as server:
        Echo.resume.set()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join(10)


@pytest.fixture(scope="session")
def nginx(tmp_path_factory: pytest.TempPathFactory, page: Path, upstream: str) -> Iterator[Nginx]:
    """In front of a server that answers."""
    made = started(tmp_path_factory.mktemp("nginx"), WEB_ROOT=str(page), GATEWAY_ADDRESS=upstream, CLIENT_TIMEOUT="3")
    yield made
    made.process.terminate()
    made.process.wait(30)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Nginx]:
    """Without a page, and without a gateway."""
    made = started(tmp_path, WEB_ROOT=str(tmp_path / "nothing"), GATEWAY_ADDRESS=f"127.0.0.1:{ports.choose(1)[0]}")
    yield made
    made.process.terminate()
    made.process.wait(30)


def refused(answer: requests.Response, status: int, code: str) -> str:
    """The sentence of an error that nginx answers itself."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json()) == {"error", "code"}
    assert answer.json()["code"] == code
    return str(answer.json()["error"])
