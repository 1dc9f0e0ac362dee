"""The job: the one source of truth about a conversion, kept in the collection `jobs` of the database `videos`.

queued → converting → completed | failed; a deleted job leaves a tombstone for a week, so that its messages that
are still on their way are known for what they are.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.domain.leases import without_lease
from common.domain.results import Result
from common.errors import Failure
from common.runtime.clock import iso, now
from common.storage.mongo import Db, Document, failures

# Longer than a message can wait in any queue of ours, the operator's dead letters apart.
TOMBSTONE_DAYS = 7
# What a job says that its owner ended.
CANCELLED = "Cancelled by you."


class Status(StrEnum):
    """Where a job is."""

    QUEUED = "queued"
    CONVERTING = "converting"
    COMPLETED = "completed"
    FAILED = "failed"
    DELETED = "deleted"

    @property
    def terminal(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in (Status.COMPLETED, Status.FAILED, Status.DELETED)


# The name of the field `notified` in the previous release, whose workers may still write it during an update.
FORMER_NOTIFIED = "told"
# What finds jobs whose owner has not been notified.
NOT_NOTIFIED: Document = {"notified": {"$ne": True}, FORMER_NOTIFIED: {"$ne": True}}
UNDER_WAY = [Status.QUEUED.value, Status.CONVERTING.value]


@dataclass(frozen=True)
class Job:
    """A conversion as last seen."""

    video_fid: ObjectId
    username: str
    filename: str
    status: Status
    progress: int
    mp3_fid: ObjectId | None
    error: str | None
    created_at: datetime
    updated_at: datetime
    error_code: Failure | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    # How often a worker has begun it.
    attempts: int = 0
    # Whether the broker has confirmed the message that says how it ended, and the mail server the email.
    notice_sent: bool = False
    notified: bool = False
    # How often it was queued again after it had ended: each run has its own messages and emails. Stored as `round`.
    run: int = 0
    # About the MP3 that `mp3_fid` names; None for those of releases that did not store it.
    result: Result | None = None

    @property
    def this_run(self) -> Document:
        """What finds its record, unless it was queued again since it was read."""
        return {"_id": self.video_fid, "round": _stored_run(self.run)}

    def public(self) -> dict[str, Any]:
        """As the API shows it."""
        return {
            "video_fid": str(self.video_fid),
            "filename": self.filename,
            "status": self.status.value,
            "progress": self.progress,
            "mp3_fid": str(self.mp3_fid) if self.mp3_fid else None,
            "error": self.error,
            "error_code": self.error_code.value if self.error_code else None,
            "options": dict(self.options),
            "result": self.result.public() if self.result else None,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
        }


def _stored_run(run: int) -> int | Document:
    """A condition on a job's run; jobs of the first release have none, which is the first."""
    return run or {"$in": [0, None]}


def failure_from(document: Mapping[str, Any]) -> Failure | None:
    """Why a job or summary failed; None when it did not. Those of earlier releases have a text and no code."""
    if document["status"] != Status.FAILED.value:
        return None
    known = Failure.CANCELLED if document.get("error") == CANCELLED else Failure.FAILED
    return Failure(document.get("error_code") or known)


def job_from(document: Mapping[str, Any]) -> Job:
    """Reads a job from its document."""
    return Job(
        video_fid=document["_id"],
        username=document["username"],
        filename=document["filename"],
        status=Status(document["status"]),
        progress=document.get("progress", 0),
        mp3_fid=document.get("mp3_fid"),
        error=document.get("error"),
        error_code=failure_from(document),
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        options=document.get("options") or {},
        attempts=document.get("attempts", 0),
        notice_sent=document.get("notice_sent", False),
        notified=bool(document.get("notified") or document.get(FORMER_NOTIFIED)),
        run=document.get("round", 0),
        result=Result.from_document(document["result"]) if document.get("result") else None,
    )


