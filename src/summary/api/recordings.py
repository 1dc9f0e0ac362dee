"""Finds a recording by the id of its video or its MP3."""

from bson import ObjectId

from common.domain.job_repository import Jobs
from common.domain.jobs import Job, Status
from common.domain.summaries import Recording
from common.errors import Conflict, NotFound

_UNKNOWN = "There is no such file of yours. Its id is in the email and in GET /jobs."


def job_of(jobs: Jobs, file_id: ObjectId, username: str) -> Job:
    """The caller's job; raises NotFound if there is none."""
    job = jobs.owned_file(file_id, username)
    if job is None:
        raise NotFound(_UNKNOWN)
    return job


def recording_of(job: Job, file_id: ObjectId) -> Recording:
    """The job's MP3; raises Conflict when there is none yet, or never will be."""
    if job.status is Status.FAILED:
        raise Conflict("The conversion of this file failed: there is no sound to summarise.", code="conversion_failed")
    if job.status is not Status.COMPLETED or job.mp3_fid is None:
        raise Conflict(
            "This file is not converted yet. Wait until its job is completed: GET /jobs/<id>.", code="not_completed"
        )
    return Recording(file_id=file_id, mp3_fid=job.mp3_fid, video_fid=job.video_fid)
