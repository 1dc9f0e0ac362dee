"""Receives a part of a resumable upload: what came counts, even when the connection breaks in the middle of it."""

import logging
import time
from typing import IO

from flask import request

from common.errors import (
    BadRequest,
    Conflict,
    Gone,
    Locked,
    PermanentError,
    RejectedError,
    RequestTimeout,
    TooLarge,
    UnsupportedType,
)
from common.runtime import metrics
from common.storage.writer import GridWriter
from gateway.jobs.store import Store
from gateway.uploads.acceptance import UploadAcceptance
from gateway.uploads.checksum import Checksum
from gateway.uploads.media_type import HEAD, not_a_video
from gateway.uploads.resumable import LEASE, Upload, Uploads

log = logging.getLogger(__name__)

_PIECE = 256 * 1024  # bytes to a read
_PATIENCE = 3.0  # s to wait for a lock
_RENEW = LEASE / 4  # s between two notes of the offset, which renew the lock


class Parts:
    """Takes the body of the request at hand as the next part of an upload."""

    def __init__(self, store: Store, uploads: Uploads, intake: UploadAcceptance) -> None:
        self._store = store
        self._uploads = uploads
        self._intake = intake

    def receive(self, seen: Upload, checksum: Checksum | None) -> int:
        """Stores the body behind `seen.offset`; makes the job when that was the last part; returns the new offset.

        Raises Locked, Conflict when the upload has moved on, UnsupportedType for what is no video (which ends the
        upload), ChecksumMismatch (which leaves it as it was), and RequestTimeout or BadRequest for a body that broke
        off, of which everything that came is kept unless it has a checksum.
        """
        upload = self.take(seen)
        if upload is None:
            raise Gone("The upload has ended.")
        try:
            offset = self._store_part(upload, seen.offset, checksum)
        except UnsupportedType:
            self._end(upload)
            raise
        except BaseException:
            self._uploads.release(upload)
            raise
        metrics.UPLOADED_BYTES.inc(offset - upload.offset)
        return offset

    def take(self, seen: Upload) -> Upload | None:
        """Takes the lock, which a request that was just broken off gives back soon; raises Locked when it does not."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._uploads.lock(seen.id)
            except Locked:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.1)

    def finish(self, seen: Upload) -> None:
        """Makes the job of an upload whose last request brought all its bytes and ended before it did so."""
        upload = self.take(seen)
        if upload is not None:
            try:
                self._intake.complete(upload)
            except BaseException:
                self._uploads.release(upload)
                raise

    def _store_part(self, upload: Upload, offset: int, checksum: Checksum | None) -> int:
        if upload.offset != offset:
            raise moved_on(upload.offset)
        try:
            writer = self._store.videos.resume(
                upload.id, upload.offset, upload.filename, "video/*", upload.metadata, turn=upload.turn
            )
        except PermanentError as error:
            if not self._end(upload):
                raise Locked("Another request has taken over this upload. Ask for its offset and continue.") from error
            raise Gone("The stored part of this upload is damaged. Start a new upload: POST /files.") from error
        try:
            part = _Part(self._uploads, upload, writer, checksum)
            broken = part.read(request.stream)
            part.check(broken)
            part.note()
            offset = writer.suspend()
        finally:
            writer.leave()
        self._uploads.advance(upload, offset, release=offset < upload.length)
        if offset == upload.length:
            self._intake.complete(upload)
        if broken is not None:
            raise broken
        return offset

    def _end(self, upload: Upload) -> bool:
        """Ends the upload, if the lock is still ours; tells whether it was."""
        if not self._uploads.forget(upload):
            return False
        self._store.videos.delete(upload.id)
        return True


class _Part:
    """The bytes of one request on their way into the database."""

    def __init__(self, uploads: Uploads, upload: Upload, writer: GridWriter, checksum: Checksum | None) -> None:
        self._uploads = uploads
        self._upload = upload
        self._writer = writer
        self._checksum = checksum
        self._hash = checksum.begin() if checksum else None
        # The first bytes of the file tell what it is; they may come in several parts.
        self._head: bytearray | None = bytearray(writer.tail) if upload.offset < HEAD else None
        self._noted = time.monotonic()

    def read(self, stream: IO[bytes]) -> RejectedError | None:
        """Reads to the end of the body; returns why it broke off, if it did."""
        room = self._upload.length - self._upload.offset
        try:
            while data := stream.read(min(_PIECE, room + 1)):
                room -= len(data)
                if room < 0:
                    raise TooLarge("The body is longer than the upload, as its Upload-Length says.")
                self._take(data)
        except RequestTimeout:
            return RequestTimeout("The upload was too slow and was ended. Ask for its offset and continue.")
        except BadRequest:
            return BadRequest("The body ended early. Ask for the offset of the upload and continue.")
        return None

    def check(self, broken: RejectedError | None) -> None:
        """Raises when what came must not count."""
        if self._head is not None and self._writer.size == self._upload.length:
            self._look()
        if self._checksum is not None and self._hash is not None:
            if broken is not None:
                raise broken
            self._checksum.verify(self._hash)

    def _take(self, data: bytes) -> None:
        if self._head is not None:
            self._head += data[: HEAD - len(self._head)]
            if len(self._head) == HEAD:
                self._look()
        if self._hash is not None:
            self._hash.update(data)
        # Before it writes: whoever was silent for long may have lost the lock to another request.
        if time.monotonic() - self._noted >= _RENEW:
            self.note()
        self._writer.write(data)

    def note(self) -> None:
        """Notes how far it is, and renews the lock; raises Locked when another request has taken it."""
        # Bytes with a checksum count only when all have come.
        stored = self._upload.offset if self._hash is not None else self._writer.stored
        self._uploads.advance(self._upload, stored)
        self._noted = time.monotonic()

    def _look(self) -> None:
        head, self._head = self._head, None
        if head and (kind := not_a_video(bytes(head))):
            raise UnsupportedType(f"This is {kind}, not a video.")


def moved_on(offset: int) -> Conflict:
    """The refusal of bytes for another place than where the upload is."""
    return Conflict(
        f"The upload is at byte {offset}. Continue from there.",
        code="offset_mismatch",
        headers={"Upload-Offset": str(offset)},
    )
