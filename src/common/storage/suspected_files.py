"""Files with the marker that are suspected to be orphaned.

The caller decides whether a file is needed: one pass suspects it, and a later pass deletes it. A suspicion has
MongoDB's time. Giving the file a job removes it (`Bucket.accept`), and a file is only deleted while its suspicion is
the one that the caller has read.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from common.storage.mongo import BATCH, Db, Document, batches, failures, older_than
from common.storage.writer import MARKED

_FIELDS = {"metadata.video_fid": 1, "metadata.job": 1, "orphan": 1}


@dataclass(frozen=True)
class OwnFile:
    """A file with the marker."""

    id: ObjectId
    # For an MP3: its source.
    video_fid: ObjectId | None
    # For a video: whether it ever had a job.
    had_job: bool
    # Why it is suspected to be orphaned, and since when; None if it is not.
    reason: str | None
    since: datetime | None


class OrphanedFiles:
    """Suspicions on files; every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self._files = db["fs.files"]
        self._chunks = db["fs.chunks"]

    def ensure_indexes(self) -> None:
        """Creates the index of the suspicions, with entries for suspected files only, and that of new files."""
        with failures():
            self._files.create_index([("orphan.reason", 1), ("orphan.since", 1)], sparse=True)
            self._files.create_index([("uploadDate", 1)])

    def ours_between(self, since: datetime, before: datetime) -> Iterator[list[OwnFile]]:
        """Yields files whose upload ended in that time, in batches."""
        ended = {"uploadDate": {"$gte": since, "$lt": before}, **MARKED}
        with failures():
            yield from batches(_own(row) for row in self._files.find(ended, _FIELDS).batch_size(BATCH))

    def ours_among(self, ids: Sequence[ObjectId], before: datetime) -> list[OwnFile]:
        """Those of these files whose upload ended before that time."""
        return self._ours({"_id": {"$in": list(ids)}}, before)

    def ours_of_videos(self, video_fids: Sequence[ObjectId], before: datetime) -> list[OwnFile]:
        """The MP3s of these videos whose upload ended before that time."""
        return self._ours({"metadata.video_fid": {"$in": list(video_fids)}}, before)

    def ids_after(self, after: ObjectId, before: datetime, limit: int) -> list[ObjectId]:
        """The next ids of files of any software whose upload started before that time; reads the index only."""
        query = {"_id": {"$gt": after, "$lt": ObjectId.from_datetime(before)}}
        with failures():
            return [row["_id"] for row in self._files.find(query, {"_id": 1}).sort("_id", 1).limit(limit)]

    def _ours(self, which: Document, before: datetime) -> list[OwnFile]:
        with failures():
            return [_own(row) for row in self._files.find({**which, "uploadDate": {"$lt": before}, **MARKED}, _FIELDS)]

    def suspect(self, reason: str | None, files: Iterable[OwnFile]) -> int:
        """Sets the reason of files, or removes it (None), unless they changed; returns how many."""
        orphan: Document = {"reason": reason, "since": "$$NOW"}
        change: list[Document] = [{"$set": {"orphan": orphan}} if reason else {"$unset": "orphan"}]
        changes = [UpdateOne(_as_seen(file), change) for file in files]
        if not changes:
            return 0
        with failures():
            return self._files.bulk_write(changes, ordered=False).modified_count

    def count(self, reasons: Iterable[str], grace: float = 0) -> int:
        """How many files have been suspected for one of these reasons for at least `grace` seconds."""
        with failures():
            return self._files.count_documents(_due(reasons, grace))

    def due(self, reasons: Iterable[str], grace: float, limit: int = BATCH) -> list[OwnFile]:
        """Up to `limit` files that have been suspected for one of these reasons for at least `grace` seconds."""
        with failures():
            return [_own(row) for row in self._files.find(_due(reasons, grace), _FIELDS).limit(limit)]

    def delete(self, file: OwnFile) -> bool:
        """Deletes a file if it has not changed since it was read; returns whether it did."""
        with failures():
            if self._files.delete_one(_as_seen(file)).deleted_count == 0:
                return False
            self._chunks.delete_many({"files_id": file.id})
        return True


def _due(reasons: Iterable[str], grace: float) -> Document:
    return {"orphan.reason": {"$in": list(reasons)}, **older_than(grace, "orphan.since")}


def _as_seen(file: OwnFile) -> Document:
    return {
        "_id": file.id,
        **MARKED,
        "metadata.job": True if file.had_job else {"$ne": True},
        "orphan.reason": file.reason,
        "orphan.since": file.since,
    }


def _own(row: Mapping[str, Any]) -> OwnFile:
    metadata, orphan = row.get("metadata") or {}, row.get("orphan") or {}
    return OwnFile(
        id=row["_id"],
        video_fid=metadata.get("video_fid"),
        had_job=metadata.get("job") is True,
        reason=orphan.get("reason"),
        since=orphan.get("since"),
    )
