"""Writes a GridFS file as its bytes arrive: memory stays at a few batches, whatever the file's size.

pymongo's own `GridIn` collects up to 32 MB before each insert and leaves its chunks behind when it is abandoned;
this writer overlaps small batches with the arrival of the next bytes and deletes what an abort leaves.
"""

import io
import logging
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from bson import Binary, ObjectId
from gridfs import DEFAULT_CHUNK_SIZE
from pymongo import WriteConcern
from pymongo.errors import PyMongoError

from common.storage.mongo import Db, failures

log = logging.getLogger(__name__)

# Chunks to an insert: 16 of 255 KiB are 4 MiB, where larger batches measured no faster and cost memory.
BATCH = 16


class GridWriter(io.RawIOBase):
    """A file that is being written. `with` aborts it when the block fails; `finish()` makes it visible."""

    def __init__(self, db: Db, filename: str, content_type: str, metadata: Mapping[str, Any]) -> None:
        super().__init__()
        self.id = ObjectId()
        self.size = 0
        self._db = db
        # The chunks need no acknowledgement of their own: the file's record is written after them, with the
        # journal, and the journal keeps the order.
        self._chunks = db.get_collection("fs.chunks", write_concern=WriteConcern(w=1))
        self._document = {
            "filename": filename,
            "contentType": content_type,
            "chunkSize": DEFAULT_CHUNK_SIZE,
            "metadata": dict(metadata),
        }
        self._buffer = bytearray()
        self._next = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gridfs")
        self._pending: Future[None] | None = None
        self._finished = False

    def writable(self) -> bool:
        """Always true: the stream is for writing only."""
        return True

    def write(self, data: Any, /) -> int:
        """Takes the bytes; raises StorageUnavailable when an earlier batch could not be stored."""
        self._buffer += data
        self.size += len(data)
        full = DEFAULT_CHUNK_SIZE * BATCH
        while len(self._buffer) >= full:
            self._submit(full)
        return len(data)

    def finish(self) -> ObjectId:
        """Stores the rest and the file's record; returns the file's id."""
        with failures():
            if self._buffer:
                self._submit(len(self._buffer))
            self._wait()
            record = {"_id": self.id, "length": self.size, "uploadDate": datetime.now(UTC), **self._document}
            self._db["fs.files"].insert_one(record)
        self._finished = True
        self.close()
        return self.id

    def abort(self) -> None:
        """Deletes what was stored; chunks that can't be deleted now are left to housekeeping."""
        if self._finished:
            return
        self._finished = True
        self._thread.shutdown(wait=True, cancel_futures=True)
        try:
            self._db["fs.chunks"].delete_many({"files_id": self.id})
        except PyMongoError as error:
            log.warning("Chunks of the abandoned file %s are left to housekeeping: %s", self.id, error)
        self.close()

    def close(self) -> None:
        """Ends the writer's thread."""
        if not self.closed:
            self._thread.shutdown(wait=True)
            self._buffer.clear()
            super().close()

    def _submit(self, length: int) -> None:
        batch = []
        with memoryview(self._buffer) as view:
            for start in range(0, length, DEFAULT_CHUNK_SIZE):
                data = Binary(bytes(view[start : min(start + DEFAULT_CHUNK_SIZE, length)]))
                batch.append({"_id": ObjectId(), "files_id": self.id, "n": self._next, "data": data})
                self._next += 1
        del self._buffer[:length]
        self._wait()
        self._pending = self._thread.submit(self._insert, batch)

    def _insert(self, batch: list[dict[str, Any]]) -> None:
        with failures():
            self._chunks.insert_many(batch, ordered=False)

    def _wait(self) -> None:
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()
