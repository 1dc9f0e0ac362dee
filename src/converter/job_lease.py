"""The lease of one converter on a job (common.domain.leases)."""

import contextlib
from dataclasses import dataclass

from bson import ObjectId

from common.domain.job_repository import Jobs
from common.domain.jobs import UNDER_WAY, Job, Status, job_from
from common.domain.leases import Lease, Leases
from common.domain.results import Result


@dataclass
class JobLease(Lease):
    job: Job
    progress: int = 0
    stalled: bool = False
    """Whether its conversion made no progress, which is remembered for the next attempt."""


class JobLeases:
    def __init__(self, jobs: Jobs, duration: float) -> None:
        self._leases = Leases(jobs.collection, duration, UNDER_WAY)

    def take(self, video_fid: ObjectId) -> JobLease | None:
        """Acquires the lease and counts the attempt; None if the job ended, is deleted or is leased."""
        found = self._leases.acquire(video_fid, status=Status.CONVERTING.value, progress=0, waiting=False)
        return JobLease(video_fid, found[0], job_from(found[1])) if found else None

    def renewed(self, lease: JobLease, interval: float) -> contextlib.AbstractContextManager[None]:
        """Renews the lease and stores its progress every `interval` seconds while the block runs."""
        return self._leases.renewed(lease, interval, lambda: {"progress": lease.progress})

    def complete(self, lease: JobLease, mp3_fid: ObjectId, result: Result) -> tuple[Job, ObjectId | None]:
        """Completes the job with its MP3; returns the completed job, and the MP3 that this one replaced.

        Raises LeaseLost when another worker has the job.
        """
        change = {"status": Status.COMPLETED.value, "progress": 100, "mp3_fid": mp3_fid,
                  "error": None, "error_code": None, "result": result.as_document()}  # fmt: skip
        before = self._leases.end(lease, change)
        return job_from({**before, **change}), before.get("mp3_fid")

    def release(self, lease: JobLease) -> None:
        """Releases an unfinished job; the attempt does not count, because the job did not cause it."""
        change = {"stalled_run": lease.job.run} if lease.stalled else {}
        self._leases.release(lease, status=Status.QUEUED.value, progress=0, **change)
