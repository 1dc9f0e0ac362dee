"""Chunks without a file, which interrupted uploads and deletions leave behind.

As with files (`common.storage.suspected_files`), they are suspected first and deleted later; the suspicions are
documents of the collection `orphaned_chunks`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from common.storage.mongo import BATCH, Db, Document, batches, failures, older_than
from common.storage.writer import MARKER


@dataclass(frozen=True)
class ChunkGroup:
    """The chunks of one missing file; `newest` is the id of the last one, None if they are only expected."""

    file_id: ObjectId
    newest: ObjectId | None
    ours: bool
    since: datetime | None = None


class OrphanedChunks:
    """Every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self._db = db
        self._chunks = db["fs.chunks"]
        self._suspects = db["orphaned_chunks"]

    def ensure_indexes(self) -> None:
        with failures():
            self._suspects.create_index([("since", 1)])
            self._suspects.create_index([("lost", 1)], sparse=True)

    def between(self, since: datetime, before: datetime) -> Iterator[list[ChunkGroup]]:
        """Yields those without a file whose upload started in that time, in batches."""
        ids = {"$gte": ObjectId.from_datetime(since), "$lt": ObjectId.from_datetime(before)}
        with failures():
            for rows in batches(self._chunks.aggregate(_file_ids(ids))):
                yield self.without_file([row["_id"] for row in rows])

    def ids_beside(self, file_ids: Sequence[ObjectId], after: ObjectId, until: ObjectId, limit: int) -> list[ObjectId]:
        """Up to `limit` ids in that range, in their order, that have chunks and are none of `file_ids`.

        One interval of the index lies before each of `file_ids`, so it reads about one entry for each, and no document.
        """
        ids = {"$gt": after, "$lte": until, "$nin": list(file_ids)}
        with failures():
            return [row["_id"] for row in self._chunks.aggregate([*_file_ids(ids), {"$limit": limit}])]

    def expect(self, file_ids: Sequence[ObjectId]) -> None:
        """Records that chunks of these files may be left behind; call it before their last record is deleted."""
        if not file_ids:
            return
        entry = [{"$set": {"since": "$$NOW", "newest": None}}]
        with failures():
            self._suspects.bulk_write([UpdateOne({"_id": fid}, entry, upsert=True) for fid in file_ids], ordered=False)

    def suspect(self, groups: Iterable[ChunkGroup]) -> int:
        """Suspects those that were not suspected before; returns how many."""
        changes = [UpdateOne({"_id": group.file_id}, _first_time(group), upsert=True) for group in groups]
        if not changes:
            return 0
        with failures():
            return self._suspects.bulk_write(changes, ordered=False).upserted_count

    def keep(self, groups: Iterable[ChunkGroup]) -> None:
        """Records that a job needs them although their file has no record: they are not suspected."""
        changes = [
            UpdateOne(
                {"_id": group.file_id}, {"$set": {"lost": True, "newest": group.newest, "since": None}}, upsert=True
            )
            for group in groups
        ]
        if changes:
            with failures():
                self._suspects.bulk_write(changes, ordered=False)

    def kept(self, limit: int) -> list[ChunkGroup]:
        """Up to `limit` of those that a job needed when they were last checked."""
        with failures():
            return [_suspected(row) for row in self._suspects.find({"lost": True}).limit(limit)]

    def count_kept(self) -> int:
        with failures():
            return self._suspects.count_documents({"lost": True})

    def due(self, grace: float) -> Iterator[list[ChunkGroup]]:
        """Yields those that have been suspected for at least `grace` seconds, in batches."""
        with failures():
            for rows in batches(self._suspects.find(older_than(grace, "since")).batch_size(BATCH)):
                yield [_suspected(row) for row in rows]

    def delete(self, group: ChunkGroup) -> None:
        """Deletes suspected chunks; the caller checks `without_file` before."""
        with failures():
            self._chunks.delete_many({"files_id": group.file_id})
            self._suspects.delete_one({"_id": group.file_id, "since": group.since})

    def acquit(self, groups: Sequence[ChunkGroup]) -> None:
        """Removes suspicions, unless they have changed."""
        with failures():
            for group in groups:
                self._suspects.delete_one({"_id": group.file_id, "since": group.since})

    def without_file(self, file_ids: Sequence[ObjectId]) -> list[ChunkGroup]:
        """The chunks as they are now of those of these files that have no record and are not being uploaded."""
        if not file_ids:
            return []
        left = set(file_ids)
        # Uploads that can be resumed (gateway.uploads.repository) are not orphaned. They become files, so they are
        # read first.
        for name in ("uploads", "fs.files"):
            with failures():
                left -= {row["_id"] for row in self._db[name].find({"_id": {"$in": list(left)}}, {"_id": 1})}
        found = (self._group(fid) for fid in file_ids if fid in left)
        return [group for group in found if group is not None]

    def _group(self, file_id: ObjectId) -> ChunkGroup | None:
        fields = {"_id": 1, **dict.fromkeys(MARKER, 1)}
        with failures():
            newest = self._chunks.find_one({"files_id": file_id}, fields, sort=[("n", -1)])
        if newest is None or not isinstance(newest["_id"], ObjectId):
            return None
        ours = all(newest.get(name) == value for name, value in MARKER.items())
        return ChunkGroup(file_id, newest["_id"], ours=ours)


def _file_ids(ids: Document) -> list[Document]:
    """Distinct ids in their order, by a DISTINCT_SCAN: it visits one entry of the index per file, not per chunk."""
    return [{"$match": {"files_id": ids}}, {"$sort": {"files_id": 1, "n": 1}}, {"$group": {"_id": "$files_id"}}]


def _suspected(row: Mapping[str, Any]) -> ChunkGroup:
    return ChunkGroup(row["_id"], row["newest"], ours=True, since=row.get("since"))


def _first_time(group: ChunkGroup) -> list[Document]:
    # Keeps the time of the first suspicion, unless chunks were added since.
    same = {"$and": [{"$eq": ["$newest", group.newest]}, {"$ne": ["$lost", True]}]}
    return [{"$set": {"since": {"$cond": [same, "$since", "$$NOW"]}, "newest": group.newest}}, {"$unset": "lost"}]
