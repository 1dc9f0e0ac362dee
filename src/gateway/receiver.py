"""Receives a multipart upload: its file goes straight into GridFS as it arrives, nothing is kept in between."""

import io
from collections.abc import Callable
from typing import IO, Any

from bson import ObjectId
from flask import Request
from werkzeug.exceptions import ClientDisconnected
from werkzeug.formparser import FormDataParser

from common.errors import BadRequest, TooLarge, UnsupportedType
from common.storage.writer import GridWriter
from gateway.media_type import HEAD, not_a_video

MEGABYTE = 1024 * 1024
# bytes. The fields beside the file: options of a conversion. The parser counts the file's bytes that it holds at the
# moment as well (64 KiB and a possible boundary), so less would refuse files.
_MAX_FIELDS = 512 * 1024
_MAX_PARTS = 50
# Characters of a file's name that are kept for display.
MAX_NAME = 400

_HOW = "With curl: -F file=@video.mp4."


class IncomingFile(io.RawIOBase):
    """The stream that the form parser writes the one file to."""

    def __init__(self, writer: GridWriter, filename: str, limit: int) -> None:
        super().__init__()
        self.writer = writer
        self.filename = filename
        self._limit = limit
        self._head: bytearray | None = bytearray()

    def writable(self) -> bool:
        """Always true."""
        return True

    def write(self, data: Any, /) -> int:
        """Takes bytes of the file; raises TooLarge or UnsupportedType as soon as they show it."""
        if self.writer.size + len(data) > self._limit:
            raise TooLarge(f"The file is larger than {self._limit // MEGABYTE} MB, the most that is accepted here.")
        if self._head is not None:
            self._head += data[: HEAD - len(self._head)]
            if len(self._head) == HEAD:
                self._look()
        return self.writer.write(data)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """The parser rewinds a finished file; here that is the moment when the file is complete."""
        del offset, whence
        self._look()
        return 0

    def _look(self) -> None:
        head, self._head = self._head, None
        if head and (kind := not_a_video(bytes(head))):
            raise UnsupportedType(f"This is {kind}, not a video.")


class Receiver:
    """Reads one request: the file into GridFS, the fields into memory. `close()` aborts what was not finished."""

    def __init__(self, incoming: Request, limit_mb: int, create: Callable[[str], GridWriter]) -> None:
        self._request = incoming
        self._limit = limit_mb * MEGABYTE
        self._create = create
        self._incoming: IncomingFile | None = None
        self.fields: dict[str, str] = {}

    def receive(self) -> None:
        """Reads the body to its end; raises a RejectedError that says what is wrong with it."""
        request = self._request
        if request.mimetype != "multipart/form-data":
            raise UnsupportedType(f"Send the video as multipart/form-data. {_HOW}")
        # The form around the file needs some bytes of its own.
        request.max_content_length = self._limit + _MAX_FIELDS + 4096
        if request.content_length is not None and request.content_length > request.max_content_length:
            raise TooLarge(f"The file is larger than {self._limit // MEGABYTE} MB, the most that is accepted here.")
        parser = FormDataParser(self._open, max_form_memory_size=_MAX_FIELDS, max_form_parts=_MAX_PARTS, silent=False)
        try:
            _, form, _ = parser.parse(request.stream, request.mimetype, request.content_length, request.mimetype_params)
        except (ValueError, ClientDisconnected) as error:
            raise BadRequest(f"The upload is not complete, or not well-formed multipart/form-data. {_HOW}") from error
        if self._incoming is None:
            raise BadRequest(f"There is no file in the request. {_HOW}")
        if self._incoming.writer.size == 0:
            raise BadRequest("The file is empty.")
        self.fields = {name: form[name] for name in form}

    @property
    def filename(self) -> str:
        """The name that the client gave, for display only."""
        return self._incoming.filename if self._incoming else ""

    @property
    def size(self) -> int:
        """Bytes of the file so far."""
        return self._incoming.writer.size if self._incoming else 0

    def finish(self) -> ObjectId:
        """Makes the file visible and returns its id."""
        if self._incoming is None:
            raise BadRequest(f"There is no file in the request. {_HOW}")
        return self._incoming.writer.finish()

    def close(self) -> None:
        """Deletes what was stored of a file that was not finished."""
        if self._incoming is not None:
            self._incoming.writer.abort()

    def _open(
        self,
        total_content_length: int | None,
        content_type: str | None,
        filename: str | None,
        content_length: int | None = None,
    ) -> IO[bytes]:
        del total_content_length, content_type, content_length
        if self._incoming is not None:
            raise BadRequest("Send exactly one file in a request.")
        name = (filename or "").strip()[:MAX_NAME]
        if not name:
            raise BadRequest(f"The file has no name. {_HOW}")
        self._incoming = IncomingFile(self._create(name), name, self._limit)
        return self._incoming  # type: ignore[return-value]
