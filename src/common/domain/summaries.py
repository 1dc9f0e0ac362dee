"""A summary: what is in a recording or a text, kept in the collection `summaries` of the database `videos`.

queued → transcribing → summarising → completed | failed. One that is deleted leaves nothing behind: a message about it
finds no summary, and a worker that is at it finds its lease gone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from common.domain.jobs import failure_from
from common.errors import Failure
from common.runtime.clock import iso, now
from common.storage.mongo import Db, Document, failures


class Stage(StrEnum):
    """Where a summary is."""

    QUEUED = "queued"
    TRANSCRIBING = "transcribing"
    SUMMARISING = "summarising"
    COMPLETED = "completed"
    FAILED = "failed"


UNDER_WAY = [Stage.QUEUED.value, Stage.TRANSCRIBING.value, Stage.SUMMARISING.value]


@dataclass(frozen=True)
class Recording:
    """What is summarised when it is a file: the id that the owner named it by, its MP3 and its job."""

    file_id: ObjectId
    mp3_fid: ObjectId
    video_fid: ObjectId


@dataclass(frozen=True)
class Summary:
    """A summary as last seen."""

    id: ObjectId
    username: str
    filename: str | None
    recording: Recording | None
    # What is summarised when it is no file; dropped when the summary is there.
    text: str | None
    status: Stage
    progress: int
    summary: str | None
    category: str | None
    context_truncated: bool
    error: str | None
    created_at: datetime
    updated_at: datetime
    error_code: Failure | None = None
    # What is known of the parts of a long text so far.
    notes: tuple[str, ...] = ()
    # How often it was queued again after it had failed: a message of one run is not one of the next.
    run: int = 0

    @property
    def this_run(self) -> Document:
        """What finds its record, unless it was queued again since it was read."""
        return {"_id": self.id, "run": self.run or {"$in": [0, None]}}

    def public(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "_id": str(self.id),
            "file_id": str(self.recording.file_id) if self.recording else None,
            # Another conversion of the video is another MP3, and may have another summary.
            "mp3_fid": str(self.recording.mp3_fid) if self.recording else None,
            "filename": self.filename,
            "status": self.status.value,
            "progress": self.progress,
            "summary": self.summary,
            "category": self.category,
            "context_truncated": self.context_truncated,
            "error": self.error,
            "error_code": self.error_code.value if self.error_code else None,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
        }

    @property
    def first_sentence(self) -> str:
        """What an email says of it; empty when it is not completed."""
        return re.split(r"(?<=[.!?…])\s", self.summary or "", maxsplit=1)[0]


def summary_from(document: Mapping[str, Any]) -> Summary:
    """Reads a summary from its document."""
    mp3_fid = document.get("mp3_fid")
    return Summary(
        id=document["_id"],
        username=document["username"],
        filename=document.get("filename"),
        recording=Recording(document["file_id"], mp3_fid, document["video_fid"]) if mp3_fid else None,
        text=document.get("text"),
        status=Stage(document["status"]),
        progress=document.get("progress", 0),
        summary=document.get("summary"),
        category=document.get("category"),
        context_truncated=document.get("context_truncated", False),
        error=document.get("error"),
        error_code=failure_from(document),
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        notes=tuple(document.get("notes") or ()),
        run=document.get("run", 0),
    )


class Summaries:
    """The summaries; every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self.collection = db["summaries"]

    def ensure_indexes(self) -> None:
        """Creates the indexes of the queries below and of housekeeping's; an MP3 has one summary."""
        with failures():
            self.collection.create_index([("username", 1), ("_id", -1)])
            self.collection.create_index(
                [("mp3_fid", 1)], unique=True, partialFilterExpression={"mp3_fid": {"$exists": True}}
            )
            self.collection.create_index([("video_fid", 1)], sparse=True)
            self.collection.create_index([("status", 1), ("updated_at", 1)])

    def create(self, username: str, filename: str | None, source: Recording | str, **values: Any) -> Summary | None:
        """Records a summary of a recording or of a text, queued unless `values` say otherwise.

        None when the recording has one already.
        """
        moment = now()
        document: Document = {
            "_id": ObjectId(), "username": username, "filename": filename, "status": Stage.QUEUED.value, "progress": 0,
            "context_truncated": False, "published": False, "run": 0, "created_at": moment, "updated_at": moment,
        }  # fmt: skip
        if isinstance(source, Recording):
            document |= {"file_id": source.file_id, "mp3_fid": source.mp3_fid, "video_fid": source.video_fid}
        else:
            document["text"] = source
        document |= values
        with failures():
            try:
                self.collection.insert_one(document)
            except DuplicateKeyError:
                return None
        return summary_from(document)

    def get(self, summary_id: ObjectId) -> Summary | None:
        """The summary, None when there is no such."""
        return self._find({"_id": summary_id})

    def owned(self, summary_id: ObjectId, username: str) -> Summary | None:
        """The user's own summary."""
        return self._find({"_id": summary_id, "username": username})

    def of_mp3(self, mp3_fid: ObjectId) -> Summary | None:
        """The summary of an MP3."""
        return self._find({"mp3_fid": mp3_fid})

    def page(
        self, username: str, limit: int, before: ObjectId | None = None, video_fid: ObjectId | None = None
    ) -> list[Summary]:
        """The user's summaries, newest first, from before that key; only of one video, if it is named."""
        query: Document = {"username": username}
        if before:
            query["_id"] = {"$lt": before}
        if video_fid:
            query["video_fid"] = video_fid
        with failures():
            return [summary_from(row) for row in self.collection.find(query).sort("_id", -1).limit(limit)]

    def update(self, summary_id: ObjectId, where: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
        """Sets fields if the summary still matches `where`; tells whether it did."""
        with failures():
            result = self.collection.update_one({"_id": summary_id, **where}, {"$set": {**change, "updated_at": now()}})
        return result.matched_count == 1

    def fail(
        self,
        summary_id: ObjectId,
        reason: str,
        code: Failure = Failure.FAILED,
        *,
        where: Mapping[str, Any] | None = None,
    ) -> bool:
        """Ends a summary that is under way with a reason for its owner; tells whether it did."""
        change = {"status": Stage.FAILED.value, "error": reason, "error_code": code.value, "claim": None}
        return self.update(summary_id, {"status": {"$in": UNDER_WAY}, **(where or {})}, change)

    def reopen(self, summary_id: ObjectId) -> bool:
        """Queues a failed summary again; what is known of its parts stays. Returns whether it was failed."""
        change = {
            "status": Stage.QUEUED.value, "error": None, "error_code": None, "published": False, "attempts": 0,
            "claim": None, "updated_at": now(),
        }  # fmt: skip
        where = {"_id": summary_id, "status": Stage.FAILED.value}
        with failures():
            return self.collection.update_one(where, {"$set": change, "$inc": {"run": 1}}).matched_count == 1

    def confirm_published(self, summary: Summary) -> None:
        """Notes that the broker has the message, unless the summary was queued again since it was read."""
        with failures():
            self.collection.update_one(summary.this_run, {"$set": {"published": True, "updated_at": now()}})

    def delete(self, summary_id: ObjectId) -> None:
        """Deletes it if it is there."""
        with failures():
            self.collection.delete_one({"_id": summary_id})

    def delete_of_video(self, *video_fids: ObjectId) -> int:
        """Deletes those of deleted jobs; returns how many there were."""
        with failures():
            return self.collection.delete_many({"video_fid": {"$in": list(video_fids)}}).deleted_count

    def _find(self, query: Mapping[str, Any]) -> Summary | None:
        with failures():
            document = self.collection.find_one(dict(query))
        return summary_from(document) if document else None
