"""The right of one converter to a job (common.domain.leases)."""

import contextlib
from dataclasses import dataclass, replace

from bson import ObjectId

from common.domain.job_repository import Jobs
from common.domain.jobs import UNDER_WAY, Job, Status, job_from
from common.domain.leases import Lease, Leases
from common.domain.results import Result


@dataclass
class JobLease(Lease):
    """A job that is ours while the lease is renewed."""

    job: Job
    progress: int = 0


class JobLeases:
    """Takes, renews and ends leases."""

    def __init__(self, jobs: Jobs, duration: float) -> None:
        self._leases = Leases(jobs.collection, duration, UNDER_WAY)

    def take(self, video_fid: ObjectId) -> JobLease | None:
        """Acquires the lease and counts the attempt; None when the job ended or is gone, or another worker has it."""
        found = self._leases.acquire(video_fid, status=Status.CONVERTING.value, progress=0)
        return JobLease(video_fid, found[0], job_from(found[1])) if found else None

    def kept(self, lease: JobLease, interval: float) -> contextlib.AbstractContextManager[None]:
        """Renews the lease and writes its progress down, every `interval` seconds, while the block runs."""
        return self._leases.renewed(lease, interval, lambda: {"progress": lease.progress})

    def complete(self, lease: JobLease, mp3_fid: ObjectId, result: Result) -> tuple[Job, ObjectId | None]:
        """Ends the job with its MP3; returns the job as it is then, and the MP3 that this one has replaced.

        Raises LeaseLost when the job is not ours any more.
        """
        change = {"status": Status.COMPLETED.value, "progress": 100, "mp3_fid": mp3_fid,
                  "error": None, "error_code": None, "result": result.as_document()}  # fmt: skip
        before = job_from(self._leases.end(lease, change))
        job = replace(
            before, status=Status.COMPLETED, progress=100, mp3_fid=mp3_fid, error=None, error_code=None, result=result
        )
        return job, before.mp3_fid

    def release(self, lease: JobLease) -> None:
        """Gives an unfinished job back; the attempt does not count, as the job is not to blame."""
        self._leases.release(lease, status=Status.QUEUED.value, progress=0)
