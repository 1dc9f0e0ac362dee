"""Why a stored file seems orphaned, by what its job says."""

from collections.abc import Callable
from enum import StrEnum

from bson import ObjectId

from common.domain.jobs import Job, Status
from common.storage.orphaned_files import OwnFile


class Reason(StrEnum):
    """Why a file seems orphaned."""

    JOB_DELETED = "job deleted"
    SUPERSEDED = "superseded"
    NOT_ACCEPTED = "not accepted"
    JOB_LOST = "job lost"


def reason_for_video(file: OwnFile, job: Job | None, uploading: Callable[[ObjectId], bool]) -> Reason | None:
    """Why a video seems orphaned; None when it does not."""
    if job is not None:
        return Reason.JOB_DELETED if job.status is Status.DELETED else None
    if uploading(file.id):
        return None
    return Reason.JOB_LOST if file.had_job else Reason.NOT_ACCEPTED


def reason_for_mp3(file: OwnFile, job: Job | None, stored: Callable[[ObjectId], bool]) -> Reason | None:
    """Why an MP3 seems orphaned; None when it does not."""
    if job is None:
        # It was made for a job.
        return Reason.JOB_LOST
    if job.status is Status.DELETED:
        return Reason.JOB_DELETED
    # One that is being converted may be about to point to it.
    if job.mp3_fid == file.id or job.status is Status.CONVERTING:
        return None
    # The job of an older backup points to what was replaced since then.
    return Reason.SUPERSEDED if job.mp3_fid is None or stored(job.mp3_fid) else Reason.JOB_LOST