class Jobs:
    """The jobs; every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self.collection = db["jobs"]

    def ensure_indexes(self) -> None:
        """Creates the indexes of the queries below, of housekeeping's, and the tombstones' expiry."""
        with failures():
            self.collection.create_index([("username", 1), ("_id", -1)])
            self.collection.create_index([("username", 1), ("updated_at", 1)])
            self.collection.create_index([("status", 1), ("updated_at", 1)])
            self.collection.create_index([("mp3_fid", 1)], sparse=True)
            self.collection.create_index([("expires_at", 1)], expireAfterSeconds=0)

    def create(self, video_fid: ObjectId, username: str, filename: str, options: Mapping[str, Any]) -> Job:
        """Records an accepted upload as queued."""
        document = _queued(video_fid, username, filename, options)
        with failures():
            self.collection.insert_one(document)
        return job_from(document)

    def adopt(
        self, video_fid: ObjectId, username: str, filename: str, mp3_fid: ObjectId | None, created_at: datetime
    ) -> bool:
        """Records a job for files that have none: completed with its MP3, or queued; False when there is one.

        Of a completed one, nobody is notified; RETENTION_DAYS begins now.
        """
        document = {**_queued(video_fid, username, filename, {}), "created_at": created_at}
        if mp3_fid is not None:
            ended = {"status": Status.COMPLETED.value, "progress": 100, "mp3_fid": mp3_fid}
            document |= {**ended, "published": True, "notice_sent": True, "notified": True}
        with failures():
            try:
                self.collection.insert_one(document)
            except DuplicateKeyError:
                return False
        return True

    def get(self, video_fid: ObjectId) -> Job | None:
        """The job, with tombstones; None when it never was or is long gone."""
        with failures():
            document = self.collection.find_one({"_id": video_fid})
        return job_from(document) if document else None

    def many(self, video_fids: Sequence[ObjectId]) -> dict[ObjectId, Job]:
        """Those of these jobs that are there, with tombstones."""
        with failures():
            rows = self.collection.find({"_id": {"$in": list(video_fids)}})
            return {row["_id"]: job_from(row) for row in rows}

    def results_among(self, mp3_fids: Sequence[ObjectId]) -> set[ObjectId]:
        """Those of these MP3s that are a job's result."""
        with failures():
            rows = self.collection.find({"mp3_fid": {"$in": list(mp3_fids)}}, {"mp3_fid": 1})
            return {row["mp3_fid"] for row in rows}

    def files(self) -> Iterator[tuple[ObjectId, ObjectId | None]]:
        """The video and the MP3 of each job, deleted ones included."""
        with failures():
            for row in self.collection.find({}, {"mp3_fid": 1}).sort("_id", 1):
                yield row["_id"], row.get("mp3_fid")

    def deleted(self) -> Iterator[ObjectId]:
        """The videos whose jobs left a tombstone."""
        with failures():
            for row in self.collection.find({"status": Status.DELETED.value}, {"_id": 1}):
                yield row["_id"]

    def estimate(self) -> int:
        """About how many jobs there are, from what MongoDB knows without counting."""
        with failures():
            return self.collection.estimated_document_count()

    def owned(self, video_fid: ObjectId, username: str) -> Job | None:
        """The user's own job that is not deleted."""
        job = self.get(video_fid)
        return job if job and job.username == username and job.status is not Status.DELETED else None

    def owned_file(self, file_id: ObjectId, username: str) -> Job | None:
        """The user's job with this video or MP3, unless it is deleted."""
        query = {"$or": [{"_id": file_id}, {"mp3_fid": file_id}], "username": username}
        with failures():
            document = self.collection.find_one({**query, "status": {"$ne": Status.DELETED.value}})
        return job_from(document) if document else None

    def page(self, username: str, limit: int, before: ObjectId | None) -> list[Job]:
        """The user's jobs, newest first, from before that key."""
        query: Document = {"username": username, "status": {"$ne": Status.DELETED.value}}
        if before:
            query["_id"] = {"$lt": before}
        with failures():
            return [job_from(row) for row in self.collection.find(query).sort("_id", -1).limit(limit)]

    def under_way(self, username: str) -> list[Job]:
        """The user's jobs that have not ended, oldest first."""
        query = {"username": username, "status": {"$in": UNDER_WAY}}
        with failures():
            return [job_from(row) for row in self.collection.find(query).sort("_id", 1)]

    def changed(self, usernames: Iterable[str], since: datetime) -> list[Job]:
        """The users' jobs that changed after that time, deleted ones included, in the order of their changes."""
        query = {"username": {"$in": sorted(usernames)}, "updated_at": {"$gte": since}}
        with failures():
            return [job_from(row) for row in self.collection.find(query).sort("updated_at", 1)]

    def update(self, video_fid: ObjectId, where: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
        """Sets fields if the job still matches `where`; tells whether it did."""
        with failures():
            result = self.collection.update_one({"_id": video_fid, **where}, {"$set": {**change, "updated_at": now()}})
        return result.matched_count == 1

    def fail(
        self,
        video_fid: ObjectId,
        reason: str,
        code: Failure = Failure.FAILED,
        *,
        token: str | None = None,
        run: int | None = None,
    ) -> Job | None:
        """Ends a job that has not ended yet with a reason for its owner; returns it as it is then, None if it did not.

        With the token of a lease, only while that lease is in the job; without, only when no worker holds one and, if
        `run` is given, the job is still in that run.
        """
        where: Document = {"_id": video_fid, "status": {"$in": UNDER_WAY}}
        if token is not None:
            where["claim.token"] = token
        else:
            where |= without_lease()
        if run is not None:
            where["round"] = _stored_run(run)
        change = {"status": Status.FAILED.value, "error": reason, "error_code": code.value, "updated_at": now()}
        with failures():
            document = self.collection.find_one_and_update(
                where, {"$set": change, "$unset": {"claim": ""}}, return_document=ReturnDocument.AFTER
            )
        return job_from(document) if document else None

    def confirm(self, job: Job, **flags: bool) -> None:
        """Notes what was confirmed, unless the job was queued again since it was read.

        `published`, `notice_sent`, `notified`; or `undeliverable`, for a dead letter.
        """
        with failures():
            self.collection.update_one(job.this_run, {"$set": flags})

    def reopen(
        self,
        video_fid: ObjectId,
        options: Mapping[str, Any] | None = None,
        ended: Iterable[Status] = (Status.FAILED,),
        where: Mapping[str, Any] | None = None,
    ) -> bool:
        """Queues a job again that has ended in one of these ways, with other options if given; tells whether it did.

        The MP3 that it may have, and what is known about it, stay until the next one is stored.
        """
        change: Document = {
            "status": Status.QUEUED.value, "error": None, "error_code": None, "progress": 0, "attempts": 0,
            "published": False, "notice_sent": False, "notified": False, "undeliverable": False, "telling_until": None,
            "notice_expected_until": None, "claim": None, "updated_at": now(),
        }  # fmt: skip
        if options is not None:
            change["options"] = dict(options)
        seen = {**(where or {}), "_id": video_fid, "status": {"$in": [status.value for status in ended]}}
        with failures():
            result = self.collection.update_one(seen, {"$set": change, "$inc": {"round": 1}})
        return result.matched_count == 1

    def cancel(self, video_fid: ObjectId, where: Mapping[str, Any] | None = None) -> bool:
        """Ends a job that has not ended because its owner wants it, who needs no email; tells whether it did.

        Its worker, if it has one, finds its lease gone.
        """
        change = {
            "status": Status.FAILED.value,
            "error": CANCELLED,
            "error_code": Failure.CANCELLED.value,
            "claim": None,
            "notice_sent": True,
            "notified": True,
        }
        return self.update(video_fid, {**(where or {}), "status": {"$in": UNDER_WAY}}, change)

    def mark_deleted(self, video_fid: ObjectId, where: Mapping[str, Any] | None = None) -> bool:
        """Turns a job into a tombstone if it still matches `where`; tells whether it did."""
        return self.update(video_fid, {"status": {"$ne": Status.DELETED.value}, **(where or {})}, _tombstone())

    def forbid(self, video_fid: ObjectId, username: str, filename: str) -> None:
        """Leaves a tombstone whether or not there is a job: a write that is still on its way can make none."""
        moment = now()
        nothing: Document = {
            "username": username, "filename": filename, "progress": 0, "error": None, "created_at": moment,
        }  # fmt: skip
        change = {"$set": {**_tombstone(), "updated_at": moment}, "$setOnInsert": nothing}
        with failures():
            self.collection.update_one({"_id": video_fid}, change, upsert=True)


def _queued(video_fid: ObjectId, username: str, filename: str, options: Mapping[str, Any]) -> Document:
    moment = now()
    return {
        "_id": video_fid, "username": username, "filename": filename, "status": Status.QUEUED.value, "progress": 0,
        "mp3_fid": None, "error": None, "options": dict(options), "created_at": moment, "updated_at": moment,
        "published": False, "attempts": 0, "notice_sent": False, "notified": False, "round": 0,
    }  # fmt: skip


def _tombstone() -> Document:
    expires = now() + timedelta(days=TOMBSTONE_DAYS)
    return {"status": Status.DELETED.value, "expires_at": expires, "mp3_fid": None, "result": None,
            "claim": None, "notified": True}  # fmt: skip
