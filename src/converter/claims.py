"""A claim: the right of one worker to convert a job, for as long as it renews it.

The broker hands a message out again while the first worker may still be at it (a broken connection, an
acknowledgement that came too late). The claim in the job's record decides: it names its holder by a token, expires
when it is not renewed, and only its holder can finish the job.
"""

import contextlib
import contextvars
import functools
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from bson import ObjectId
from pymongo import ReturnDocument

from common.errors import TransientError
from common.jobs import Job, Jobs, Status, job_from, now
from common.storage.mongo import failures

log = logging.getLogger(__name__)


class ClaimLost(TransientError):
    """Raised when the job was taken by another worker or deleted while this one was at it."""


@dataclass
class Claim:
    """A job that is ours while the claim is renewed."""

    job: Job
    token: str
    progress: int = 0
    lost: bool = False
    """Whether to stop: the job is ours no longer, or that cannot be known."""
    taken: bool = False
    """Whether MongoDB said so: another worker has the job, or it was deleted."""


class Claims:
    """Takes, renews and ends claims."""

    def __init__(self, jobs: Jobs, lease: float) -> None:
        self._jobs = jobs
        self._lease = lease

    def take(self, video_fid: ObjectId) -> Claim | None:
        """Claims the job and counts the attempt; None when it has ended, is gone or another worker holds it."""
        token, moment = uuid4().hex, now()
        unclaimed = [{"claim": None}, {"claim.until": {"$lt": moment}}]
        open_states = [Status.QUEUED.value, Status.CONVERTING.value]
        with failures():
            document = self._jobs.collection.find_one_and_update(
                {"_id": video_fid, "status": {"$in": open_states}, "$or": unclaimed},
                {
                    "$set": {
                        "status": Status.CONVERTING.value,
                        "progress": 0,
                        "updated_at": moment,
                        "claim": {"token": token, "until": moment + timedelta(seconds=self._lease)},
                    },
                    "$inc": {"attempts": 1},
                },
                return_document=ReturnDocument.AFTER,
            )
        return Claim(job_from(document), token) if document else None

    @contextlib.contextmanager
    def kept(self, claim: Claim, interval: float) -> Iterator[None]:
        """Renews the claim and writes its progress down, from a thread, while the block runs.

        Sets `claim.lost` when the job was taken away, or MongoDB did not answer for as long as the lease.
        """
        done = threading.Event()
        pause = min(interval, self._lease / 3) or self._lease / 3
        # In this thread's context: its log lines name the job too.
        keep = functools.partial(contextvars.copy_context().run, self._keep, claim, done, pause)
        thread = threading.Thread(target=keep, name="claim", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def complete(self, claim: Claim, mp3_fid: ObjectId) -> None:
        """Ends the job with its MP3; raises ClaimLost when it is not ours any more."""
        change = {"status": Status.COMPLETED.value, "progress": 100, "mp3_fid": mp3_fid, "error": None, "claim": None}
        if not self._jobs.update(claim.job.video_fid, _held(claim), change):
            raise ClaimLost("the job was taken by another worker, or deleted")

    def release(self, claim: Claim, *, uncounted: bool = False) -> None:
        """Gives an unfinished job back; `uncounted` when the job is not to blame."""
        with failures():
            self._jobs.collection.update_one(
                {"_id": claim.job.video_fid, "claim.token": claim.token},
                {
                    "$set": {"status": Status.QUEUED.value, "progress": 0, "updated_at": now()},
                    "$unset": {"claim": ""},
                    "$inc": {"attempts": -1 if uncounted else 0},
                },
            )

    def _keep(self, claim: Claim, done: threading.Event, pause: float) -> None:
        renewed = now()
        while not done.wait(pause):
            moment = now()
            try:
                until = moment + timedelta(seconds=self._lease)
                change = {"claim.until": until, "progress": claim.progress}
                if not self._jobs.update(claim.job.video_fid, _held(claim), change):
                    claim.lost = claim.taken = True
                    return
                renewed = moment
            except TransientError as error:
                log.warning("The claim could not be renewed: %s", error)
                if (now() - renewed).total_seconds() > self._lease:
                    claim.lost = True
                    return


def _held(claim: Claim) -> dict[str, str]:
    return {"claim.token": claim.token, "status": Status.CONVERTING.value}
