"""Request bodies that arrive slowly or incompletely."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import RequestParser

from common.errors import BadRequest, RequestTimeout
from gateway.uploads.request_body import Deadlines, TimedBodies

# bytes that must arrive in TIMEOUT s.
MINIMUM = 500
TIMEOUT = 0.6


class Connection:
    """A request to an application, of which a client has sent the headers."""

    def __init__(self, length: int | None) -> None:
        self.client, self.server = socket.socketpair()
        kind = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        self.client.sendall(f"POST /upload HTTP/1.1\r\nHost: x\r\n{kind}\r\n\r\n".encode())
        self.parser = RequestParser(Config(), self.server, ("127.0.0.1", 1))
        self.environ: dict[str, Any] = {"gunicorn.socket": self.server, "wsgi.input": next(self.parser).body}
        if length is None:
            self.environ["HTTP_TRANSFER_ENCODING"] = "chunked"
        else:
            self.environ["CONTENT_LENGTH"] = str(length)
        self._body: Any = None

    @property
    def body(self) -> Any:
        """`wsgi.input` of the application."""

        def application(environ: dict[str, Any], _: object) -> list[bytes]:
            self._body = environ["wsgi.input"]
            return []

        if self._body is None:
            TimedBodies(application, **RATE)(self.environ, lambda *_: lambda _: None)
        return self._body

    def close(self) -> None:
        self.client.close()
        self.server.close()


RATE = {"minimum_rate": int(MINIMUM / TIMEOUT), "timeout": TIMEOUT}


@pytest.fixture
def connection(request: pytest.FixtureRequest) -> Iterator[Connection]:
    made = Connection(getattr(request, "param", 10_000))
    with contextlib.closing(made):
        yield made


@contextlib.contextmanager
def sending(sock: socket.socket, data: bytes, every: float) -> Iterator[None]:
    """Sends the data repeatedly while the block runs."""
    stop = threading.Event()

    def send() -> None:
        with contextlib.suppress(OSError):
            while not stop.wait(every):
                sock.sendall(data)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


@contextlib.contextmanager
def sending_once(sock: socket.socket, data: bytes) -> Iterator[None]:
    """Sends the data while the block runs, which must read all of it."""
    thread = threading.Thread(target=sock.sendall, args=(data,))
    thread.start()
    yield
    thread.join(10)
    assert not thread.is_alive()


def test_a_complete_body_is_read_to_its_end(connection: Connection) -> None:
    connection.client.sendall(b"x" * 10_000 + b"the next request")
    body = connection.body
    assert body.read() == b"x" * 10_000
    assert body.read(10) == b""
    assert connection.parser.finish_body(), "gunicorn waits for what the application has read"
    assert connection.server.recv(100) == b"the next request"


@pytest.mark.parametrize("connection", [4], indirect=True)
def test_what_was_received_with_the_headers_is_part_of_the_body(connection: Connection) -> None:
    # As gunicorn leaves it when body and headers come in one packet, with another request behind them.
    connection.parser.unreader.unread(b"bodythe next request")
    body = connection.body
    assert (body.read(3), body.read(3), body.read(3)) == (b"bod", b"y", b"")
    assert connection.parser.unreader.take_buffered() == b"the next request"


@pytest.mark.parametrize("connection", [6], indirect=True)
def test_a_body_that_is_not_read_to_its_end_is_left_to_the_server(connection: Connection) -> None:
    connection.parser.unreader.unread(b"abc")
    assert connection.body.read(1) == b"a"
    connection.client.sendall(b"def")
    assert connection.parser.finish_body()
    connection.client.sendall(b"the next request")
    assert connection.server.recv(100) == b"the next request"


def test_a_body_is_read_into_a_buffer(connection: Connection) -> None:
    connection.client.sendall(b"ab")
    buffer = bytearray(2)
    assert connection.body.readinto(buffer) == 2
    assert bytes(buffer) == b"ab"


def test_an_idle_client_is_too_slow_and_what_arrived_counts(connection: Connection) -> None:
    connection.client.sendall(b"some")
    body = connection.body
    assert body.read(100) == b"some"
    for _ in range(2):
        with pytest.raises(RequestTimeout, match="slowly"):
            body.read(100)


def test_a_body_below_the_minimum_rate_is_too_slow(connection: Connection) -> None:
    body = connection.body
    with sending(connection.client, b"x", every=0.02), pytest.raises(RequestTimeout):
        while True:
            assert body.read(100)


def test_a_body_above_the_minimum_rate_is_read(connection: Connection) -> None:
    body, begun, size = connection.body, time.monotonic(), 0
    with sending(connection.client, b"x" * 100, every=0.03):
        while time.monotonic() - begun < 4 * TIMEOUT and size < 10_000:
            size += len(body.read(100))
    assert size > 2 * MINIMUM


def test_the_time_between_two_reads_does_not_count(connection: Connection) -> None:
    body = connection.body
    for _ in range(3):
        connection.client.sendall(b"x" * 100)
        assert body.read(100) == b"x" * 100
        # The database is slow, not the client.
        time.sleep(TIMEOUT)
    connection.client.sendall(b"y" * 300)
    assert body.read(100) == b"y" * 100


@pytest.mark.parametrize("connection", [10_000], indirect=True)
def test_a_body_that_ends_early_is_not_taken_for_complete(connection: Connection) -> None:
    connection.client.sendall(b"half")
    connection.client.close()
    body = connection.body
    assert body.read(100) == b"half"
    with pytest.raises(BadRequest, match="ended early"):
        body.read(100)


@pytest.mark.parametrize("connection", [None], indirect=True)
def test_a_chunked_body_ends_where_the_server_says(connection: Connection) -> None:
    connection.client.sendall(b"3\r\nall\r\n0\r\n\r\n")
    assert connection.body.read() == b"all"


@pytest.mark.parametrize("connection", [None], indirect=True)
@pytest.mark.parametrize("sent", [b"3\r\nal", b"3\r\nall\r\n", b"ZZ\r\nall\r\n0\r\n\r\n", b"2\r\nall\r\n0\r\n\r\n"])
def test_a_chunked_body_that_is_not_complete_is_refused(connection: Connection, sent: bytes) -> None:
    connection.client.sendall(sent)
    connection.client.close()
    with pytest.raises(BadRequest):
        connection.body.read()


@pytest.mark.parametrize("connection", [None], indirect=True)
def test_a_slow_chunked_body_is_ended_too(connection: Connection) -> None:
    with sending(connection.client, b"1\r\nx\r\n", every=0.02), pytest.raises(RequestTimeout):
        while True:
            assert connection.body.read(100)


@pytest.mark.parametrize("connection", [200_000, None], indirect=True)
def test_what_the_application_left_is_read_after_the_response(connection: Connection) -> None:
    """nginx reuses the connection: gunicorn finds the next request where it looks for it."""
    size = 200_000
    body = b"x" * size if "CONTENT_LENGTH" in connection.environ else b"%x\r\n%s\r\n0\r\n\r\n" % (size, b"x" * size)
    with sending_once(connection.client, body + b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"):
        response = TimedBodies(lambda *_: [b"refused"], **RATE)(connection.environ, lambda *_: lambda _: None)
        assert list(response) == [b"refused"]
        response.close()  # type: ignore[attr-defined]  # As gunicorn does after it has sent the response.
        assert connection.parser.finish_body(max_bytes=1)
        assert next(connection.parser).path == "/next"


@pytest.mark.parametrize("connection", [0], indirect=True)
def test_without_a_body_nothing_is_read(connection: Connection) -> None:
    assert connection.body.read(10) == b""
    assert connection.body.read() == b""


def test_a_request_without_gunicorn_keeps_its_body() -> None:
    environ = {"wsgi.input": object()}
    given = dict(environ)
    TimedBodies(lambda seen, _: [seen is environ], **RATE)(environ, lambda *_: lambda _: None)
    assert environ == given


def test_a_deadline_that_was_met_has_no_effect() -> None:
    client, server = socket.socketpair()
    deadlines = Deadlines()
    with client, server:
        with deadlines.until(server, time.monotonic() + 0.1):
            pass
        other, waiting = socket.socketpair()
        with other, waiting, deadlines.until(waiting, time.monotonic() + 0.2):
            # The first deadline has passed as well when this one is enforced.
            assert waiting.recv(1) == b""
        client.sendall(b"x")
        assert server.recv(1) == b"x"
