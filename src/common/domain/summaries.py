"""Summaries of recordings and texts: the collection `summaries` of the database `videos`.

queued → transcribing → summarising → completed | failed. A deleted summary leaves no tombstone: its message finds no
summary, and its worker finds that the lease is lost.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from common.domain.jobs import failure_from
from common.domain.open_enums import OpenStrEnum
from common.domain.owners import Owner
from common.errors import Failure
from common.runtime.clock import iso, now
from common.storage.mongo import Db, Document, failures


class Stage(OpenStrEnum):
    """As `jobs.Status`."""

    QUEUED = "queued"
    TRANSCRIBING = "transcribing"
    SUMMARISING = "summarising"
    COMPLETED = "completed"
    FAILED = "failed"


UNDER_WAY = [Stage.QUEUED.value, Stage.TRANSCRIBING.value, Stage.SUMMARISING.value]


@dataclass(frozen=True)
class Recording:
    """A summarised file: the id in the request, the MP3 and the job."""

    file_id: ObjectId
    mp3_fid: ObjectId
    video_fid: ObjectId


@dataclass(frozen=True)
class Summary:
    id: ObjectId
    username: str
    filename: str | None
    recording: Recording | None
    # The text to summarise if it is not a file; removed from a completed summary.
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
    # Notes on the parts of a long text that are summarised already.
    notes: tuple[str, ...] = ()
    # How often it was queued again after a failure. Messages of earlier runs are ignored.
    run: int = 0
    # The id of its owner's account; None for those of releases that did not store it: see `owners`.
    account: str | None = None

    @property
    def this_run(self) -> Document:
        """The query for it, unless it was queued again since it was read."""
        return {"_id": self.id, "run": self.run or {"$in": [0, None]}}

    def public(self) -> dict[str, Any]:
        """The JSON of the API."""
        return {
            "_id": str(self.id),
            "file_id": str(self.recording.file_id) if self.recording else None,
            # Each conversion of the video has its own MP3 and its own summary.
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
        """For the email; empty if it is not completed."""
        return re.split(r"(?<=[.!?…])\s", self.summary or "", maxsplit=1)[0]


def summary_from(document: Mapping[str, Any]) -> Summary:
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
        account=document.get("account"),
    )


class Summaries:
    """The repository; every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self.collection = db["summaries"]

    def ensure_indexes(self) -> None:
        """Creates the indexes; one of them ensures that an MP3 has only one summary."""
        with failures():
            self.collection.create_index([("account", 1), ("_id", -1)])
            # For summaries of earlier releases, which have no account: see `owners`.
            self.collection.create_index([("username", 1), ("account", 1), ("_id", -1)])
            self.collection.create_index(
                [("mp3_fid", 1)], unique=True, partialFilterExpression={"mp3_fid": {"$exists": True}}
            )
            self.collection.create_index([("video_fid", 1)], sparse=True)
            self.collection.create_index([("status", 1), ("updated_at", 1)])

    def create(self, username: str, filename: str | None, source: Recording | str, **values: Any) -> Summary | None:
        """Stores a summary of a recording or a text, queued unless `values` say otherwise.

        `values` also have the id of the `account`; without it the summary is one as of an earlier release.

        Returns None if the recording has one already.
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
        return self._find({"_id": summary_id})

    def owned(self, summary_id: ObjectId, owner: Owner) -> Summary | None:
        found = self.get(summary_id)
        return found if found and owner.owns(found.id, found.account, found.username) else None

    def of_mp3(self, mp3_fid: ObjectId) -> Summary | None:
        return self._find({"mp3_fid": mp3_fid})

    def page(
        self, owner: Owner, limit: int, before: ObjectId | None = None, video_fid: ObjectId | None = None
    ) -> list[Summary]:
        """The account's summaries, newest first, starting after the summary `before`; optionally of one video."""
        query: Document = {}
        if before:
            query["_id"] = {"$lt": before}
        if video_fid:
            query["video_fid"] = video_fid
        with failures():
            return list(map(summary_from, owner.in_order(self.collection, query, newest_first=True, limit=limit)))

    def update(self, summary_id: ObjectId, where: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
        """Sets fields if the summary matches `where`; returns whether it did."""
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
        """Ends a summary in progress with an error for its owner; returns whether it was in progress."""
        change = {"status": Stage.FAILED.value, "error": reason, "error_code": code.value, "claim": None}
        return self.update(summary_id, {"status": {"$in": UNDER_WAY}, **(where or {})}, change)

    def reopen(self, summary_id: ObjectId) -> bool:
        """Queues a failed summary again and keeps the notes on its parts; returns whether it had failed."""
        change = {
            "status": Stage.QUEUED.value, "error": None, "error_code": None, "published": False, "attempts": 0,
            "claim": None, "updated_at": now(),
        }  # fmt: skip
        where = {"_id": summary_id, "status": Stage.FAILED.value}
        with failures():
            return self.collection.update_one(where, {"$set": change, "$inc": {"run": 1}}).matched_count == 1

    def confirm_published(self, summary: Summary) -> None:
        """Marks the message as confirmed by RabbitMQ, unless the summary was queued again since it was read."""
        with failures():
            self.collection.update_one(summary.this_run, {"$set": {"published": True, "updated_at": now()}})

    def delete(self, summary_id: ObjectId) -> None:
        with failures():
            self.collection.delete_one({"_id": summary_id})

    def delete_all(self, owner: Owner) -> int:
        """Deletes all summaries of the account; returns their number."""
        with failures():
            return self.collection.delete_many(owner.records).deleted_count

    def delete_of_video(self, *video_fids: ObjectId) -> int:
        """Deletes the summaries of these jobs; returns their number."""
        with failures():
            return self.collection.delete_many({"video_fid": {"$in": list(video_fids)}}).deleted_count

    def _find(self, query: Mapping[str, Any]) -> Summary | None:
        with failures():
            document = self.collection.find_one(dict(query))
        return summary_from(document) if document else None
