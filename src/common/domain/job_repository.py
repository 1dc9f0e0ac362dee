"""The collection `jobs` of the database `videos`: everything that is stored about jobs is read and written here."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from common.domain.jobs import CANCELLED, ENDED, NOTIFIED, UNDER_WAY, Job, Status, job_from, owner_of, stored_run
from common.domain.leases import without_lease
from common.domain.owners import Owner
from common.errors import Failure
from common.runtime.clock import now
from common.storage.mongo import BATCH, Db, Document, failures, in_seconds, passed

# Longer than a message can wait in any of the queues, except for the operator's dead letters.
TOMBSTONE_DAYS = 7
# Sets `updated_at` by MongoDB's clock, so that followers see the changes of all services in one order.
_UPDATED: Document = {"$currentDate": {"updated_at": True}}
_WAITING: Document = {"status": Status.QUEUED.value, "waiting": True}


def released(**of: object) -> Document:
    """Matches jobs that have not ended and do not wait for their turn: their messages are published, or soon will be.

    A replica of the previous release publishes each job at once, and knows no turns: its jobs lack the field, and jobs
    of this release that it publishes keep it while they are converted.
    """
    return {
        "$or": [
            {"status": Status.CONVERTING.value, **of},
            {"status": Status.QUEUED.value, "waiting": {"$in": [False, None]}, **of},
        ]
    }


class Jobs:
    """Every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self.collection = db["jobs"]

    def ensure_indexes(self) -> None:
        """Creates the indexes of all queries for jobs, and the one that deletes expired tombstones."""
        with failures():
            self.collection.create_index([("account", 1), ("_id", -1)])
            self.collection.create_index([("account", 1), ("updated_at", 1)])
            # For jobs of earlier releases, which have no account: see `owners`.
            self.collection.create_index([("username", 1), ("account", 1), ("_id", -1)])
            self.collection.create_index([("username", 1), ("updated_at", 1)])
            self.collection.create_index([("status", 1), ("updated_at", 1)])
            self.collection.create_index([("status", 1), ("waiting", 1), ("owner", 1), ("_id", 1)])
            self.collection.create_index([("mp3_fid", 1)], sparse=True)
            self.collection.create_index([("username", 1), (NOTIFIED, 1)], partialFilterExpression={NOTIFIED: False})
            self.collection.create_index([("expires_at", 1)], expireAfterSeconds=0)

    def create(
        self,
        video_fid: ObjectId,
        username: str,
        filename: str,
        options: Mapping[str, Any],
        *,
        account: str | None = None,
        size: int | None = None,
    ) -> Job:
        """Creates a queued job; without `account` it is one as of an earlier release.

        `size` are the bytes of the video if they were added to the account's usage.
        """
        fields = {**_queued(username, filename, options, account), "size": size}
        # An insert cannot use MongoDB's clock. This fails, as an insert does, if there is a job or a tombstone.
        missing = {"_id": video_fid, "status": {"$exists": False}}
        times = {"$currentDate": {"created_at": True, "updated_at": True}}
        with failures():
            document = self.collection.find_one_and_update(
                missing, {"$set": fields, **times}, upsert=True, return_document=ReturnDocument.AFTER
            )
        return job_from(document)  # type: ignore[arg-type]  # never None with `upsert`

    def adopt(
        self,
        video_fid: ObjectId,
        username: str,
        filename: str,
        mp3_fid: ObjectId | None,
        created_at: datetime,
        *,
        account: str | None = None,
    ) -> bool:
        """Creates a job for files without one: completed with its MP3, or queued. Returns False if it exists.

        The owner of a completed one is not notified; RETENTION_DAYS begins now.
        """
        times = {"created_at": created_at, "updated_at": now()}
        document = {"_id": video_fid, **_queued(username, filename, {}, account), **times}
        if mp3_fid is not None:
            ended = {"status": Status.COMPLETED.value, "progress": 100, "mp3_fid": mp3_fid, "waiting": False}
            document |= {**ended, "published": True, "notice_sent": True, NOTIFIED: True}
        with failures():
            try:
                self.collection.insert_one(document)
            except DuplicateKeyError:
                return False
        return True

    def get(self, video_fid: ObjectId) -> Job | None:
        """The job, or its tombstone."""
        with failures():
            document = self.collection.find_one({"_id": video_fid})
        return job_from(document) if document else None

    def many(self, video_fids: Sequence[ObjectId]) -> dict[ObjectId, Job]:
        """Those of these jobs that exist, including tombstones."""
        with failures():
            rows = self.collection.find({"_id": {"$in": list(video_fids)}})
            return {row["_id"]: job_from(row) for row in rows}

    def results_among(self, mp3_fids: Sequence[ObjectId]) -> set[ObjectId]:
        """Those of these MP3s that are the result of a job."""
        with failures():
            rows = self.collection.find({"mp3_fid": {"$in": list(mp3_fids)}}, {"mp3_fid": 1})
            return {row["mp3_fid"] for row in rows}

    def files(self) -> Iterator[tuple[ObjectId, ObjectId | None]]:
        """The video and the MP3 of each job, including tombstones."""
        with failures():
            for row in self.collection.find({}, {"mp3_fid": 1}).sort("_id", 1):
                yield row["_id"], row.get("mp3_fid")

    def deleted(self) -> Iterator[ObjectId]:
        """The videos of deleted jobs."""
        with failures():
            for row in self.collection.find({"status": Status.DELETED.value}, {"_id": 1}):
                yield row["_id"]

    def estimate(self) -> int:
        """The approximate number of jobs, from the collection's metadata."""
        with failures():
            return self.collection.estimated_document_count()

    def owned(self, video_fid: ObjectId, owner: Owner) -> Job | None:
        """The job, if it belongs to the account and is not deleted."""
        job = self.get(video_fid)
        return job if job and _owns(owner, job) else None

    def owned_file(self, file_id: ObjectId, owner: Owner) -> Job | None:
        """The account's job with this video or MP3, if it is not deleted."""
        of_file = {"$or": [{"_id": file_id}, {"mp3_fid": file_id}]}
        with failures():
            jobs = [job_from(row) for row in self.collection.find(of_file)]
        return next((job for job in jobs if _owns(owner, job)), None)

    def with_mp3(self, mp3_fid: ObjectId) -> Job | None:
        """The job whose result this MP3 is, of any user."""
        with failures():
            document = self.collection.find_one({"mp3_fid": mp3_fid})
        return job_from(document) if document else None

    def page(self, owner: Owner, limit: int, before: ObjectId | None) -> list[Job]:
        """The account's jobs, newest first, starting after the job `before`."""
        query: Document = {"status": {"$ne": Status.DELETED.value}}
        if before:
            query["_id"] = {"$lt": before}
        with failures():
            return list(map(job_from, owner.in_order(self.collection, query, newest_first=True, limit=limit)))

    def under_way(self, owner: Owner) -> Iterator[Job]:
        """The account's jobs that have not ended, in no order."""
        for part in owner.parts:
            yield from self._batches({**part, "status": {"$in": UNDER_WAY}})

    def changed(self, owners: Iterable[Owner], since: datetime) -> Iterator[Job]:
        """The accounts' jobs that changed since then, including tombstones, in the order of their changes."""
        known = set(owners)
        queries: list[Document] = [
            {"account": {"$in": [owner.account for owner in known if owner.account]}},
            # Of earlier releases: see `owners`.
            {"username": {"$in": [owner.username for owner in known if owner.account]}, "account": None},
            {"username": {"$in": [owner.username for owner in known if not owner.account]}},
        ]
        changes = [self._batches({**query, "updated_at": {"$gte": since}}, order="updated_at") for query in queries]
        for job in heapq.merge(*changes, key=lambda job: job.updated_at):
            if any(_has(owner, job) for owner in known):
                yield job

    def _batches(self, query: Document, *, order: str | None = None) -> Iterator[Job]:
        """Reads BATCH jobs at a time: an account can have any number of them."""
        with failures():
            rows = self.collection.find(query).batch_size(BATCH)
            for row in rows.sort(order, 1) if order else rows:
                yield job_from(row)

    def is_released(self, owner: str) -> bool:
        """Whether a job of the account has had its turn and has not ended."""
        with failures():
            return self.collection.find_one(released(owner=owner), {"_id": 1}) is not None

    def released_owners(self, limit: int) -> list[str]:
        """The account of each job that has had its turn and has not ended, of at most `limit` jobs."""
        with failures():
            rows = self.collection.find(released(), {"owner": 1, "account": 1, "username": 1}).limit(limit)
            return [owner_of(row) for row in rows]

    def count_released(self, owners: Sequence[str]) -> Mapping[str, int]:
        """How many jobs of each of these accounts have had their turn and have not ended."""
        with failures():
            return Counter(row["owner"] for row in self.collection.find(released(owner={"$in": owners}), {"owner": 1}))

    def owners_due(self) -> list[str]:
        """The accounts whose turn it is: with jobs that wait, and none that has had its turn and has not ended."""
        with failures():
            having = set(self.collection.distinct("owner", released()))
            return [owner for owner in self.collection.distinct("owner", _WAITING) if owner not in having]

    def count_converting(self, limit: int) -> int:
        """How many jobs are being converted, at most `limit`."""
        with failures():
            return self.collection.count_documents({"status": Status.CONVERTING.value}, limit=limit)

    def count(self, status: Status, limit: int) -> int:
        """How many jobs are in this state, at most `limit`."""
        with failures():
            return self.collection.count_documents({"status": status.value}, limit=limit)

    def oldest_queued(self) -> datetime | None:
        """Since when the queued job has not changed that waits for longest, for its turn or a converter."""
        query = {"status": Status.QUEUED.value}
        with failures():
            row = next(iter(self.collection.find(query, {"updated_at": 1}).sort("updated_at", 1).limit(1)), None)
        return row["updated_at"] if row else None

    def count_waiting(self, limit: int) -> int:
        """How many jobs wait for their turn, at most `limit`."""
        with failures():
            return self.collection.count_documents(_WAITING, limit=limit)

    def release(self, owner: str) -> Job | None:
        """Ends the wait of the account's oldest waiting job, which must be published then; None if it has none."""
        with failures():
            document = self.collection.find_one_and_update(
                {**_WAITING, "owner": owner},
                {"$set": {"waiting": False}, **_UPDATED},
                sort=[("_id", 1)],
                return_document=ReturnDocument.AFTER,
            )
        return job_from(document) if document else None

    def update(self, video_fid: ObjectId, where: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
        """Sets fields if the job still matches `where`; returns whether it did."""
        with failures():
            result = self.collection.update_one({"_id": video_fid, **where}, {"$set": change, **_UPDATED})
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
        """Marks a job as failed, with a reason for its owner; returns the failed job, or None if nothing changed.

        Only a job that has not ended fails. With the `token` of a lease, the job must still have that lease; without,
        no worker may hold one and, if `run` is given, the job must still be in that run.
        """
        where: Document = {"_id": video_fid, "status": {"$in": UNDER_WAY}}
        if token is not None:
            where["claim.token"] = token
        else:
            where |= without_lease()
        if run is not None:
            where["round"] = stored_run(run)
        change = {"status": Status.FAILED.value, "error": reason, "error_code": code.value}
        with failures():
            document = self.collection.find_one_and_update(
                where, {"$set": change, "$unset": {"claim": ""}, **_UPDATED}, return_document=ReturnDocument.AFTER
            )
        return job_from(document) if document else None

    def to_notify(self, ended: Job) -> list[Job]:
        """The jobs of the owner of `ended` that have ended and whose email can be reserved, in the order of their ends.

        Not those whose email the mail server has refused for ever. At most BATCH of them, so that an email has an end.
        """
        query = {
            "username": ended.username, "account": ended.account, NOTIFIED: False, "status": {"$in": ENDED},
            "undeliverable": {"$ne": True}, **_free(),
        }  # fmt: skip
        with failures():
            found = [job_from(row) for row in self.collection.find(query).limit(BATCH)]
        return sorted(found, key=lambda job: job.updated_at)

    def confirm(self, *jobs: Job, **flags: bool) -> None:
        """Sets `published`, `notice_sent`, `notified` or `undeliverable`, unless a job was queued again since."""
        stored = {NOTIFIED if name == "notified" else name: value for name, value in flags.items()}
        with failures():
            self.collection.update_many(_these_runs(jobs), {"$set": stored})

    def reserve_emails(
        self, jobs: Sequence[Job], until: datetime, *, renewing: datetime | None = None, retry_by: datetime
    ) -> bool:
        """Reserves the right to send one email about these runs of jobs, or about none; returns whether it did.

        A reservation that has not expired is only replaced by its holder, who names its time as `renewing`. Until
        `retry_by` housekeeping assumes that the notices wait in a queue.
        """
        # `until` is by this process's clock and identifies the reservation; `reserved_until` is by MongoDB's clock.
        # Workers of the previous release set and compare the former only.
        held = {"telling_until": renewing} if renewing else _free()
        seconds = (until - now()).total_seconds()
        change = {"telling_until": until, "reserved_until": in_seconds(seconds), "notice_expected_until": retry_by}
        where = {**_these_runs(jobs), **held, NOTIFIED: False}
        with failures():
            reserved = self.collection.update_many(where, [{"$set": change}]).matched_count
        if 0 < reserved < len(jobs):
            self.release_emails(jobs, until)
        return reserved == len(jobs)

    def release_emails(self, jobs: Sequence[Job], reserved: datetime) -> None:
        """Ends the reservations that have not been replaced."""
        query = {**_these_runs(jobs), "telling_until": reserved}
        with failures():
            self.collection.update_many(query, {"$unset": {"telling_until": "", "reserved_until": ""}})

    def reopen(
        self,
        video_fid: ObjectId,
        options: Mapping[str, Any] | None = None,
        ended: Iterable[Status] = (Status.FAILED,),
        where: Mapping[str, Any] | None = None,
        owner: str | None = None,
    ) -> bool:
        """Queues a job again that is in one of the `ended` states, with other options if given; returns whether it did.

        The MP3 that it may have stays until the next one is stored. With an `owner`, the job waits for the turn of this
        account; otherwise the caller publishes its message.
        """
        change: Document = {
            "status": Status.QUEUED.value, "error": None, "error_code": None, "progress": 0, "attempts": 0,
            "published": False, "notice_sent": False, NOTIFIED: False, "undeliverable": False, "telling_until": None,
            "reserved_until": None, "notice_expected_until": None, "claim": None, "waiting": owner is not None,
        }  # fmt: skip
        if owner is not None:
            change["owner"] = owner
        if options is not None:
            change["options"] = dict(options)
        seen = {**(where or {}), "_id": video_fid, "status": {"$in": [status.value for status in ended]}}
        with failures():
            result = self.collection.update_one(seen, {"$set": change, "$inc": {"round": 1}, **_UPDATED})
        return result.matched_count == 1

    def cancel(self, video_fid: ObjectId, where: Mapping[str, Any] | None = None) -> bool:
        """Ends a job for its owner, who gets no email; returns whether it did. Its worker loses the lease."""
        change = {
            "status": Status.FAILED.value,
            "error": CANCELLED,
            "error_code": Failure.CANCELLED.value,
            "claim": None,
            "notice_sent": True,
            NOTIFIED: True,
        }
        return self.update(video_fid, {**(where or {}), "status": {"$in": UNDER_WAY}}, change)

    def mark_deleted(self, video_fid: ObjectId, where: Mapping[str, Any] | None = None) -> Job | None:
        """Replaces a job by a tombstone if it still matches `where`; returns the job that it was, or None."""
        query = {"_id": video_fid, "status": {"$ne": Status.DELETED.value}, **(where or {})}
        with failures():
            document = self.collection.find_one_and_update(query, {"$set": _tombstone(), **_UPDATED})
        return job_from(document) if document else None

    def stored(self, owner: str) -> int:
        """Bytes of the account's files that count for its usage."""
        # All values, so that the index is used.
        match = {
            "status": {"$in": [*UNDER_WAY, *ENDED]}, "waiting": {"$in": [True, False, None]}, "owner": owner,
            "size": {"$ne": None},
        }  # fmt: skip
        mp3 = {"$cond": [{"$ifNull": ["$mp3_fid", False]}, {"$ifNull": ["$result.size", "$mp3_size", 0]}, 0]}
        total = {"$sum": {"$add": ["$size", mp3]}}
        with failures():
            found = list(self.collection.aggregate([{"$match": match}, {"$group": {"_id": None, "total": total}}]))
        return int(found[0]["total"]) if found else 0

    def uncounted(self, owner: Owner) -> Iterator[Job]:
        """The account's jobs whose files do not count for its usage: those that an earlier release has created."""
        for part in owner.parts:
            yield from self._batches({"account": None, **part, "size": None, "status": {"$ne": Status.DELETED.value}})

    def set_sizes(self, owner: str, sizes: Mapping[ObjectId, tuple[int, int]]) -> None:
        """Stores the bytes of the video and of the MP3 of each job, which belong to the account from then on."""
        unknown = {"size": None, "status": {"$ne": Status.DELETED.value}}
        # Not `updated_at`: nothing changes for the owner.
        changes = [
            UpdateOne({"_id": fid, **unknown}, {"$set": {"size": video, "mp3_size": mp3, "owner": owner}})
            for fid, (video, mp3) in sizes.items()
        ]
        with failures():
            self.collection.bulk_write(changes, ordered=False)

    def mark_all_deleted(self, owner: Owner) -> int:
        """Replaces all jobs of the account by tombstones without the names of the files; returns their number."""
        where = {**owner.records, "status": {"$ne": Status.DELETED.value}}
        change = {**_tombstone(), "filename": "", "error": None, "options": {}}
        with failures():
            return self.collection.update_many(where, {"$set": change, **_UPDATED}).modified_count

    def deleted_of(self, owner: Owner, since: datetime | None) -> Iterator[ObjectId]:
        """The videos of the account's jobs that were deleted since then; None is at any time."""
        recent = {"updated_at": {"$gte": since}} if since else {}
        for part in owner.parts:
            for job in self._batches({**part, "status": Status.DELETED.value, **recent}):
                yield job.video_fid

    def forbid(self, video_fid: ObjectId, username: str, filename: str, *, account: str | None = None) -> None:
        """Stores a tombstone whether or not there is a job, so that a write in progress cannot create one."""
        nothing: Document = {
            "username": username, "account": account, "filename": filename, "progress": 0, "error": None,
            "created_at": now(),
        }  # fmt: skip
        change = {"$set": _tombstone(), "$setOnInsert": nothing, **_UPDATED}
        with failures():
            self.collection.update_one({"_id": video_fid}, change, upsert=True)


def _owns(owner: Owner, job: Job) -> bool:
    return _has(owner, job) and job.status is not Status.DELETED


def _has(owner: Owner, job: Job) -> bool:
    return owner.owns(job.video_fid, job.account, job.username)


def _free() -> Document:
    """Matches jobs whose email nobody has reserved, or whose reservation has expired."""
    return passed("telling_until", "reserved_until")


def _these_runs(jobs: Sequence[Job]) -> Document:
    return {"$or": [job.this_run for job in jobs]}


def _queued(username: str, filename: str, options: Mapping[str, Any], account: str | None) -> Document:
    return {
        "username": username, "account": account, "filename": filename, "status": Status.QUEUED.value, "progress": 0,
        "mp3_fid": None, "error": None, "options": dict(options), "published": False, "attempts": 0,
        "notice_sent": False, NOTIFIED: False, "round": 0, "owner": account or username, "waiting": True,
    }  # fmt: skip


def _tombstone() -> Document:
    expires = now() + timedelta(days=TOMBSTONE_DAYS)
    return {"status": Status.DELETED.value, "expires_at": expires, "mp3_fid": None, "result": None,
            "claim": None, NOTIFIED: True}  # fmt: skip
