"""Writes a GridFS file as its bytes arrive, with memory for a few batches, whatever the file's size.

pymongo's `GridIn` collects up to 32 MB before each insert, and leaves its chunks behind when it is abandoned. This
writer inserts small batches while the next bytes arrive, and deletes the chunks of an aborted file. A failover cannot
lose chunks of a finished file: docs/decisions/0027.
"""

import logging
import time
from collections import deque
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import BoundedSemaphore
from types import TracebackType
from typing import Any, Self

from bson import ObjectId
from gridfs import DEFAULT_CHUNK_SIZE
from pymongo import WriteConcern
from pymongo.collection import Collection
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from common.storage.mongo import Db, Document, StorageUnavailable, failures

log = logging.getLogger(__name__)

# Marks the files of this software: in the metadata of each file and, as chunks are stored before their file's record,
# in each chunk. Other software may use the same database; housekeeping ignores everything without the marker.
MARKER = {"service": "video2mp3"}
# Matches the records of such files.
MARKED = {f"metadata.{name}": value for name, value in MARKER.items()}
# s. A writer that was idle for longer cannot finish: housekeeping may have deleted its chunks.
STALE = 3600.0
# Chunks per insert: 8 of 255 KiB are 2 MiB. Larger batches were not faster, and need more memory.
BATCH = 8
# Concurrent inserts of a file: with two, 800 MB took 3.3 s instead of 4.6; three were not faster.
_INSERTS = 2
# Files of a process that may have a second one, which needs 4 MB, as pymongo encodes the whole batch.
SECOND_INSERTS = 8
_second_inserts = BoundedSemaphore(SECOND_INSERTS)


@dataclass(frozen=True)
class Beginning:
    """A file of which exactly the first `size` bytes are stored."""

    id: ObjectId
    size: int
    tail: bytes
    """The bytes of its last chunk, if it is not full."""
    writer: str
    """The mark of that chunk until another writer resumes the file."""
    turn: int = 0
    """The number of this writer among those that resumed the file; stored in each of its chunks."""


