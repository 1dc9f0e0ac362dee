"""A request whose body says why it ended early, and whose connection is not used again when it did."""

import io
from typing import Any

from gunicorn.http import message  # type: ignore[import-untyped]
from gunicorn.http.body import LengthReader  # type: ignore[import-untyped]
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from common.errors import BadRequest, RequestTimeout


class Body(io.RawIOBase):
    """`wsgi.input`: gives everything that came, and then raises RequestTimeout or BadRequest if that is not all."""

    def __init__(self, body: Any, unreader: Any) -> None:
        super().__init__()
        self._body = body
        self._unreader = unreader
        self._left: int | None = body.reader.length if isinstance(body.reader, LengthReader) else None
        self.failed = False

    def readable(self) -> bool:
        """Always true."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """The next bytes, 0 at the end; fewer than asked for only there and before an exception."""
        count = 0 if self.failed else self._read_into(memoryview(buffer))
        if not count and self.failed:
            if self._unreader.sock.slow:
                raise RequestTimeout("The request came too slowly and was ended. Try a better connection.")
            raise BadRequest("The body of the request broke off, or is not well-formed.")
        return count

    def _read_into(self, buffer: memoryview) -> int:
        try:
            if self._left is None:
                data = self._body.read(len(buffer))
                buffer[: len(data)] = data
                return len(data)
            count = self._read_known(buffer[: self._left])
            self._left -= count
        except (OSError, ParseException):
            self.failed = True
            return 0
        return count

    def _read_known(self, buffer: memoryview) -> int:
        """Of a body whose length is known, past gunicorn's buffers: those copy each byte six times."""
        if not buffer:
            return 0
        ahead = self._unreader.take_buffered()
        if ahead:
            count = min(len(ahead), len(buffer))
            buffer[:count] = ahead[:count]
            self._unreader.unread(ahead[count:])
        else:
            count = self._unreader.sock.recv_into(buffer)
        self._body.reader.length -= count
        self.failed = not count
        return count

    @property
    def unread(self) -> bool:
        """Whether the client may still send parts of it."""
        reader = self._body.reader
        if self.failed:
            return True
        if isinstance(reader, LengthReader):
            return bool(reader.length > self._unreader.buf.getbuffer().nbytes)
        return reader.parser is not None


class Request(message.Request):  # type: ignore[misc]
    """gunicorn's request with a `Body`."""

    body: Body
    _expected_100_continue: bool

    def set_body_reader(self) -> None:
        """Called by gunicorn when the headers are parsed."""
        super().set_body_reader()
        self.body = Body(self.body, self.unreader)
        # A body that is here need not be asked for.
        self._expected_100_continue = self._expected_100_continue and self.body.unread

    def should_close(self) -> bool:
        """Also with a body that is not read: where the next request begins is not known, or only much later."""
        return bool(super().should_close() or self.body.unread)
