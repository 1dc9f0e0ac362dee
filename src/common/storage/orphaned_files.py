"""Files of ours that are suspected to be orphaned.

Whether something is needed is not known here: the caller says so, in one pass to suspect it and in a later pass to
delete it. A suspicion carries MongoDB's own time; whoever gives a file an owner (`Bucket.accept`) removes it, and a
deletion goes through only while the suspicion is the one that the caller has seen.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from common.storage.mongo import BATCH, Db, Document, batches, failures, older_than
from common.storage.writer import MARKER

_OURS = {f"metadata.{name}": value for name, value in MARKER.items()}
_FIELDS = {"metadata.video_fid": 1, "metadata.job": 1, "orphan": 1}


@dataclass(frozen=True)
class OwnFile:
    """A file that carries our marker."""

    id: ObjectId
    # Of an MP3: what it was made from.
    video_fid: ObjectId | None
    # Of a video: whether it ever had a job.
    had_job: bool
    # Why it seems orphaned, and since when; None when it does not.
    reason: str | None
    since: datetime | None


class OrphanedFiles:
    """Suspicions on files; every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self._files = db["fs.files"]
        self._chunks = db["fs.chunks"]

    def ensure_indexes(self) -> None:
        """Creates the index of the suspicions, which has an entry for each orphan and no others."""
        with failures():
            self._files.create_index([("orphan.reason", 1), ("orphan.since", 1)], sparse=True)

    def ours_before(self, before: datetime) -> Iterator[list[OwnFile]]:
        """Our files whose upload ended before that time, in batches; the id is as old as its beginning."""
        old = {"_id": {"$lt": ObjectId.from_datetime(before)}, "uploadDate": {"$lt": before}, **_OURS}
        with failures():
            yield from batches(_own(row) for row in self._files.find(old, _FIELDS).batch_size(BATCH))

    def suspect(self, reason: str | None, files: Iterable[OwnFile]) -> int:
        """Suspects files for that reason, or with None no longer, unless they changed; returns how many."""
        orphan: Document = {"reason": reason, "since": "$$NOW"}
        change: list[Document] = [{"$set": {"orphan": orphan}} if reason else {"$unset": "orphan"}]
        changes = [UpdateOne(_as_seen(file), change) for file in files]
        if not changes:
            return 0
        with failures():
            return self._files.bulk_write(changes, ordered=False).modified_count

    def count(self, reasons: Iterable[str], grace: float = 0) -> int:
        """How many files have been suspected for one of these reasons for `grace` seconds."""
        with failures():
            return self._files.count_documents(_due(reasons, grace))

    def due(self, reasons: Iterable[str], grace: float) -> list[OwnFile]:
        """The next files that have been suspected for one of these reasons for `grace` seconds: a batch at most."""
        with failures():
            return [_own(row) for row in self._files.find(_due(reasons, grace), _FIELDS).limit(BATCH)]

    def delete(self, file: OwnFile) -> bool:
        """Deletes a file if it has not changed since it was read; tells whether it did."""
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
        **_OURS,
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
