"""Files that do not carry our marker, or whose job is gone, become ours."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId

from common.storage.mongo import BATCH, Db, Document, batches, failures
from common.storage.writer import MARKER

_MARK = {f"metadata.{name}": value for name, value in MARKER.items()}
_UNMARKED = {name: {"$ne": value} for name, value in _MARK.items()}
# Other software may keep anything there.
_READABLE = {"$or": [{"metadata": None}, {"metadata": {"$type": "object"}}]}
_FIELDS = {"filename": 1, "uploadDate": 1, "metadata": 1}


@dataclass(frozen=True)
class FoundFile:
    """A file whoever stored it; `video_fid` is what an MP3 says that it was made from."""

    id: ObjectId
    filename: str | None
    uploaded_at: datetime
    username: str | None
    video_fid: ObjectId | None
    ours: bool
    had_job: bool


class Adoption:
    """Marks files of one database; every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self._files = db["fs.files"]

    def mark_videos(self, video_fids: Sequence[ObjectId]) -> int:
        """Marks the files of these jobs; returns how many were not marked."""
        change = {"$set": {**_MARK, "metadata.job": True}}
        with failures():
            return self._files.update_many({"_id": {"$in": video_fids}, **_UNMARKED}, change).modified_count

    def mark_mp3s(self, mp3_fids: Sequence[ObjectId], video_fids: Sequence[ObjectId]) -> int:
        """Marks these results, and the MP3s that were made from these videos; returns how many were not marked."""
        made = {"$or": [{"_id": {"$in": mp3_fids}}, {"metadata.video_fid": {"$in": video_fids}}]}
        with failures():
            return self._files.update_many({**made, **_UNMARKED}, {"$set": _MARK}).modified_count

    def files(self) -> Iterator[list[FoundFile]]:
        """All files whose id can be that of a job, in batches."""
        query = {"_id": {"$type": "objectId"}, **_READABLE}
        with failures():
            rows = self._files.find(query, _FIELDS).sort("_id", 1).batch_size(BATCH)
            yield from batches(found(row) for row in rows)

    def results(self, video_fids: Sequence[ObjectId]) -> dict[ObjectId, FoundFile]:
        """The newest MP3 of each of these videos that has one."""
        named = [*video_fids, *map(str, video_fids)]
        with failures():
            rows = self._files.find({"metadata.video_fid": {"$in": named}}, _FIELDS).sort("uploadDate", 1)
            return {file.video_fid: file for file in map(found, rows) if file.video_fid}

    def take(self, file: FoundFile, username: str) -> bool:
        """Makes a file ours, and the user's if it names none; False when it has changed or is gone."""
        metadata: Document = {**MARKER, "job": True, "username": file.username or username}
        if file.video_fid is not None:
            metadata["video_fid"] = file.video_fid
        seen = {"_id": file.id, **(_MARK if file.ours else _UNMARKED), **_READABLE}
        merged = {"$mergeObjects": ["$metadata", {"$literal": metadata}]}
        with failures():
            result = self._files.update_one(seen, [{"$set": {"metadata": merged}}, {"$unset": "orphan"}])
        return result.matched_count == 1


def found(row: Mapping[str, Any]) -> FoundFile:
    """Reads a file's record, of which only the id is certain to be as we write it."""
    metadata = row.get("metadata") or {}
    name, username = row.get("filename"), metadata.get("username")
    return FoundFile(
        id=row["_id"],
        filename=name if isinstance(name, str) else None,
        uploaded_at=row["uploadDate"],
        username=username if isinstance(username, str) and username else None,
        video_fid=_object_id(metadata.get("video_fid")),
        ours=_has(metadata, MARKER.items()),
        had_job=metadata.get("job") is True,
    )


def _has(metadata: Mapping[str, Any], items: Iterable[tuple[str, str]]) -> bool:
    return all(metadata.get(name) == value for name, value in items)


def _object_id(value: object) -> ObjectId | None:
    if isinstance(value, str) and ObjectId.is_valid(value):
        return ObjectId(value)
    return value if isinstance(value, ObjectId) else None
