"""Adopts files: those without the marker, and those whose job is lost."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from common.storage.mongo import BATCH, Db, Document, batches, failures
from common.storage.writer import MARKED, MARKER

_UNMARKED = {name: {"$ne": value} for name, value in MARKED.items()}
# Other software may store metadata of any type.
_READABLE = {"$or": [{"metadata": None}, {"metadata": {"$type": "object"}}]}
_FIELDS = {"filename": 1, "uploadDate": 1, "metadata": 1}


@dataclass(frozen=True)
class FoundFile:
    """A file of any software; `video_fid` is the source that an MP3 names."""

    id: ObjectId
    filename: str | None
    uploaded_at: datetime
    username: str | None
    video_fid: ObjectId | None
    ours: bool
    had_job: bool
    account: str | None = None


class Adoption:
    """Marks the files of one database; every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self._files = db["fs.files"]

    def mark_videos(self, video_fids: Sequence[ObjectId]) -> int:
        """Marks the videos of jobs; returns how many were not marked."""
        change = {"$set": {**MARKED, "metadata.job": True}}
        with failures():
            return self._files.update_many({"_id": {"$in": video_fids}, **_UNMARKED}, change).modified_count

    def mark_mp3s(self, mp3_fids: Sequence[ObjectId], video_fids: Sequence[ObjectId]) -> int:
        """Marks these MP3s, and those that were made from these videos; returns how many were not marked."""
        made = {"$or": [{"_id": {"$in": mp3_fids}}, {"metadata.video_fid": {"$in": video_fids}}]}
        with failures():
            return self._files.update_many({**made, **_UNMARKED}, {"$set": MARKED}).modified_count

    def files(self) -> Iterator[list[FoundFile]]:
        """Yields all files whose id can be that of a job, in batches."""
        query = {"_id": {"$type": "objectId"}, **_READABLE}
        with failures():
            rows = self._files.find(query, _FIELDS).sort("_id", 1).batch_size(BATCH)
            yield from batches(found(row) for row in rows)

    def results(self, video_fids: Sequence[ObjectId]) -> dict[ObjectId, FoundFile]:
        """The newest MP3 of each of these videos."""
        named = [*video_fids, *map(str, video_fids)]
        with failures():
            rows = self._files.find({"metadata.video_fid": {"$in": named}}, _FIELDS).sort("uploadDate", 1)
            return {file.video_fid: file for file in map(found, rows) if file.video_fid}

    def take(self, file: FoundFile, username: str, account: str | None = None) -> bool:
        """Marks a file, and assigns it to the user if it names none; returns False if it has changed or is gone."""
        metadata: Document = {**MARKER, "job": True, "username": file.username or username}
        if account is not None:
            metadata["account"] = file.account or account
        if file.video_fid is not None:
            metadata["video_fid"] = file.video_fid
        seen = {"_id": file.id, **(MARKED if file.ours else _UNMARKED), **_READABLE}
        merged = {"$mergeObjects": ["$metadata", {"$literal": metadata}]}
        with failures():
            result = self._files.update_one(seen, [{"$set": {"metadata": merged}}, {"$unset": "orphan"}])
        return result.matched_count == 1


def found(row: Mapping[str, Any]) -> FoundFile:
    """Reads a file's record, of which any field but the id may be of other software."""
    metadata = row.get("metadata") or {}
    name, username, account = row.get("filename"), metadata.get("username"), metadata.get("account")
    return FoundFile(
        id=row["_id"],
        filename=name if isinstance(name, str) else None,
        uploaded_at=row["uploadDate"],
        username=username if isinstance(username, str) and username else None,
        video_fid=_object_id(metadata.get("video_fid")),
        ours=all(metadata.get(name) == value for name, value in MARKER.items()),
        had_job=metadata.get("job") is True,
        account=account if isinstance(account, str) and account else None,
    )


def _object_id(value: object) -> ObjectId | None:
    if isinstance(value, str) and ObjectId.is_valid(value):
        return ObjectId(value)
    return value if isinstance(value, ObjectId) else None
