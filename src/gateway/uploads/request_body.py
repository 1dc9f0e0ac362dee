"""Ends request bodies that arrive too slowly, and detects incomplete ones.

nginx does not buffer uploads, so a slow client could hold a thread of gunicorn without a limit.
"""

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]
from werkzeug.wsgi import ClosingIterator

from common.errors import BadRequest, RequestTimeout

_CHECK_INTERVAL = 0.5  # s
_DISCARDED_AT_ONCE = 64 * 1024  # bytes


class Deadlines:
    """Shuts down reading from sockets whose deadline has passed: `recv` in another thread then returns b""."""

    def __init__(self) -> None:
        self._deadlines: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def until(self, sock: socket.socket, deadline: float) -> Iterator[None]:
        """Applies the deadline (of `time.monotonic`) to the socket while the block runs."""
        with self._lock:
            self._deadlines[sock] = deadline
            if self._thread is None:
                # Not in `__init__`, which may run before a fork.
                self._thread = threading.Thread(target=self._run, name="deadlines", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                del self._deadlines[sock]

    def _run(self) -> None:
        while True:
            time.sleep(_CHECK_INTERVAL)
            now = time.monotonic()
            with self._lock:
                for sock, deadline in self._deadlines.items():
                    if now >= deadline:
                        with contextlib.suppress(OSError):
                            sock.shutdown(socket.SHUT_RD)


class SocketBody:
    """Reads a body of known length directly from its socket: gunicorn's buffers take more than twice the time.

    Uses undocumented attributes of gunicorn's body: its `reader` has the bytes that were received with the headers, and
    the `length` that is left, which gunicorn would otherwise try to read after the response.
    """

    def __init__(self, sock: socket.socket, body: Any) -> None:
        """`body` is the `wsgi.input` of gunicorn."""
        self._sock = sock
        self._reader = body.reader
        self._ahead: bytes | None = None

    def read(self, size: int) -> bytes:
        """Returns at most `size` bytes, b"" when the connection has ended; `size` must not exceed what is left."""
        if self._ahead is None:
            received, length = self._reader.unreader.take_buffered(), self._reader.length
            self._reader.unreader.unread(received[length:])
            self._ahead = received[:length]
            self._reader.length -= len(self._ahead)
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        data = self._sock.recv(size)
        self._reader.length -= len(data)
        return data


class TimedBody(io.RawIOBase):
    """`wsgi.input`: returns everything that arrived, then raises RequestTimeout or BadRequest if that is incomplete.

    Only the time spent waiting for the client counts, not the time between two reads.
    """

    def __init__(
        self,
        read: Callable[[int], bytes],
        length: int | None,
        *,
        minimum: int,
        timeout: float,
        until: Callable[[float], contextlib.AbstractContextManager[None]],
    ) -> None:
        """At least `minimum` bytes must arrive in `timeout` s; `length` is None for a chunked body.

        `read` must return b"" only at the end.
        """
        super().__init__()
        self._read = read
        self._missing = length
        self._minimum = minimum
        self._timeout = timeout
        self._until = until
        self._due = minimum
        self._time_left = timeout
        self._error: RequestTimeout | BadRequest | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """Returns at most `size` bytes, b"" at the end; without a size, all that is left."""
        if size is None or size < 0:
            return self.readall()
        if self._error is not None:
            raise self._error
        wanted = min(size, self._due)
        if self._missing is not None:
            wanted = min(wanted, self._missing)
        data = self._receive(wanted) if wanted else b""
        if not data and self._error is not None:
            raise self._error
        return data

    def discard(self) -> None:
        """Reads what the application left, after the response was sent.

        gunicorn announces to nginx that it keeps the connection, and closes it if more than 64 KiB are left: nginx's
        next request on it would fail. nginx closes the connection if it has not yet sent the whole body.
        """
        with contextlib.suppress(RequestTimeout, BadRequest):
            while self.read(_DISCARDED_AT_ONCE):
                pass

    def _receive(self, wanted: int) -> bytes:
        begun = time.monotonic()
        deadline = begun + self._time_left
        data, failed = b"", True
        with self._until(deadline), contextlib.suppress(OSError, ParseException):
            data = self._read(wanted)
            # gunicorn raises for a chunked body without its end marker.
            failed = not data and self._missing is not None
        now = time.monotonic()
        if self._missing is not None:
            self._missing -= len(data)
        if now >= deadline and (failed or len(data) < wanted):
            self._error = RequestTimeout("The request timed out: the client sent data too slowly.")
        elif failed:
            self._error = BadRequest("The body of the request ended early, or is malformed.")
        self._due -= len(data)
        self._time_left = max(0.0, deadline - now)
        if self._due <= 0:
            self._due, self._time_left = self._minimum, self._timeout
        return data


class TimedBodies:
    """WSGI middleware that replaces `wsgi.input` by a `TimedBody`."""

    def __init__(self, app: WSGIApplication, *, minimum_rate: int, timeout: float) -> None:
        """`minimum_rate` is in bytes/s, averaged over `timeout` s."""
        self._app = app
        self._minimum = max(1, int(minimum_rate * timeout))
        self._timeout = timeout
        self._deadlines = Deadlines()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        sock = environ.get("gunicorn.socket")
        if sock is None:
            return self._app(environ, start_response)
        given = environ["wsgi.input"]
        chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
        body = environ["wsgi.input"] = TimedBody(
            given.read if chunked else SocketBody(sock, given).read,
            None if chunked else int(environ.get("CONTENT_LENGTH") or 0),
            minimum=self._minimum,
            timeout=self._timeout,
            until=lambda deadline: self._deadlines.until(sock, deadline),
        )
        return ClosingIterator(self._app(environ, start_response), body.discard)
