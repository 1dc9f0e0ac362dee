"""Clients that occupy a server: raw connections that send only a part of a request, or read nothing."""

import contextlib
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

# More than the gateway of these tests has threads.
CROWD = 70


@dataclass(frozen=True)
class Answer:
    """The response that the server sent before it closed the connection."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def parse(cls, received: bytes) -> "Answer":
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        return cls(int(first.split()[1]), headers, body)

    @property
    def error(self) -> str:
        """The text of an error; fails when it is not in the format of all errors."""
        return self._fields()[0]

    @property
    def code(self) -> str:
        """The stable code of an error."""
        return self._fields()[1]

    def _fields(self) -> tuple[str, str]:
        assert self.headers["Content-Type"] == "application/json"
        assert self.headers["X-Content-Type-Options"] == "nosniff"
        assert self.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in self.headers["Content-Security-Policy"]
        assert self.headers["X-Request-ID"]
        assert self.headers["Server"] == "nginx", "no version"
        fields = json.loads(self.body)
        assert set(fields) <= {"error", "code"}
        return fields["error"], fields.get("code", "")


def connect(url: str, *, buffer: int | None = None) -> socket.socket:
    """A connection, with a receive buffer of `buffer` bytes."""
    parts = urlsplit(url)
    sock = socket.socket()
    sock.settimeout(90)
    if buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    sock.connect((parts.hostname, parts.port))
    return sock


def rest(sock: socket.socket) -> Answer:
    """The response, after the server has closed the connection."""
    return Answer.parse(received(sock))


def received(sock: socket.socket) -> bytes:
    """Everything until the server closes the connection."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := sock.recv(65536):
            data += more
    return data


def answer(url: str, sent: bytes) -> Answer:
    """The response to these bytes; the client's side stays open."""
    with connect(url) as sock:
        sock.sendall(sent)
        return rest(sock)


@contextmanager
def crowd(url: str, sent: bytes, *, size: int = CROWD, buffer: int | None = None) -> Iterator[list[socket.socket]]:
    """Many connections that have sent the same."""
    with ExitStack() as stack:
        socks = [stack.enter_context(connect(url, buffer=buffer)) for _ in range(size)]
        for sock in socks:
            sock.sendall(sent)
        yield socks
