"""Which requests reach the gateway, and what clients get if it does not answer."""

import signal
import socket
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.integration.nginx.conftest import Echo, Nginx, refused, started
from tests.waiting import eventually


def connect(nginx: Nginx) -> socket.socket:
    parts = urlsplit(nginx.url)
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def test_the_address_of_the_client_is_the_last_one(nginx: Nginx) -> None:
    made_up = {"X-Forwarded-For": "203.0.113.7, 198.51.100.1"}
    seen = requests.get(f"{nginx.url}/jobs?a=%2Fb", headers=made_up, timeout=30).json()
    assert seen["headers"]["X-Forwarded-For"] == "203.0.113.7, 198.51.100.1, 127.0.0.1"
    assert seen["path"] == "/jobs?a=%2Fb"
    assert seen["headers"]["Host"] == urlsplit(nginx.url).netloc


@pytest.mark.parametrize(("given", "kept"), [("abc-1", True), ("x" * 65, False), ("a b", False)])
def test_a_request_id_is_kept_or_made(nginx: Nginx, given: str, kept: bool) -> None:
    answer = requests.get(f"{nginx.url}/jobs", headers={"X-Request-ID": given}, timeout=30)
    found = answer.json()["headers"]["X-Request-ID"]
    assert (found == given) is kept
    assert answer.headers["X-Request-ID"] == found


def test_every_answer_has_the_security_headers_unless_the_gateway_sets_them(nginx: Nginx) -> None:
    answer = requests.get(f"{nginx.url}/jobs", timeout=30)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["Server"] == "nginx"
    answer = requests.get(f"{nginx.url}/own", timeout=30)
    assert answer.headers["Cache-Control"] == "private"
    assert answer.headers["Content-Security-Policy"] == "default-src 'self'"


def test_a_small_body_reaches_the_gateway_when_it_is_complete(nginx: Nginx) -> None:
    Echo.begun.clear()
    with connect(nginx) as sock:
        sock.sendall(b"POST /login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 10\r\n\r\nhalf.")
        assert not Echo.begun.wait(0.5)
        sock.sendall(b"half.")
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b'"size": 10}')


@pytest.mark.parametrize("path", ["/upload", "/files", "/files/0123456789abcdef01234567", "/v1/upload", "/summaries"])
def test_the_body_of_an_upload_reaches_the_gateway_as_it_arrives(nginx: Nginx, path: str) -> None:
    Echo.begun.clear()
    with connect(nginx) as sock:
        sock.sendall(
            f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 200000\r\n\r\nhalf.".encode()
        )
        assert Echo.begun.wait(30)
        sock.sendall(b"x" * 199_995)
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.endswith(b'"size": 200000}')


def test_a_body_that_is_too_large_is_refused(nginx: Nginx) -> None:
    refused(requests.post(f"{nginx.url}/login", data=b"x" * 20_000, timeout=30), 413, "too_large")


def test_an_unavailable_gateway_is_a_502_with_a_clear_error(alone: Nginx) -> None:
    answer = requests.post(f"{alone.url}/login", timeout=30)
    assert "Try again" in refused(answer, 502, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    # nginx writes the line after it has sent the answer.
    eventually(lambda: answer.headers["X-Request-ID"] in alone.log(), what="the line of the request")
    assert requests.get(f"{alone.health}/healthz", timeout=30).json() == {"status": "ok"}
    assert requests.get(f"{alone.health}/readyz", timeout=30).json() == {"status": "ok"}


def test_errors_of_the_gateway_are_passed_on_unchanged(nginx: Nginx) -> None:
    answer = requests.get(f"{nginx.url}/busy", timeout=30)
    assert answer.status_code == 503
    assert answer.json()["path"] == "/busy"


def test_tokens_do_not_reach_the_log(alone: Nginx, nginx: Nginx) -> None:
    requests.get(f"{alone.url}/download?fid=1&token=hidden", timeout=30)
    eventually(lambda: "GET /download 502" in alone.log(), what="the line of the request")
    assert "hidden" not in alone.log()
    requests.get(f"{nginx.url}/download?fid=1&token=hidden", timeout=30)
    requests.get(f"{nginx.url}/assets/nothing?token=hidden", timeout=30)
    eventually(lambda: "GET /assets/nothing 404" in nginx.log(), what="the line of the request")
    # The gateway logs its own answers.
    assert "/download" not in nginx.log()
    assert "hidden" not in nginx.log()


def test_errors_of_a_request_with_a_token_do_not_reach_the_log(tmp_path: Path) -> None:
    # The kernel refuses connections to a broadcast address, which nginx reports as critical.
    nginx = started(tmp_path, GATEWAY_ADDRESS="255.255.255.255:8000")
    try:
        headers = {"Referer": "https://video.example.com/account/reset?token=hidden"}
        answer = requests.get(f"{nginx.url}/download?fid=1&token=hidden", headers=headers, timeout=30)
        refused(answer, 502, "unavailable")
        eventually(lambda: "GET /download 502" in nginx.log(), what="the line of the request")
        assert "hidden" not in nginx.log()
    finally:
        nginx.process.terminate()
        nginx.process.wait(30)


def test_one_token_has_a_limit_of_downloads(nginx: Nginx) -> None:
    Echo.resume.clear()
    before = Echo.downloads
    with ExitStack() as held:
        for _ in range(128):
            held.enter_context(connect(nginx)).sendall(b"GET /download?token=mine HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: Echo.downloads == before + 128, what="the downloads")
        refused(requests.get(f"{nginx.url}/download?token=mine", timeout=30), 429, "too_many_requests")
        held.enter_context(connect(nginx)).sendall(b"GET /download?token=theirs HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: Echo.downloads == before + 129, what="the other one's download")
        Echo.resume.set()


def test_an_upload_in_progress_is_finished_before_nginx_ends(tmp_path: Path, upstream: str) -> None:
    nginx = started(tmp_path, GATEWAY_ADDRESS=upstream)
    Echo.begun.clear()
    with connect(nginx) as sock:
        sock.sendall(b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf.")
        assert Echo.begun.wait(30)
        nginx.process.send_signal(signal.SIGQUIT)

        def refuses() -> bool:
            with suppress(ConnectionRefusedError), connect(nginx):
                return False
            return True

        eventually(refuses, what="no more connections")
        sock.sendall(b"half.")
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.endswith(b'"size": 10}')
    assert nginx.process.wait(30) == 0
