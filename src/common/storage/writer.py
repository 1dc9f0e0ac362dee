"""Writes a GridFS file as its bytes arrive: memory stays at a few batches, whatever the file's size.

pymongo's own `GridIn` collects up to 32 MB before each insert and leaves its chunks behind when it is abandoned;
this writer overlaps small batches with the arrival of the next bytes and deletes what an abort leaves.
"""

import io
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
from pymongo.errors import PyMongoError

from common.storage.mongo import Db, StorageUnavailable, failures

log = logging.getLogger(__name__)

# The marker of what we stored: in the metadata of each file, and in each chunk, as chunks arrive before their file's
# record. Other software may keep files in the same database; housekeeping touches nothing without the marker.
MARKER = {"service": "video2mp3"}
# s. A writer that stood still for longer cannot finish: housekeeping may have deleted what it stored.
STALE = 3600.0
# Chunks to an insert: 8 of 255 KiB are 2 MiB, where larger batches measured no faster and cost memory.
BATCH = 8
# Inserts of a file under way at a time: with two, 800 MB took MongoDB 3.3 s instead of 4.6; three were no faster.
_INSERTS = 2
# Files of a process that may have a second one: it costs 4 MB, as pymongo encodes all of it.
SECOND_INSERTS = 8
_second_inserts = BoundedSemaphore(SECOND_INSERTS)


@dataclass(frozen=True)
class Beginning:
    """A file of which the first `size` bytes are stored, and nothing behind them."""

    id: ObjectId
    size: int
    tail: bytes
    """The bytes in its last chunk, if that is not full."""
    writer: str
    """The mark that this chunk has while nobody else has begun to go on with the file."""
    turn: int = 0
    """Of this writer among those that go on with the file: it is in all of its chunks."""


class GridWriter(io.RawIOBase):
    """A file that is being written. `with` aborts it when the block fails; `finish()` makes it visible."""

    def __init__(
        self,
        db: Db,
        filename: str,
        content_type: str,
        metadata: Mapping[str, Any],
        beginning: "Beginning | None" = None,
    ) -> None:
        super().__init__()
        self.id = beginning.id if beginning else ObjectId()
        self.size = beginning.size if beginning else 0
        # What the chunk that is not full held when the writing went on.
        self.tail = beginning.tail if beginning else b""
        self._writer = beginning.writer if beginning else ""
        self._marks = {**MARKER, "turn": beginning.turn} if beginning else MARKER
        self._stored = self.size
        self._last_insert = time.monotonic()
        self._db = db
        # The chunks need no acknowledgement of their own: the file's record is written after them, with the
        # journal, and the journal keeps the order.
        self._chunks = db.get_collection("fs.chunks", write_concern=WriteConcern(w=1))
        self._document = {
            "filename": filename,
            "contentType": content_type,
            "chunkSize": DEFAULT_CHUNK_SIZE,
            "metadata": {**metadata, **MARKER},
        }
        # What is no whole chunk yet, as it came: it is copied once, when it becomes one.
        self._pieces: list[bytes | memoryview] = [self.tail]
        self._waiting = len(self.tail)
        self._batch: list[dict[str, Any]] = []
        self._next = self.size // DEFAULT_CHUNK_SIZE
        # The number of the chunk that is there already, but not full.
        self._unfull = self._next if self.tail else None
        self._threads = ThreadPoolExecutor(_INSERTS, thread_name_prefix="gridfs")
        # Each with the file's size up to its end.
        self._pending: deque[tuple[Future[None], int]] = deque()
        self._finished = False

    @property
    def stored(self) -> int:
        """Bytes of it, from its beginning, that are certainly in the database; raises as `write` does."""
        while self._pending and self._pending[0][0].done():
            self._settle(len(self._pending) - 1)
        return self._stored

    def writable(self) -> bool:
        """Always true: the stream is for writing only."""
        return True

    def write(self, data: Any, /) -> int:
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
                if len(self._batch) == BATCH:
                    self._submit()
        return len(piece)

    def finish(self) -> ObjectId:
        """Stores the rest and the file's record; returns the file's id."""
        if self._next and time.monotonic() - self._last_insert > STALE:
            raise StorageUnavailable(f"The writer of the file {self.id} stood still for too long")
        self._flush_all()
        with failures():
            record = {"_id": self.id, "length": self.size, "uploadDate": datetime.now(UTC), **self._document}
            self._db["fs.files"].insert_one(record)
        self.leave()
        return self.id

    def suspend(self) -> int:
        """Stores what has come so far, a chunk that is not full included, and ends the writing; returns the size.

        The file stays invisible; a writer with its `Beginning` goes on.
        """
        self._flush_all()
        self.leave()
        return self.size

    def leave(self) -> None:
        """Ends the writing; what was stored stays."""
        self._finished = True
        self.close()

    def abort(self) -> None:
        """Deletes what was stored; chunks that can't be deleted now are left to housekeeping."""
        if self._finished:
            return
        self._finished = True
        self._threads.shutdown(wait=True, cancel_futures=True)
        try:
            self._db["fs.chunks"].delete_many({"files_id": self.id})
        except PyMongoError as error:
            log.warning("Chunks of the abandoned file %s are left to housekeeping: %s", self.id, error)
        self.close()

    def close(self) -> None:
        """Ends the writer's threads."""
        if not self.closed:
            self._threads.shutdown(wait=True)
            self._pieces.clear()
            self._batch.clear()
            super().close()

    def _flush_all(self) -> None:
        if self._waiting:
            self._cut()
        if self._batch:
            self._submit()
        self._settle(0)

    def _cut(self) -> None:
        """Makes a chunk of what waits to be one."""
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
        pending = self._threads.submit(self._insert, batch)
        if second:
            pending.add_done_callback(lambda _: _second_inserts.release())
        self._pending.append((pending, self.size - self._waiting))
        if batch[0]["n"] == self._unfull:
            # Whether the file is still this writer's shows here: nothing is written behind it before.
            self._settle(0)

    def _insert(self, batch: list[dict[str, Any]]) -> None:
        with failures():
            if batch[0]["n"] == self._unfull:
                first = {key: value for key, value in batch[0].items() if key != "_id"}
                mine = {"files_id": self.id, "n": self._unfull, "writer": self._writer}
                found = self._chunks.replace_one(mine, first)
                if found.matched_count == 0:
                    raise StorageUnavailable(f"Another writer has gone on with the file {self.id}")
                batch = batch[1:]
            if batch:
                self._chunks.insert_many(batch, ordered=False)

    def _settle(self, left: int) -> None:
        """Waits until no more than `left` inserts are under way, in the file's order."""
        while len(self._pending) > left:
            pending, size = self._pending[0]
            # One that failed stays: whoever goes on must not get behind the hole.
            pending.result()
            self._pending.popleft()
            self._stored = size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()
