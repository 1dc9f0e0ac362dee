"""Files in one database's GridFS: write, find, read from any offset, and delete."""

import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import BoundedSemaphore
from typing import Any
from uuid import uuid4

from bson import ObjectId
from gridfs import DEFAULT_CHUNK_SIZE
from pymongo import WriteConcern
from pymongo.cursor import Cursor, CursorType

from common.errors import Failure, PermanentError
from common.storage.adoption import Adoption
from common.storage.mongo import Db, Document, StorageUnavailable, failures
from common.storage.suspected_chunks import OrphanedChunks
from common.storage.suspected_files import OrphanedFiles
from common.storage.writer import MARKER, Beginning, GridWriter

log = logging.getLogger(__name__)

# Chunks per message from MongoDB: 4 of 255 KiB were as fast as 16, and need less memory.
READ_BATCH = 4
# Readers of a process with an exhaust cursor. Each holds one of pymongo's 100 connections, and a message in MongoDB:
# clients that read slowly must not use up all of either.
STREAMS = 32
_streams = BoundedSemaphore(STREAMS)
# Chunk numbers per query.
QUERY = 512


class DamagedFile(PermanentError):
    """Chunks of a stored file are missing or have the wrong length."""

    def __init__(self) -> None:
        super().__init__("The stored file is damaged. Upload it again.", Failure.NO_LONGER_STORED)


@dataclass(frozen=True)
class StoredFile:
    id: ObjectId
    filename: str
    length: int
    chunk_size: int
    uploaded_at: datetime
    metadata: Mapping[str, Any]