class GridWriter:
    """A file that is being written. Leaving a `with` block aborts it; `finish()` makes it visible."""

    def __init__(
        self,
        db: Db,
        filename: str,
        content_type: str,
        metadata: Mapping[str, Any],
        beginning: Beginning | None = None,
    ) -> None:
        self.id = beginning.id if beginning else ObjectId()
        self.size = beginning.size if beginning else 0
        self.tail = beginning.tail if beginning else b""
        self._writer = beginning.writer if beginning else ""
        self._marks = {**MARKER, "turn": beginning.turn} if beginning else MARKER
        self.confirmed = self.size
        """How many bytes from the beginning a majority of MongoDB's members has."""
        self._last_insert = time.monotonic()
        self._db = db
        self._chunks = db.get_collection("fs.chunks", read_concern=ReadConcern("majority"))
        # Acknowledged by the primary alone, which a failover may undo: `confirm` checks that it did not.
        self._fast_chunks = self._chunks.with_options(write_concern=WriteConcern(w=1))
        self._document = {
            "filename": filename,
            "contentType": content_type,
            "chunkSize": DEFAULT_CHUNK_SIZE,
            "metadata": {**metadata, **MARKER},
        }
        # Pieces of the next chunk, which are copied once, when it is full.
        self._pieces: list[bytes | memoryview] = [self.tail]
        self._waiting = len(self.tail)
        self._batch: list[Document] = []
        self._next = self._unconfirmed = self.size // DEFAULT_CHUNK_SIZE
        # The number of the stored chunk that is not full.
        self._unfull = self._next if self.tail else None
        self._threads = ThreadPoolExecutor(_INSERTS, thread_name_prefix="gridfs")
        self._pending: deque[Future[None]] = deque()
        self._finished = False

    def write(self, data: bytes) -> None:
        """Takes the bytes; raises StorageUnavailable when an earlier batch could not be stored."""
        piece = memoryview(bytes(data))
        start = 0
        while start < len(piece):
            part = piece[start : start + DEFAULT_CHUNK_SIZE - self._waiting]
            self._pieces.append(part)
            self._waiting += len(part)
            self.size += len(part)
            start += len(part)
            if self._waiting == DEFAULT_CHUNK_SIZE:
                self._cut()

    def confirm(self) -> int:
        """Stores all complete chunks; returns how many bytes from the beginning a majority of MongoDB's members has.

        Raises StorageUnavailable when a failover has lost chunks, and as `write` does.
        """
        self._settle(0)
        if self._unconfirmed < self._next:
            self._last_insert = time.monotonic()
            # After all others: when a majority has these, it has the earlier ones, except for those that were lost in
            # a failover. They stay in the batch until then, so that each further call fails too.
            self._insert(self._batch, self._chunks)
            expected = self._next - self._unconfirmed
            with failures():
                numbers = {"$gte": self._unconfirmed, "$lt": self._next}
                found = self._chunks.count_documents({"files_id": self.id, "n": numbers})
            if found != expected:
                raise StorageUnavailable(f"A failover of MongoDB lost {expected - found} chunks of file {self.id}")
            self._batch = []
            self._unconfirmed = self._next
            self.confirmed = self.size - self._waiting
        return self.confirmed

    def finish(self) -> ObjectId:
        """Stores the rest and the file's record; returns the file's id."""
        if self._next and time.monotonic() - self._last_insert > STALE:
            raise StorageUnavailable(f"The writer of file {self.id} was idle for too long")
        self._store_rest()
        with failures():
            record = {"_id": self.id, "length": self.size, "uploadDate": datetime.now(UTC), **self._document}
            self._db["fs.files"].insert_one(record)
        self.leave()
        return self.id

    def suspend(self) -> int:
        """Stores everything received, including a chunk that is not full, and closes the writer; returns the size.

        Raises as `confirm` does. The file stays invisible; a writer with its `Beginning` can resume it.
        """
        self._store_rest()
        self.leave()
        return self.size

    def leave(self) -> None:
        """Closes the writer and keeps the stored chunks."""
        self._finished = True
        self._threads.shutdown(wait=True)
        self._pieces.clear()
        self._batch.clear()

    def abort(self) -> None:
        """Deletes what is stored; if this fails, it is left for housekeeping."""
        if self._finished:
            return
        self._threads.shutdown(wait=True, cancel_futures=True)
        try:
            # MongoDB may have stored the record although its answer was lost.
            self._db["fs.files"].delete_one({"_id": self.id})
            self._chunks.delete_many({"files_id": self.id})
        except PyMongoError as error:
            log.warning("Chunks of the abandoned file %s are left for housekeeping: %s", self.id, error)
        self.leave()

    def _store_rest(self) -> None:
        if self._waiting:
            self._cut()
        self.confirm()

    def _cut(self) -> None:
        # Not earlier: `confirm` needs a chunk that is not stored yet.
        if len(self._batch) == BATCH:
            self._submit()
        data = b"".join(self._pieces)
        self._batch.append({"_id": ObjectId(), "files_id": self.id, "n": self._next, "data": data, **self._marks})
        self._next += 1
        self._pieces.clear()
        self._waiting = 0

    def _submit(self) -> None:
        self._settle(_INSERTS - 1)
        self._last_insert = time.monotonic()
        second = bool(self._pending) and _second_inserts.acquire(blocking=False)
        if not second:
            self._settle(0)
        batch, self._batch = self._batch, []
        pending = self._threads.submit(self._insert, batch, self._fast_chunks)
        if second:
            pending.add_done_callback(lambda _: _second_inserts.release())
        self._pending.append(pending)
        if batch[0]["n"] == self._unfull:
            # Nothing is written after this chunk before it is clear that no other writer has resumed the file.
            self._settle(0)

    def _insert(self, batch: list[Document], chunks: Collection[Document]) -> None:
        with failures():
            if batch[0]["n"] == self._unfull:
                first = {key: value for key, value in batch[0].items() if key != "_id"}
                mine = {"files_id": self.id, "n": self._unfull, "writer": self._writer}
                # With a majority: a chunk that a failover makes shorter again would not be missing.
                found = self._chunks.replace_one(mine, first)
                if found.matched_count == 0:
                    raise StorageUnavailable(f"Another writer has resumed file {self.id}")
                batch = batch[1:]
            if batch:
                chunks.insert_many(batch, ordered=False)

    def _settle(self, left: int) -> None:
        """Waits, in the order of the file, until at most `left` inserts are in progress."""
        while len(self._pending) > left:
            # A failed insert stays in the queue: nothing is confirmed after the gap.
            self._pending[0].result()
            self._pending.popleft()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()
