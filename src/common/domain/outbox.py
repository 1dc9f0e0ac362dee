"""Publishes the messages of stored jobs and summaries, each with a flag that says whether RabbitMQ has confirmed it.

Messages that cannot be published now are left for housekeeping. A message that is published twice is harmless: workers
handle each run of a job or summary once.
"""

import logging
from collections.abc import Callable

from common.domain.job_repository import Jobs
from common.domain.jobs import Job, Status
from common.domain.quotas import Quotas
from common.domain.scheduling import Scheduler
from common.domain.summaries import Summaries, Summary
from common.domain.usage import UsageRepository
from common.errors import TransientError
from common.messaging.message import Envelope, Message, SummaryMessage
from common.messaging.publisher import Publisher
from common.runtime.settings import RabbitSettings

log = logging.getLogger(__name__)


class Outbox:
    """Every method about one message returns whether it was published."""

    def __init__(
        self,
        settings: RabbitSettings,
        jobs: Jobs,
        summaries: Summaries,
        publisher: Publisher,
        usage: UsageRepository | None = None,
    ) -> None:
        """`usage` has the quotas of single accounts; a process that publishes no jobs does not need it."""
        self._settings = settings
        self._jobs = jobs
        self._summaries = summaries
        self._publisher = publisher
        defaults = Quotas(jobs=settings.jobs_per_account)
        self._scheduler = Scheduler(
            jobs.turns,
            self.publish_job,
            lambda: publisher.state(settings.video_queue),
            lambda owner: (usage.quotas(owner, defaults) if usage else defaults).jobs,
        )

    def publish_next(self, owner: str) -> int:
        """Publishes the jobs whose turn it is, after one of this account was queued or has ended; returns how many."""
        return self._scheduler.advance(owner)

    def publish_for_converters(self) -> int:
        """Publishes jobs for converters that have none, after one was added; returns how many."""
        return self._scheduler.fill()

    def publish_waiting(self) -> int:
        """As `publish_next`, for all accounts; raises TransientError, having changed nothing without RabbitMQ."""
        return self._scheduler.recover()

    def publish_job(self, job: Job) -> bool:
        """Publishes a queued job to the converters."""
        message = Message(video_fid=job.video_fid, mp3_fid=None, username=job.username, run=job.run)
        return self._publish(self._settings.video_queue, message, lambda: self._jobs.confirm(job, published=True))

    def publish_notice(self, job: Job) -> bool:
        """Publishes the end of a job to the notification service."""
        mp3_fid = job.mp3_fid if job.status is Status.COMPLETED else None
        message = Message(video_fid=job.video_fid, mp3_fid=mp3_fid, username=job.username, run=job.run)
        return self._publish(self._settings.mp3_queue, message, lambda: self._jobs.confirm(job, notice_sent=True))

    def publish_summary(self, summary: Summary) -> bool:
        """Publishes a queued summary to the summary workers; does nothing without SUMMARY_QUEUE."""
        if self._settings.summary_queue is None:
            return False
        message = SummaryMessage(summary.id, summary.username, run=summary.run)
        return self._publish(self._settings.summary_queue, message, lambda: self._summaries.confirm_published(summary))

    def _publish(self, queue: str, message: Envelope, confirm: Callable[[], None]) -> bool:
        try:
            self._publisher.publish(queue, message)
            confirm()
        except TransientError as error:
            log.warning('The message for %s on "%s" is left for housekeeping: %s', message.subject, queue, error)
            return False
        return True