class Bucket:
    """The GridFS files of one database; raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self._files = db["fs.files"]
        self._chunks = db["fs.chunks"]
        self.orphans = OrphanedFiles(db)
        self.orphaned_chunks = OrphanedChunks(db)
        self.adoption = Adoption(db)

    def ensure_indexes(self) -> None:
        """Creates the indexes of the GridFS specification, and those for the queries of this package."""
        with failures():
            self._chunks.create_index([("files_id", 1), ("n", 1)], unique=True)
            self._files.create_index([("filename", 1), ("uploadDate", 1)])
            self._files.create_index([("metadata.video_fid", 1)])
        self.orphans.ensure_indexes()
        self.orphaned_chunks.ensure_indexes()

    def create(self, filename: str, content_type: str, metadata: Mapping[str, Any]) -> GridWriter:
        """Starts a file; use it in a `with` block and call `finish()`."""
        return GridWriter(self._db, filename, content_type, metadata)

    def resume(
        self,
        file_id: ObjectId,
        size: int,
        filename: str,
        content_type: str,
        metadata: Mapping[str, Any],
        *,
        turn: int = 0,
    ) -> GridWriter:
        """Resumes a file of which `size` bytes are stored, and deletes chunks after them.

        Only one writer at a time may do so. `turn` increases with each: a delayed writer does not delete chunks of its
        successors. End it with `suspend()`, `leave()` or `finish()`: a `with` block aborts it.
        """
        whole, rest = divmod(size, DEFAULT_CHUNK_SIZE)
        behind = {"$gte": whole + (1 if rest else 0)}
        with failures():
            self._chunks.delete_many({"files_id": file_id, "n": behind, "turn": {"$not": {"$gt": turn}}})
            # Marks the chunk that is not full as this writer's: a delayed writer must not overwrite it.
            writer = uuid4().hex
            mine = {"$set": {"writer": writer, "turn": turn}}
            known = {"files_id": file_id, "n": whole, "turn": {"$not": {"$gt": turn}}}
            last = self._chunks.find_one_and_update(known, mine) if rest else None
        if rest and (last is None or len(last["data"]) < rest):
            raise DamagedFile
        tail = bytes(last["data"][:rest]) if last else b""
        return GridWriter(self._db, filename, content_type, metadata, Beginning(file_id, size, tail, writer, turn))

    def publish(
        self, file_id: ObjectId, size: int, filename: str, content_type: str, metadata: Mapping[str, Any]
    ) -> None:
        """Makes a file visible whose chunks are all stored; idempotent."""
        record = {
            "length": size,
            "chunkSize": DEFAULT_CHUNK_SIZE,
            "uploadDate": datetime.now(UTC),
            "filename": filename,
            "contentType": content_type,
            "metadata": {**metadata, **MARKER},
        }
        with failures():
            self._files.update_one({"_id": file_id}, {"$setOnInsert": record}, upsert=True)

    def accept(self, *file_ids: ObjectId) -> bool:
        """Records that videos have jobs and are not orphaned; returns False if one of the files is gone.

        Call it after the job is created: housekeeping may delete a file without this mark.
        """
        # Not "majority": housekeeping repeats it if a failover has lost it.
        files = self._files.with_options(write_concern=WriteConcern(w=1))
        change = {"$set": {"metadata.job": True}, "$unset": {"orphan": ""}}
        with failures():
            return files.update_many({"_id": {"$in": file_ids}}, change).matched_count == len(file_ids)

    def find(self, file_id: ObjectId) -> StoredFile | None:
        with failures():
            document = self._files.find_one({"_id": file_id})
        return _stored(document) if document else None

    def lengths(self, file_ids: Sequence[ObjectId]) -> dict[ObjectId, int]:
        """The bytes of each of these files that exists."""
        with failures():
            rows = self._files.find({"_id": {"$in": list(file_ids)}}, {"length": 1})
            return {row["_id"]: int(row["length"]) for row in rows}

    def is_complete(self, file: StoredFile) -> bool:
        """Whether all chunks of the file are stored; their content is not read."""
        with failures():
            stored = self._chunks.count_documents({"files_id": file.id}, hint=[("files_id", 1), ("n", 1)])
        return stored == -(-file.length // file.chunk_size)

    def read(self, file: StoredFile, start: int = 0, stop: int | None = None) -> Generator[bytes]:
        """Yields the bytes from `start` to `stop` (exclusive, default the end), one chunk at a time.

        Raises DamagedFile.
        """
        stop = file.length if stop is None else stop
        if start >= stop:
            return
        numbers = range(start // file.chunk_size, (stop - 1) // file.chunk_size + 1)
        with closing(self.chunks(file, numbers)) as chunks:
            for number, data in chunks:
                offset = number * file.chunk_size
                yield data[max(start - offset, 0) : stop - offset]

    def chunks(self, file: StoredFile, numbers: Sequence[int]) -> Generator[tuple[int, bytes]]:
        """Yields the chunks with these numbers, which must be ascending, each with its number. Raises DamagedFile.

        A connection that breaks, as in a failover, only delays it: what is left is requested again.
        """
        done = 0
        while done < len(numbers):
            before = done
            try:
                for chunk in self._chunks_once(file, numbers[done:]):
                    done += 1
                    yield chunk
            except StorageUnavailable as error:
                if done == before:
                    raise
                log.info("Reading file %s again from its chunk %d on: %s", file.id, numbers[done], error)

    def _chunks_once(self, file: StoredFile, numbers: Sequence[int]) -> Generator[tuple[int, bytes]]:
        with self._stream() as kind:
            for part in _parts(numbers):
                expected = iter(part)
                with failures(), closing(self._rows(file, part, kind)) as rows:
                    for row in rows:
                        number, data = row["n"], row["data"]
                        offset = number * file.chunk_size
                        if number != next(expected, None) or len(data) != min(file.chunk_size, file.length - offset):
                            raise DamagedFile
                        yield number, data
                if next(expected, None) is not None:
                    raise DamagedFile

    @contextmanager
    def _stream(self) -> Iterator[int]:
        """The kind of cursor for one more reader: exhaust for the first STREAMS readers, then an ordinary one.

        An exhaust cursor reads 800 MB in 1.2 s instead of 1.9. `mongos` supports it since MongoDB 7.1 (SERVER-57297).
        """
        with failures():
            sharded = self._db.client.is_mongos
        free = not sharded and _streams.acquire(blocking=False)
        try:
            yield CursorType.EXHAUST if free else CursorType.NON_TAILABLE
        finally:
            if free:
                _streams.release()

    def _rows(self, file: StoredFile, numbers: Sequence[int], kind: int) -> Cursor[Document]:
        which = {"$gte": numbers[0], "$lte": numbers[-1]} if isinstance(numbers, range) else {"$in": numbers}
        # A projection would make MongoDB copy each chunk.
        found = self._chunks.find({"files_id": file.id, "n": which}, cursor_type=kind)
        return found.sort("n", 1).batch_size(READ_BATCH)

    def delete(self, *file_ids: ObjectId) -> None:
        """Deletes the files that exist: their records first, so that no reader gets half of one."""
        with failures():
            self._files.delete_many({"_id": {"$in": file_ids}})
            # One at a time: the chunks of many files take longer than a command may.
            for file_id in file_ids:
                self._chunks.delete_many({"files_id": file_id})

    def ids_of_video(self, *video_fids: ObjectId) -> list[ObjectId]:
        with failures():
            rows = self._files.find({"metadata.video_fid": {"$in": video_fids}}, {"_id": 1})
            return [row["_id"] for row in rows]


def _parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """A range as one part, a list in parts of QUERY numbers."""
    if isinstance(numbers, range):
        if numbers:
            yield numbers
        return
    for start in range(0, len(numbers), QUERY):
        yield numbers[start : start + QUERY]


def _stored(document: Mapping[str, Any]) -> StoredFile:
    return StoredFile(
        id=document["_id"],
        filename=document.get("filename") or "file",
        length=document["length"],
        chunk_size=document["chunkSize"],
        uploaded_at=document["uploadDate"],
        metadata=document.get("metadata") or {},
    )
