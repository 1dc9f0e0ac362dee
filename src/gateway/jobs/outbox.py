"""Tells the converters about an accepted upload, and leaves what can't be told now to the sweeper."""

import logging

from common.domain.job_repository import Jobs
from common.domain.jobs import Job, Status
from common.errors import TransientError
from common.messaging.message import Message
from common.messaging.publisher import Publisher
from common.runtime.settings import RabbitSettings

log = logging.getLogger(__name__)


class Outbox:
    """Publishes the messages that jobs owe to the queues."""

    def __init__(self, settings: RabbitSettings, jobs: Jobs, publisher: Publisher) -> None:
        self._settings = settings
        self._jobs = jobs
        self._publisher = publisher

    def announce(self, job: Job) -> bool:
        """Publishes the job to the converters; False when that has to wait for housekeeping.

        A message that is published twice is harmless: the converter takes a job once.
        """
        message = Message(video_fid=job.video_fid, mp3_fid=None, username=job.username, run=job.run)
        return self._send(self._settings.video_queue, message, job, "published")

    def notify(self, job: Job) -> bool:
        """Publishes how the job ended to the notification; False when that has to wait."""
        mp3_fid = job.mp3_fid if job.status is Status.COMPLETED else None
        message = Message(video_fid=job.video_fid, mp3_fid=mp3_fid, username=job.username, run=job.run)
        return self._send(self._settings.mp3_queue, message, job, "notice_sent")

    def _send(self, queue: str, message: Message, job: Job, flag: str) -> bool:
        try:
            self._publisher.publish(queue, message)
            self._jobs.confirm(job, **{flag: True})
        except TransientError as error:
            log.warning('Job %s waits for the sweeper: no message on "%s": %s', job.video_fid, queue, error)
            return False
        return True
