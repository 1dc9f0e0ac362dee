"""The changes of a job that its owner may ask for: retry and cancel. Deletion is in `gateway.jobs.store`."""

from collections.abc import Mapping

from common.domain.jobs import Job, Status
from common.domain.options import ConversionOptions
from common.domain.outbox import Outbox
from common.errors import Conflict
from gateway.jobs.store import Store


def retry(store: Store, outbox: Outbox, job: Job, fields: Mapping[str, object] | None) -> Job:
    """Queues a job again that has ended, with the options in `fields` if they are given; returns it.

    Raises Conflict when the job has not ended, when the result would be the same, or without the video; Invalid for
    invalid options.
    """
    options = dict(job.options) if fields is None else ConversionOptions.parse(fields).as_document()
    if not job.status.terminal:
        raise Conflict(
            f"The job is {job.status.value}. Wait until it ends, or cancel it first.", code="job_in_progress"
        )
    if job.status is Status.COMPLETED and options == job.options:
        raise Conflict(
            "The MP3 already has these options. Change an option to convert the video again.", code="same_options"
        )
    if store.videos.find(job.video_fid) is None:
        raise Conflict("The video is no longer stored. Upload it again.", code="no_longer_stored")
    if not store.jobs.reopen(job.video_fid, options, ended=(job.status,), where=job.this_run):
        raise Conflict("The job was modified; reload it.", code="job_modified")
    queued = store.owned(job.video_fid, job.username)
    outbox.publish_job(queued)
    return queued


def cancel(store: Store, job: Job) -> Job:
    """Ends a job that is in progress; returns it. Raises Conflict when it has ended."""
    if not store.jobs.cancel(job.video_fid, job.this_run):
        raise Conflict("The job has already ended and cannot be cancelled.", code="job_ended")
    return store.owned(job.video_fid, job.username)
