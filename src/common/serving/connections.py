"""A client's connection before, between and after its requests, while no thread is held for it."""

import re
from collections import deque
from typing import Any

from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped]

from common.serving.requests import Request

# bytes. All headers together: nginx takes as much (large_client_header_buffers). Below it, gunicorn's own limits hold.
MAX_HEAD = 32 * 1024
# bytes. Bodies up to this length are waited for as well: all but uploads, and nobody needs an account to send one.
SMALL_BODY = 16 * 1024

_END = b"\r\n\r\n"
# What is not as it should be is left to gunicorn's parser, which refuses it.
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*\r\n", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)


class Connection(TConn):  # type: ignore[misc]
    """gunicorn's connection, with what has come of a request so far."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._came = bytearray()
        self._told_to_go_on = False
        # Those that wait for the same, of which this is one; None while a thread has it.
        self.queue: deque[Connection] | None = None
        # gunicorn's threads need not wait: they get it when it has a request.
        self.data_ready = True

    def read(self) -> bool:
        """Takes what has come; False at the end. Raises OSError, BlockingIOError among them."""
        data = self.sock.arrived(MAX_HEAD)
        self._came += data
        return bool(data)

    def take_back(self) -> None:
        """Takes from the parser what it has read beyond its request."""
        self._came += self.parser.unreader.take_buffered()

    @property
    def began(self) -> bool:
        """Whether something has come of a request."""
        return bool(self._came)

    @property
    def has_headers(self) -> bool:
        """Whether the headers of a request are complete, or can be refused without what is missing."""
        return _END in self._came or len(self._came) > MAX_HEAD or self._has_bare_line()

    @property
    def has_request(self) -> bool:
        """Whether a thread can serve it at once: the headers are there, and the body if it is small."""
        return self.has_headers and len(self._came) >= self._needed()

    def go_on(self) -> None:
        """Tells a client so that waits for it before it sends a small body (RFC 9110 section 10.1.1)."""
        end = self._came.find(_END)
        if end >= 0 and not self._told_to_go_on and _EXPECT.search(self._came, 0, end + 2):
            self._told_to_go_on = True
            self.sock.reply(b"HTTP/1.1 100 Continue\r\n\r\n")

    def init(self) -> None:
        """Hands what was read to gunicorn's parser; in the thread that serves the request."""
        super().init()
        self.sock.begin()
        if len(self._came) > MAX_HEAD and _END not in self._came:
            line_ends = b"\n" in self._came
            raise LimitRequestHeaders("all of them") if line_ends else LimitRequestLine(len(self._came), MAX_HEAD)
        self.parser.mesg_class = Request
        self.parser.unreader.unread(bytes(self._came))
        self._came.clear()
        self._told_to_go_on = False

    def _needed(self) -> int:
        end = self._came.find(_END)
        length = _LENGTH.search(self._came, 0, end + 2) if end >= 0 else None
        body = int(length[1]) if length else 0
        return end + len(_END) + body if body <= SMALL_BODY else 0

    def _has_bare_line(self) -> bool:
        # gunicorn refuses it at once: RFC 9112 section 2.2 wants CR before LF.
        end = self._came.find(b"\n")
        return end >= 0 and self._came[max(end - 1, 0)] != ord("\r")
