"""A client's connection before, between and after its requests, while no thread is held for it."""

from collections import deque
from typing import Any

from gunicorn.http.errors import LimitRequestHeaders, LimitRequestLine  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped]

from common.serving.requests import Request

# bytes. All headers together: nginx takes as much (large_client_header_buffers). Below it, gunicorn's own limits hold.
MAX_HEAD = 32 * 1024
_END = b"\r\n\r\n"


class Connection(TConn):  # type: ignore[misc]
    """gunicorn's connection, with the beginning of a request that has come so far."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.head = bytearray()
        # Those that wait for the same, of which this is one; None while a thread has it.
        self.queue: deque[Connection] | None = None
        # gunicorn's threads need not wait: they get it when it has a request.
        self.data_ready = True

    def read_head(self) -> bool:
        """Takes what has come; False at the end. Raises OSError, BlockingIOError among them."""
        data = self.sock.arrived(MAX_HEAD)
        self.head += data
        return bool(data)

    @property
    def has_request(self) -> bool:
        """Whether the headers of a request are complete, or can be refused without what is missing."""
        return _END in self.head or len(self.head) > MAX_HEAD or self._bare_line()

    def init(self) -> None:
        """Hands what was read to gunicorn's parser; in the thread that serves the request."""
        super().init()
        self.sock.begin()
        if len(self.head) > MAX_HEAD and _END not in self.head:
            line_ends = b"\n" in self.head
            raise LimitRequestHeaders("all of them") if line_ends else LimitRequestLine(len(self.head), MAX_HEAD)
        self.parser.mesg_class = Request
        self.parser.unreader.unread(bytes(self.head))
        self.head.clear()

    def rest(self) -> None:
        """Takes back what the parser has read beyond the request."""
        self.head += self.parser.unreader.take_buffered()

    def _bare_line(self) -> bool:
        # gunicorn refuses it at once: RFC 9112 section 2.2 wants CR before LF.
        end = self.head.find(b"\n")
        return end >= 0 and self.head[max(end - 1, 0)] != ord("\r")
