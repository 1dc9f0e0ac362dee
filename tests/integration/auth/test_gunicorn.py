"""The auth service as it is deployed: under gunicorn, started and ended by signals."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import requests

from scripts.stack import ports
from tests.integration.auth.conftest import auth_environment
from tests.integration.auth.mariadb import ENDS_WITH_PARENT, MariaDB
from tests.waiting import eventually

SOURCE = Path(__file__).parents[3] / "src"
COMMAND = [sys.executable, "-m", "gunicorn", "-c", "python:common.runtime.gunicorn_conf", "auth.wsgi:app"]
PASSWORD = "correct horse"


@dataclass(frozen=True)
class Service:
    """A running gunicorn."""

    process: subprocess.Popen[bytes]
    port: int
    health: int
    output: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        """Whether it is alive; fails when it ended instead."""
        assert self.process.poll() is None, self.output.read_text()
        try:
            return requests.get(f"{self.url}/healthz", timeout=10).ok
        except requests.ConnectionError:
            return False

    def raw(self, request: bytes) -> bytes:
        """What the server answers to these bytes before it closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65536), b""))


def environment(**variables: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1", **variables}


@contextmanager
def running(folder: Path, variables: dict[str, str]) -> Iterator[Service]:
    (port, health), output = ports.choose(2), folder / "output"
    with output.open("wb") as log:
        process = subprocess.Popen(
            [*ENDS_WITH_PARENT, *COMMAND],
            env=environment(
                HOST="127.0.0.1",
                PORT=str(port),
                HEALTH_HOST="127.0.0.1",
                HEALTH_PORT=str(health),
                HOME=str(folder),
                **variables,
            ),
            stdout=log,
            stderr=log,
        )
    with process:
        try:
            service = Service(process, port, health, output)
            eventually(service.answers, what="the service answers")
            yield service
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, database: dict[str, str]) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("gunicorn"), auth_environment(database)) as service:
        yield service


def test_an_access_log_has_no_queries_and_no_referers(tmp_path: Path, database: dict[str, str]) -> None:
    variables = auth_environment(database) | {"GUNICORN_CMD_ARGS": "--access-logfile -"}
    with running(tmp_path, variables) as service:
        headers = {"Referer": "https://video.example.com/account/reset?token=hidden"}
        requests.get(f"{service.url}/nowhere?token=hidden", headers=headers, timeout=60)
        eventually(lambda: "GET /nowhere 404" in service.output.read_text(), what="the line of the request")
        assert "hidden" not in service.output.read_text()


def test_the_deployed_service_registers_logs_in_and_validates(service: Service, email: str) -> None:
    with requests.Session() as session:
        body = {"email": email, "password": PASSWORD}
        assert session.post(f"{service.url}/register", json=body, timeout=60).status_code == 201
        login = session.post(f"{service.url}/login", auth=(email, PASSWORD), timeout=60)
        assert login.status_code == 200
        wrong = session.post(f"{service.url}/login", auth=(email, "wrong"), timeout=60)
        assert wrong.status_code == 401
        assert wrong.json()["error"]
        bearer = {"Authorization": f"Bearer {login.text}"}
        assert session.post(f"{service.url}/validate", headers=bearer, timeout=60).json()["username"] == email

    output = service.output.read_text()
    assert "POST /login 401" in output
    assert PASSWORD not in output
    assert login.text not in output


def test_a_connection_is_kept_for_the_next_request(service: Service) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: auth\r\n\r\n"
    assert service.raw(request + request).count(b"HTTP/1.1 200") == 2


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /login HTTP/1.1\r\nHost: auth\r\nAuthorization: Basic " + b"A" * 100_000 + b"\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: auth\r\nAuthorization: Basic \x00\x00\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: auth\r\nAuthorization: Basic \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: auth\r\nContent-Length: -1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: auth\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /register HTTP/1.1\r\nHost: auth\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n5000\r\n" + b"x" * 0x5000 + b"\r\n0\r\n\r\n",
        b"POST /register HTTP/1.1\r\nHost: auth\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n{",
        b"POST /\xff\x00 HTTP/1.1\r\nHost: auth\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 not http at all\r\n\r\n",
    ],
)
def test_invalid_requests_are_client_errors(service: Service, request_bytes: bytes) -> None:
    assert service.raw(request_bytes).startswith(b"HTTP/1.1 4")
    assert service.answers()


def test_sigterm_lets_a_login_finish_and_ends_cleanly(tmp_path: Path, mariadb: MariaDB, email: str) -> None:
    mariadb.execute("INSERT INTO auth.user (email, password) VALUES (%s, %s)", email, PASSWORD)
    variables = auth_environment(mariadb.environment, MYSQL_TIMEOUT="60", WEB_GRACE="60")
    with running(tmp_path, variables) as service, ThreadPoolExecutor(1) as pool:
        with mariadb.table_locked():
            login = pool.submit(requests.post, f"{service.url}/login", auth=(email, PASSWORD), timeout=60)
            eventually(mariadb.waiting, what="the login waits for the database")
            service.process.send_signal(signal.SIGTERM)
            eventually(lambda: "Handling signal: term" in service.output.read_text(), what="the signal arrived")
        assert login.result().status_code == 200
        assert service.process.wait(timeout=60) == 0


def test_a_reload_closes_neither_port(tmp_path: Path, database: dict[str, str]) -> None:
    with running(tmp_path, auth_environment(database)) as service:
        (replaced,) = psutil.Process(service.process.pid).children()
        service.process.send_signal(signal.SIGHUP)

        def is_replaced() -> bool:
            # Meanwhile neither port refuses a connection: it waits for the next worker.
            for port in (service.port, service.health):
                socket.create_connection(("127.0.0.1", port), timeout=60).close()
            return not replaced.is_running()

        eventually(is_replaced, what="the old worker ended")
        # The next worker answers when it has loaded the application.
        assert requests.get(f"{service.url}/healthz", timeout=120).status_code == 200
        assert requests.get(f"http://127.0.0.1:{service.health}/readyz", timeout=120).status_code == 200


def test_an_invalid_configuration_ends_the_process_and_names_the_variables(tmp_path: Path) -> None:
    port = str(ports.choose(1)[0])
    variables = {"JWT_SECRET": "too short", "MYSQL_PORT": "many", "PORT": port, "HOME": str(tmp_path)}
    ended = subprocess.run(
        COMMAND, env=environment(**variables), capture_output=True, text=True, timeout=120, check=False
    )

    assert ended.returncode == 4
    for problem in ("JWT_SECRET: must have at least 32 bytes", "MYSQL_HOST: is missing", "MYSQL_PORT: "):
        assert problem in ended.stderr
    assert "too short" not in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_invalid_server_setting_ends_the_process() -> None:
    ended = subprocess.run(
        COMMAND, env=environment(WEB_THREADS="lots"), capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 4
    assert "WEB_THREADS: " in ended.stderr
