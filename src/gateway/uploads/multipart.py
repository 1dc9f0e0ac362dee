"""Receives a multipart upload: writes its file to GridFS as it arrives, without buffering it."""

from collections.abc import Callable, Mapping
from typing import IO

from bson import ObjectId
from flask import Request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import ClientDisconnected
from werkzeug.sansio.multipart import (
    HEADER_CONTINUATION_RE,
    Data,
    Epilogue,
    Field,
    File,
    MultipartDecoder,
    NeedData,
)

from common.domain import filenames
from common.errors import BadRequest, TooLarge, UnsupportedType
from common.storage.writer import GridWriter
from gateway.uploads import disposition
from gateway.uploads.media_type import TypeCheck

MEGABYTE = 1024 * 1024
_READ_SIZE = 64 * 1024  # bytes
# bytes. Of all text fields: options of the conversion. The decoder also counts the bytes of the file that it buffers
# (one read and a possible boundary), so a smaller limit would refuse files.
_MAX_FIELDS = 512 * 1024
_MAX_PARTS = 50
# Characters of a file's name that are stored, for display.
MAX_NAME = 400

_HOW = "With curl: -F file=@video.mp4."


class _Decoder(MultipartDecoder):
    """werkzeug's decoder, for headers in any encoding: `surrogateescape` keeps their bytes."""

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        lines = HEADER_CONTINUATION_RE.sub(b" ", bytes(data)).splitlines()
        pairs = (line.decode(errors="surrogateescape").partition(":") for line in lines if line.strip())
        return Headers([(name.strip(" \t"), value.strip(" \t")) for name, _, value in pairs])


class _File:
    def __init__(self, writer: GridWriter, limit: int) -> None:
        self.writer = writer
        self._limit = limit
        self._type = TypeCheck()

    def write(self, data: bytes) -> None:
        """Raises TooLarge or UnsupportedType as soon as the bytes show it."""
        if self.writer.size + len(data) > self._limit:
            raise too_large(self._limit)
        self._type.feed(data)
        self.writer.write(data)

    def finish(self) -> None:
        self._type.finish()


class _EmptyInput:
    """A file input of a web page in which no file was chosen."""

    def write(self, data: bytes) -> None:
        if data:
            raise BadRequest(f"The file has no name. {_HOW}")

    def finish(self) -> None:
        pass


class _TextField:
    def __init__(self, fields: dict[str, str], name: str) -> None:
        self._fields = fields
        self._name = name
        self._left = _MAX_FIELDS - sum(map(len, fields.values()))
        self._value = b""

    def write(self, data: bytes) -> None:
        self._value += data
        if len(self._value) > self._left:
            raise TooLarge("The fields of the form are too large.")

    def finish(self) -> None:
        """Keeps the first value of each name."""
        self._fields.setdefault(self._name, filenames.decode(self._value))


class Receiver:
    """Reads one request: the file into GridFS, the fields into memory. `close()` deletes an unfinished file."""

    def __init__(self, incoming: Request, limit_mb: int, create: Callable[[str], GridWriter]) -> None:
        self._request = incoming
        self._limit = limit_mb * MEGABYTE
        self._create = create
        self._file: _File | None = None
        self.fields: dict[str, str] = {}
        # As the client sent it, for display only.
        self.filename = ""

    def receive(self) -> None:
        """Reads the body to its end; raises a RejectedError when it is invalid."""
        request = self._request
        if request.mimetype != "multipart/form-data":
            raise UnsupportedType(f"Send the video as multipart/form-data. {_HOW}")
        # The form around the file needs some bytes of its own.
        request.max_content_length = self._limit + _MAX_FIELDS + 4096
        if request.content_length is not None and request.content_length > request.max_content_length:
            raise too_large(self._limit)
        try:
            self._read(request.stream, request.mimetype_params.get("boundary", "").encode("ascii"))
        except (ValueError, ClientDisconnected) as error:
            raise BadRequest(f"The upload is incomplete, or is not valid multipart/form-data. {_HOW}") from error
        if self._file is None:
            raise BadRequest(f"There is no file in the request. {_HOW}")
        if self._file.writer.size == 0:
            raise BadRequest("The file is empty.")

    def _read(self, stream: IO[bytes], boundary: bytes) -> None:
        """Raises ValueError for an invalid form."""
        if not boundary:
            raise ValueError("there is no boundary")
        decoder = _Decoder(boundary, _MAX_FIELDS, max_parts=_MAX_PARTS)
        part: _File | _EmptyInput | _TextField = _EmptyInput()
        while not isinstance(event := decoder.next_event(), Epilogue):
            if isinstance(event, NeedData):
                decoder.receive_data(stream.read(_READ_SIZE) or None)
            elif isinstance(event, (File, Field)):
                part = self._part(event.headers)
            elif isinstance(event, Data):
                part.write(event.data)
                if not event.more_data:
                    part.finish()

    def _part(self, headers: Headers) -> _File | _EmptyInput | _TextField:
        field, filename = disposition.parse(headers["content-disposition"].encode(errors="surrogateescape"))
        if filename is None:
            return _TextField(self.fields, field)
        name = filenames.base_name(filename.strip()).strip()[:MAX_NAME]
        if not name:
            return _EmptyInput()
        if self._file is not None:
            raise BadRequest("Send exactly one file in a request.")
        self._file, self.filename = _File(self._create(name), self._limit), name
        return self._file

    @property
    def size(self) -> int:
        """Bytes of the file that have arrived."""
        return self._file.writer.size if self._file else 0

    def finish(self) -> tuple[ObjectId, int]:
        """Makes the received file visible; returns its id and its size in bytes."""
        if self._file is None:
            raise BadRequest(f"There is no file in the request. {_HOW}")
        return self._file.writer.finish(), self._file.writer.size

    def close(self) -> None:
        if self._file is not None:
            self._file.writer.abort()


def too_large(limit: int, headers: Mapping[str, str] | None = None) -> TooLarge:
    """The error for a file with more than `limit` bytes."""
    megabytes = limit // MEGABYTE
    return TooLarge(f"The file is larger than {megabytes} MB, the maximum size of an upload.", headers=headers)
