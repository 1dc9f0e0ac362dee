"""What an owner may ask of a job besides deleting it: convert the video again, or stop converting it."""

from collections.abc import Mapping

from common.domain.jobs import Job, Status
from common.domain.options import ConversionOptions
from common.errors import Conflict, NotFound
from gateway.jobs.outbox import Outbox
from gateway.jobs.store import Store


def retry(store: Store, outbox: Outbox, job: Job, fields: Mapping[str, object] | None) -> Job:
    """Queues an ended job again, with the options in `fields` instead of its own if given; returns it.

    Raises Conflict when it has not ended, when nothing would be different, or without the video; Invalid for options.
    """
    options = dict(job.options) if fields is None else ConversionOptions.parse(fields).as_document()
    if not job.status.terminal:
        raise Conflict(
            f"The job is {job.status.value}. Wait until it ends, or cancel it first.", code="job_in_progress"
        )
    if job.status is Status.COMPLETED and options == job.options:
        raise Conflict(
            "The MP3 was made with these options already. Choose others to convert the video again.",
            code="same_options",
        )
    if store.videos.find(job.video_fid) is None:
        raise Conflict("The video is no longer stored. Upload it again.", code="no_longer_stored")
    if not store.jobs.reopen(job.video_fid, options, ended=(job.status,), where=job.this_run):
        raise Conflict("The job was modified; reload it.", code="job_modified")
    queued = _current(store, job)
    outbox.announce(queued)
    return queued


def cancel(store: Store, job: Job) -> Job:
    """Ends a job that is under way; returns it. Raises Conflict when it has ended."""
    if not store.jobs.cancel(job.video_fid, job.this_run):
        raise Conflict("The job has ended already. Delete it if you do not want it.", code="job_ended")
    return _current(store, job)


def _current(store: Store, job: Job) -> Job:
    found = store.jobs.owned(job.video_fid, job.username)
    if found is None:
        raise NotFound("There is no such job.")
    return found
