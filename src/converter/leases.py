"""The right of one converter to a job (common.domain.leases)."""

import contextlib
from dataclasses import dataclass, replace

from bson import ObjectId

from common.domain.jobs import UNDER_WAY, Job, Jobs, Status, job_from
from common.domain.leases import Claim, Claims
from common.domain.results import Result


@dataclass
class JobClaim(Claim):
    """A job that is ours while the claim is renewed."""

    job: Job
    progress: int = 0


class JobClaims:
    """Takes, renews and ends claims."""

    def __init__(self, jobs: Jobs, lease: float) -> None:
        self._claims = Claims(jobs.collection, lease, UNDER_WAY)

    def take(self, video_fid: ObjectId) -> JobClaim | None:
        """Claims the job and counts the attempt; None when it has ended, is gone or another worker holds it."""
        found = self._claims.claim(video_fid, status=Status.CONVERTING.value, progress=0)
        return JobClaim(video_fid, found[0], job_from(found[1])) if found else None

    def kept(self, claim: JobClaim, interval: float) -> contextlib.AbstractContextManager[None]:
        """Renews the claim and writes its progress down, every `interval` seconds, while the block runs."""
        return self._claims.renewed(claim, interval, lambda: {"progress": claim.progress})

    def complete(self, claim: JobClaim, mp3_fid: ObjectId, result: Result) -> tuple[Job, ObjectId | None]:
        """Ends the job with its MP3; returns the job as it is then, and the MP3 that this one has replaced.

        Raises ClaimLost when the job is not ours any more.
        """
        change = {"status": Status.COMPLETED.value, "progress": 100, "mp3_fid": mp3_fid, "error": None,
                  "result": result.as_document()}  # fmt: skip
        before = job_from(self._claims.end(claim, change))
        job = replace(before, status=Status.COMPLETED, progress=100, mp3_fid=mp3_fid, error=None, result=result)
        return job, before.mp3_fid

    def release(self, claim: JobClaim) -> None:
        """Gives an unfinished job back; the attempt does not count, as the job is not to blame."""
        self._claims.release(claim, status=Status.QUEUED.value, progress=0)
