"""Chunks without a file, which interrupted uploads and deletions leave behind.

As with files (`common.storage.suspected_files`), they are suspected first and deleted later; the suspicions are
documents of the collection `orphaned_chunks`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId
from pymongo import UpdateOne

from common.storage.mongo import BATCH, Db, Document, batches, failures, older_than
from common.storage.writer import MARKER


@dataclass(frozen=True)
class ChunkGroup:
    """The chunks of one missing file; `newest` is the id of the last one."""

    file_id: ObjectId
    newest: ObjectId
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

    def groups(self, before: datetime) -> Iterator[list[ChunkGroup]]:
        """Yields those without new chunks since that time, in batches."""
        # Grouping by the first field of a sorted index is a DISTINCT_SCAN: it visits one entry per file, not per chunk.
        pipeline: list[Document] = [
            {"$sort": {"files_id": 1, "n": 1}},
            {"$group": {"_id": "$files_id"}},
            {"$match": {"_id": {"$lt": ObjectId.from_datetime(before)}}},
            {"$lookup": {"from": "fs.files", "localField": "_id", "foreignField": "_id", "as": "file"}},
            {"$match": {"file": []}},
            # Uploads that can be resumed (gateway.uploads.repository) are not orphaned.
            {"$lookup": {"from": "uploads", "localField": "_id", "foreignField": "_id", "as": "upload"}},
            {"$match": {"upload": []}},
            {"$project": {"_id": 1}},
        ]
        with failures():
            found = (self._group(row["_id"]) for row in self._chunks.aggregate(pipeline))
            # A slow upload may have started long ago and still be in progress.
            yield from batches(group for group in found if group and group.newest.generation_time < before)

    def suspect(self, groups: Iterable[ChunkGroup]) -> int:
        """Suspects those that were not suspected before; returns how many."""
        changes = [UpdateOne({"_id": group.file_id}, [{"$set": _first_time(group)}], upsert=True) for group in groups]
        if not changes:
            return 0
        with failures():
            return self._suspects.bulk_write(changes, ordered=False).upserted_count

    def due(self, grace: float) -> Iterator[list[ChunkGroup]]:
        """Yields those that have been suspected for at least `grace` seconds, in batches."""
        with failures():
            for rows in batches(self._suspects.find(older_than(grace, "since")).batch_size(BATCH)):
                yield [ChunkGroup(row["_id"], row["newest"], ours=True, since=row["since"]) for row in rows]

    def delete(self, group: ChunkGroup) -> None:
        """Deletes suspected chunks; the caller checks `still_orphaned` before."""
        with failures():
            self._chunks.delete_many({"files_id": group.file_id})
            self._suspects.delete_one({"_id": group.file_id, "since": group.since})

    def acquit(self, groups: Sequence[ChunkGroup]) -> None:
        """Removes suspicions."""
        with failures():
            self._suspects.delete_many({"_id": {"$in": [group.file_id for group in groups]}})

    def still_orphaned(self, group: ChunkGroup) -> bool:
        """Whether they exist, have no file, and none was added since they were suspected."""
        found = self._group(group.file_id)
        with failures():
            owners = (self._db[name].find_one({"_id": group.file_id}, {"_id": 1}) for name in ("fs.files", "uploads"))
            return found is not None and found.newest == group.newest and not any(owners)

    def _group(self, file_id: ObjectId) -> ChunkGroup | None:
        fields = {"_id": 1, **dict.fromkeys(MARKER, 1)}
        with failures():
            newest = self._chunks.find_one({"files_id": file_id}, fields, sort=[("n", -1)])
        if newest is None or not isinstance(newest["_id"], ObjectId):
            return None
        ours = all(newest.get(name) == value for name, value in MARKER.items())
        return ChunkGroup(file_id, newest["_id"], ours=ours)


def _first_time(group: ChunkGroup) -> Document:
    # Keeps the time of the first suspicion, unless chunks were added since.
    same = {"$eq": ["$newest", group.newest]}
    return {"since": {"$cond": [same, "$since", "$$NOW"]}, "newest": group.newest}
