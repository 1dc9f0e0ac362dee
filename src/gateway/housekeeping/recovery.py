"""Continues what a crash or an unavailable RabbitMQ has interrupted: uploads without a job, and lost messages."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.domain.jobs import Job
from common.domain.outbox import Outbox
from common.errors import Gone, Locked
from common.messaging.connection import BrokerUnavailable
from common.runtime.clock import now
from gateway.housekeeping.repository import HousekeepingRepository
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings
from gateway.uploads.acceptance import UploadAcceptance
from gateway.uploads.repository import UploadRepository

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recovery:
    """Each pass returns how much it continued, and may run at any time, beside the services and beside itself."""

    settings: HousekeepingSettings
    store: Store
    uploads: UploadRepository
    repository: HousekeepingRepository
    outbox: Outbox

    def complete_uploads(self) -> int:
        """Creates the jobs of uploads whose last request stored all bytes and ended before it did so."""
        acceptance = UploadAcceptance(self.store, self.uploads, self.outbox)
        count = 0
        for seen in self.uploads.complete(self.settings.publish_grace):
            with contextlib.suppress(Locked, Gone):
                if (upload := self.uploads.lock(seen.id)) is not None:
                    acceptance.complete(upload)
                    count += 1
        return count

    def publish_jobs(self) -> int:
        return self._publish(self.repository.jobs_to_publish(*self._limits()), self.outbox.publish_job)

    def publish_waiting_jobs(self) -> int:
        """Publishes jobs whose turn it is and was lost: see `Scheduler.recover`."""
        try:
            return self.outbox.publish_waiting()
        except BrokerUnavailable as error:
            log.warning("Waiting jobs are left for the next pass: %s", error)
            return 0

    def publish_notices(self) -> int:
        return self._publish(self.repository.jobs_to_notify(*self._limits()), self.outbox.publish_notice)

    def publish_summaries(self) -> int:
        if self.settings.summary_queue is None:
            return 0
        return sum(map(self.outbox.publish_summary, self.repository.summaries_to_publish(*self._limits())))

    def _limits(self) -> tuple[datetime, datetime]:
        """Before which a message counts as not confirmed, and a job as stalled."""
        moment = now()
        return (
            moment - timedelta(seconds=self.settings.publish_grace),
            moment - timedelta(seconds=self.settings.stalled_after),
        )

    def _publish(self, jobs: list[Job], publish: Callable[[Job], bool]) -> int:
        count = 0
        for job in jobs:
            if publish(job):
                # Sets `updated_at`, so that STALLED_AFTER starts again, unless the job has changed.
                self.store.jobs.update(job.video_fid, {**job.this_run, "status": job.status.value}, {})
                count += 1
        return count
