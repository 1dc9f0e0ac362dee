"""How long the files of ended jobs are kept: the queries on the collection `jobs` for RETENTION_DAYS and
KEEP_VIDEOS_DAYS, and what owners choose. See docs/decisions/0047.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pymongo.collection import Collection

from common.domain.jobs import ENDED, Job, Status, job_from
from common.storage.mongo import Document, failures

# The state `video` of a video that can no longer be converted again; "deleted" when it is deleted, else missing.
_EXPIRED = "expired"
_STORED: Document = {"status": Status.COMPLETED.value, "video": {"$in": [None, _EXPIRED]}}
# Jobs that one query returns at most, so that a pass ends; the next pass continues.
_LIMIT = 10_000


class JobRetention:
    """Every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, jobs: Collection[Document]) -> None:
        self._jobs = jobs

    def ensure_indexes(self) -> None:
        """Creates indexes in which jobs that are kept, or whose videos are deleted, do not precede those that expire.

        Almost all ended jobs are completed; the others are found by their status.
        """
        completed = {"status": Status.COMPLETED.value}
        with failures():
            for field in ("kept", "video"):
                self._jobs.create_index([(field, 1), ("updated_at", 1)], partialFilterExpression=completed)

    def ended_before(self, moment: datetime) -> list[Job]:
        """Jobs that ended before that time and are not kept."""
        # Each part has its own index.
        expired = {"kept": None, "updated_at": {"$lt": moment}}
        return self._find({"$or": [{"status": status, **expired} for status in ENDED]})

    def with_videos_ended_before(self, moment: datetime) -> list[Job]:
        """Jobs completed before that time whose videos are stored, or whose deletion was interrupted."""
        return self._find({**_STORED, "updated_at": {"$lt": moment}})

    def keep(self, job: Job, *, kept: bool) -> bool:
        """Records whether to keep the MP3 after RETENTION_DAYS; returns False if the job has none or has changed.

        It counts as a change, so RETENTION_DAYS begin again for a job that is not kept any more.
        """
        where = {**job.this_run, "status": {"$in": ENDED}, "mp3_fid": {"$ne": None}}
        change: Document = {"$set": {"kept": True}} if kept else {"$unset": {"kept": ""}}
        return self._update(where, {**change, "$currentDate": {"updated_at": True}})

    def expire_video(self, job: Job) -> bool:
        """Ends the time in which the video can be converted again; False if the job has changed since it was read.

        Delete the video then, and call `forget_video`. Not `updated_at`, from which RETENTION_DAYS count.
        """
        return self._update({**job.this_run, **_STORED}, {"$set": {"video": _EXPIRED}})

    def forget_video(self, job: Job) -> int:
        """Records that the expired video is deleted; returns the bytes by which the account's usage is less then.

        0 if the job was deleted meanwhile: whoever deleted it has given them back.
        """
        where = {"_id": job.video_fid, "status": Status.COMPLETED.value, "video": _EXPIRED, "size": job.size}
        change = {"video": "deleted", "size": None if job.size is None else 0}
        return (job.size or 0) * self._update(where, {"$set": change})

    def _find(self, query: Document) -> list[Job]:
        with failures():
            return [job_from(row) for row in self._jobs.find(query).limit(_LIMIT)]

    def _update(self, where: Mapping[str, Any], change: Mapping[str, Any]) -> bool:
        with failures():
            return self._jobs.update_one(where, change).matched_count == 1
