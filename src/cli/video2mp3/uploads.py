"""Resumable uploads with tus 1.0.0: https://tus.io/protocols/resumable-upload

Without the package tuspy: see docs/decisions/0008-resumable-uploads.md.
"""

import os
import re
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import requests

from video2mp3.errors import Busy, CliError, Refused, Unreachable
from video2mp3.http_client import Retries, pause

JOB_ID = re.compile(r"[0-9a-fA-F]{24}")
# What is uploaded of a file, in its record: all of it.
WHOLE = "whole"

# bytes of the first request, and of the first one after an interruption: little is sent in vain if the server rejects
# it, because the file is certainly no video, or because the server was still storing what it had received before.
_FIRST_PART = 64 * 1024
# bytes per request: few requests, and little to repeat after an interruption.
_PART = 16 * 1024 * 1024
# bytes that are sent at a time, each within the timeout.
_PIECE = 32 * 1024


class Readable(Protocol):
    """What is uploaded: a file, or a part of one that behaves like a file."""

    def seek(self, offset: int, /) -> int: ...
    def read(self, size: int, /) -> bytes: ...


@dataclass(frozen=True)
class Part:
    """A part of a file as the body of a request, which is read while it is sent."""

    stream: Readable
    offset: int
    length: int
    stop: threading.Event
    on_bytes: Callable[[int], None]

    def __len__(self) -> int:
        return self.length

    def __iter__(self) -> Iterator[bytes]:
        self.stream.seek(self.offset)
        sent = 0
        while sent < self.length:
            pause(self.stop, 0)
            data = self.stream.read(min(_PIECE, self.length - sent))
            if not data:
                raise CliError("The file became shorter while it was uploaded.", "file_changed")
            yield data
            sent += len(data)
            self.on_bytes(self.offset + sent)


@dataclass(frozen=True)
class Uploader:
    """`request` sends a request to the server and raises CliError for an error."""

    request: Callable[..., requests.Response]
    stop: threading.Event
    on_bytes: Callable[[int], None]
    on_wait: Callable[[CliError], None] = lambda _: None

    def create(self, filename: str, size: int, options: Mapping[str, str]) -> str:
        """Begins an upload; returns its id, which becomes the job's."""
        values = {"filename": os.fsencode(filename), **{name: value.encode() for name, value in options.items()}}
        headers = {
            "Upload-Length": str(size),
            "Upload-Metadata": ",".join(f"{name} {b64encode(value).decode()}" for name, value in values.items()),
        }
        answer = Retries(self.stop, self.on_wait).until_success(lambda: self._send("POST", "", headers))
        # Only the id: the token is never sent to an address that a response contains.
        fid = answer.headers.get("Location", "").rstrip("/").rpartition("/")[2]
        if not JOB_ID.fullmatch(fid):
            raise Refused("The server did not return the id of the upload. Check its address (--server).")
        return fid

    def finish(self, fid: str, stream: Readable, size: int, offset: int | None = None) -> None:
        """Sends the bytes from `offset`, by default those that the server does not have yet.

        Raises Missing if the server does not know the upload.
        """
        retries = Retries(self.stop, self.on_wait)
        reached = offset or 0
        length = _FIRST_PART
        while offset is None or offset < size:
            try:
                if offset is None:
                    offset, length = self._stored(fid, size), _FIRST_PART
                else:
                    offset, length = self._send_part(fid, stream, offset, min(length, size - offset), size), _PART
            except (Unreachable, Busy) as error:
                retries.wait(error)
                offset = None
            else:
                if offset > reached:
                    retries.succeeded()
                    reached = offset
                self.on_bytes(offset)

    def _stored(self, fid: str, size: int) -> int:
        return _offset(self._send("HEAD", f"/{fid}"), 0, size)

    def _send_part(self, fid: str, stream: Readable, offset: int, length: int, size: int) -> int:
        part = Part(stream, offset, length, self.stop, self.on_bytes)
        headers = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
        return _offset(self._send("PATCH", f"/{fid}", headers, data=part), offset + 1, size)

    def _send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Part
    ) -> requests.Response:
        return self.request(method, f"/files{path}", headers={"Tus-Resumable": "1.0.0", **(headers or {})}, **more)


def _offset(answer: requests.Response, least: int, most: int) -> int:
    """The offset in a response; raises Unreachable if it is impossible, as after a proxy's response."""
    text = answer.headers.get("Upload-Offset", "")
    if not (text.isdecimal() and least <= int(text) <= most):
        raise Unreachable("The server did not return the state of the upload. Check its address (--server).")
    return int(text)
