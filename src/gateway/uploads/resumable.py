"""Receives the parts of resumable uploads: bytes that arrived before a connection broke count."""

import contextlib
import time
from collections.abc import Iterator
from typing import IO

from flask import request

from common.domain.quotas import Amounts
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
from gateway.uploads.media_type import HEAD, TypeCheck
from gateway.uploads.repository import LEASE, LOCK_LOST, Upload, UploadRepository
from gateway.uploads.tus_headers import Checksum

_READ_SIZE = 256 * 1024  # bytes
_LOCK_TIMEOUT = 3.0  # s
_RESUME = "Get the offset with HEAD, then resume."
_RENEW = LEASE / 4  # s between two updates of the offset, which renew the lock


class ResumableUploads:
    """Stores, completes and ends uploads; the body of a part is that of the current request."""

    def __init__(self, store: Store, uploads: UploadRepository, acceptance: UploadAcceptance) -> None:
        self._store = store
        self._uploads = uploads
        self._acceptance = acceptance

    def receive(self, seen: Upload, checksum: Checksum | None) -> int:
        """Stores the body behind `seen.offset`; creates the job after the last part; returns the new offset.

        Raises Locked, Gone, Conflict when the offset is another one, UnsupportedType for a file that is no video (which
        ends the upload), ChecksumMismatch (which changes nothing), and RequestTimeout or BadRequest for an incomplete
        body, of which everything that arrived is kept unless it has a checksum.
        """
        with self._locked(seen) as upload:
            if upload is None:
                raise Gone("The upload has ended.")
            try:
                offset = self._store_part(upload, seen.offset, checksum)
            except UnsupportedType:
                self._end(upload)
                raise
            metrics.UPLOADED_BYTES.inc(offset - upload.offset)
            return offset

    def complete(self, seen: Upload) -> None:
        """Creates the job of an upload whose last request stored all bytes and ended before it did so."""
        with self._locked(seen) as upload:
            if upload is not None:
                self._acceptance.complete(upload)

    def terminate(self, seen: Upload) -> None:
        """Ends the upload, and deletes the job that it may have become; raises Locked."""
        with self._locked(seen) as upload:
            self._store.videos.orphaned_chunks.expect([seen.id])
            if upload is not None and not self._uploads.delete(upload):
                raise Locked(LOCK_LOST)
        had_job = self._store.refuse(seen.id, seen.username, seen.filename, account=seen.account)
        if upload is not None and upload.charged:
            # The bytes of a job have been given back with it.
            cost = Amounts(unfinished=1) if had_job else upload.cost
            self._store.usage.give_back(upload.owner, cost, upload.charged)

    @contextlib.contextmanager
    def _locked(self, seen: Upload) -> Iterator[Upload | None]:
        """Locks the upload, None when it does not exist; releases the lock when the block fails.

        Raises Locked. A request that was just interrupted releases its lock soon: hence the retries.
        """
        deadline = time.monotonic() + _LOCK_TIMEOUT
        while True:
            try:
                upload = self._uploads.lock(seen.id)
                break
            except Locked:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(0.1)
        try:
            yield upload
        except BaseException:
            if upload is not None:
                self._uploads.release(upload)
            raise

    def _store_part(self, upload: Upload, offset: int, checksum: Checksum | None) -> int:
        if upload.offset != offset:
            raise offset_mismatch(upload.offset)
        try:
            writer = self._store.videos.resume(
                upload.id, upload.offset, upload.filename, "video/*", upload.metadata, turn=upload.turn
            )
        except PermanentError as error:
            if not self._end(upload):
                raise Locked(LOCK_LOST) from error
            raise Gone("The stored part of this upload is damaged. Start a new upload: POST /files.") from error
        try:
            part = _Part(self._uploads, upload, writer, checksum)
            interrupted = part.read(request.stream)
            part.check(interrupted)
            part.save_offset()
            offset = writer.suspend()
        finally:
            writer.leave()
        self._uploads.advance(upload, offset, release=offset < upload.length)
        if offset == upload.length:
            self._acceptance.complete(upload)
        if interrupted is not None:
            raise interrupted
        return offset

    def _end(self, upload: Upload) -> bool:
        """Deletes the upload and its bytes; False when the lock was lost."""
        self._store.videos.orphaned_chunks.expect([upload.id])
        if not self._uploads.delete(upload):
            return False
        self._store.videos.delete(upload.id)
        if upload.charged:
            self._store.usage.give_back(upload.owner, upload.cost, upload.charged)
        return True


class _Part:
    """The bytes of one request on their way into the database."""

    def __init__(self, uploads: UploadRepository, upload: Upload, writer: GridWriter, checksum: Checksum | None):
        self._uploads = uploads
        self._upload = upload
        self._writer = writer
        self._checksum = checksum
        self._hash = checksum.new_hash() if checksum else None
        self._type = TypeCheck(writer.tail if upload.offset < HEAD else None)
        self._saved_at = time.monotonic()

    def read(self, stream: IO[bytes]) -> RejectedError | None:
        """Reads the body to its end; returns the error when it is incomplete."""
        left = self._upload.length - self._upload.offset
        try:
            while data := stream.read(min(_READ_SIZE, left + 1)):
                left -= len(data)
                if left < 0:
                    raise TooLarge("The body is longer than the rest of the upload (Upload-Length).")
                self._write(data)
        except RequestTimeout:
            return RequestTimeout(f"The upload timed out: the client sent data too slowly. {_RESUME}")
        except BadRequest:
            return BadRequest(f"The body ended early. {_RESUME}")
        return None

    def check(self, interrupted: RejectedError | None) -> None:
        """Raises when the bytes must not count: not a video, or an incomplete or wrong body with a checksum."""
        if self._writer.size == self._upload.length:
            self._type.finish()
        if self._checksum is not None and self._hash is not None:
            if interrupted is not None:
                raise interrupted
            self._checksum.verify(self._hash)

    def _write(self, data: bytes) -> None:
        self._type.feed(data)
        if self._hash is not None:
            self._hash.update(data)
        # Before the write: after a long pause of the client, another request may have the lock.
        if time.monotonic() - self._saved_at >= _RENEW:
            self.save_offset()
            if self._hash is None:
                self._writer.confirm()
        self._writer.write(data)

    def save_offset(self) -> None:
        """Records what was last confirmed, and renews the lock; raises Locked when it was lost."""
        # Bytes with a checksum count only when all have arrived.
        confirmed = self._upload.offset if self._hash is not None else self._writer.confirmed
        self._uploads.advance(self._upload, confirmed)
        self._saved_at = time.monotonic()


def offset_mismatch(offset: int) -> Conflict:
    return Conflict(
        f"The upload is at byte {offset}. Continue from there.",
        code="offset_mismatch",
        headers={"Upload-Offset": str(offset)},
    )
