"""Receives a multipart upload: its file goes straight into GridFS as it arrives, nothing is kept in between."""

from collections.abc import Callable
from typing import IO

from bson import ObjectId
from flask import Request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import ClientDisconnected
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from common.domain import filenames
from common.errors import BadRequest, TooLarge, UnsupportedType
from common.storage.writer import GridWriter
from gateway.uploads import disposition
from gateway.uploads.media_type import HEAD, not_a_video

MEGABYTE = 1024 * 1024
# bytes to a read.
_PIECE = 64 * 1024
# bytes. The fields beside the file: options of a conversion. The decoder counts the file's bytes that it holds at the
# moment as well (a piece and a possible boundary), so less would refuse files.
_MAX_FIELDS = 512 * 1024
_MAX_PARTS = 50
# Characters of a file's name that are kept for display.
MAX_NAME = 400

_HOW = "With curl: -F file=@video.mp4."


class _Decoder(MultipartDecoder):
    """The decoder, which takes headers in any encoding: `surrogateescape` keeps their bytes."""

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        lines = (line.decode(errors="surrogateescape").partition(":") for line in _unfolded(bytes(data)))
        return Headers([(name.strip(" \t"), value.strip(" \t")) for name, _, value in lines])


def _unfolded(data: bytes) -> list[bytes]:
    """The lines of headers, of which one may go on in the next line after a space (RFC 822)."""
    lines: list[bytes] = []
    for line in data.splitlines():
        if line[:1] in {b" ", b"\t"} and lines:
            lines[-1] += line
        elif line.strip():
            lines.append(line)
    return lines


class _IncomingFile:
    """The one file of the form."""

    def __init__(self, writer: GridWriter, filename: str, limit: int) -> None:
        self.writer = writer
        self.filename = filename
        self._limit = limit
        self._head: bytearray | None = bytearray()

    def write(self, data: bytes) -> None:
        """Takes bytes of the file; raises TooLarge or UnsupportedType as soon as they show it."""
        if self.writer.size + len(data) > self._limit:
            raise TooLarge(f"The file is larger than {self._limit // MEGABYTE} MB, the most that is accepted here.")
        if self._head is not None:
            self._head += data[: HEAD - len(self._head)]
            if len(self._head) == HEAD:
                self.complete()
        self.writer.write(data)

    def complete(self) -> None:
        """Looks at what there is of the file's beginning; raises UnsupportedType when it is no video."""
        head, self._head = self._head, None
        if head and (kind := not_a_video(bytes(head))):
            raise UnsupportedType(f"This is {kind}, not a video.")


class _EmptyInput:
    """A file input of a page in which no file was chosen."""

    def write(self, data: bytes) -> None:
        """Raises BadRequest when there is a file after all."""
        if data:
            raise BadRequest(f"The file has no name. {_HOW}")

    def complete(self) -> None:
        """Does nothing: there is nothing."""


class _Text:
    """A field."""

    def __init__(self, fields: dict[str, str], name: str, room: int) -> None:
        self._fields = fields
        self._name = name
        self._room = room
        self._value = b""

    def write(self, data: bytes) -> None:
        """Takes bytes of the value; raises TooLarge."""
        self._value += data
        if len(self._value) > self._room:
            raise TooLarge("The fields of the form are too large.")

    def complete(self) -> None:
        """Keeps the first value of each name."""
        self._fields.setdefault(self._name, filenames.decode(self._value))


class Receiver:
    """Reads one request: the file into GridFS, the fields into memory. `close()` aborts what was not finished."""

    def __init__(self, incoming: Request, limit_mb: int, create: Callable[[str], GridWriter]) -> None:
        self._request = incoming
        self._limit = limit_mb * MEGABYTE
        self._create = create
        self._incoming: _IncomingFile | None = None
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
        try:
            self._read(request.stream, request.mimetype_params.get("boundary", "").encode("ascii"))
        except (ValueError, ClientDisconnected) as error:
            raise BadRequest(f"The upload is not complete, or not well-formed multipart/form-data. {_HOW}") from error
        if self._incoming is None:
            raise BadRequest(f"There is no file in the request. {_HOW}")
        if self._incoming.writer.size == 0:
            raise BadRequest("The file is empty.")

    def _read(self, stream: IO[bytes], boundary: bytes) -> None:
        """Raises ValueError for what is not a form."""
        if not boundary:
            raise ValueError("there is no boundary")
        decoder = _Decoder(boundary, _MAX_FIELDS, max_parts=_MAX_PARTS)
        part: _IncomingFile | _EmptyInput | _Text = _EmptyInput()
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, NeedData):
                decoder.receive_data(stream.read(_PIECE) or None)
            elif isinstance(event, (File, Field)):
                part = self._part(event.headers)
            elif isinstance(event, Data):
                part.write(event.data)
                if not event.more_data:
                    part.complete()

    def _part(self, headers: Headers) -> _IncomingFile | _EmptyInput | _Text:
        found = disposition.parse(headers["content-disposition"].encode(errors="surrogateescape"))
        if found.filename is None:
            room = _MAX_FIELDS - sum(map(len, self.fields.values()))
            return _Text(self.fields, found.name, room)
        name = filenames.base_name(found.filename.strip()).strip()[:MAX_NAME]
        if not name:
            return _EmptyInput()
        if self._incoming is not None:
            raise BadRequest("Send exactly one file in a request.")
        self._incoming = _IncomingFile(self._create(name), name, self._limit)
        return self._incoming

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
