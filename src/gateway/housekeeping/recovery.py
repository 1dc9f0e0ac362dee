"""Continues what a crash or an unavailable RabbitMQ has interrupted: uploads without a job, and lost messages."""

import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta

from common.domain.jobs import Job
from common.domain.outbox import Outbox
from common.errors import Gone, Locked
from common.runtime.clock import now
from gateway.housekeeping.repository import HousekeepingRepository
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings
from gateway.uploads.acceptance import UploadAcceptance
from gateway.uploads.repository import UploadRepository


class Recovery:
    """Each pass returns how much it continued, and may run at any time, beside the services and beside itself."""

    def __init__(
        self,
        settings: HousekeepingSettings,
        store: Store,
        uploads: UploadRepository,
        repository: HousekeepingRepository,
        outbox: Outbox,
    ) -> None:
        self._settings = settings
        self._store = store
        self._uploads = uploads
        self._repository = repository
        self._outbox = outbox
        self._acceptance = UploadAcceptance(store, uploads, outbox)

    def complete_uploads(self) -> int:
        """Creates the jobs of uploads whose last request stored all bytes and ended before it did so."""
        count = 0
        for seen in self._uploads.complete(self._settings.publish_grace):
            with contextlib.suppress(Locked, Gone):
                if (upload := self._uploads.lock(seen.id)) is not None:
                    self._acceptance.complete(upload)
                    count += 1
        return count

    def publish_jobs(self) -> int:
        return self._publish(self._repository.jobs_to_publish(*self._limits()), self._outbox.publish_job)

    def publish_notices(self) -> int:
        return self._publish(self._repository.jobs_to_notify(*self._limits()), self._outbox.publish_notice)

    def publish_summaries(self) -> int:
        if self._settings.summary_queue is None:
            return 0
        return sum(map(self._outbox.publish_summary, self._repository.summaries_to_publish(*self._limits())))

    def _limits(self) -> tuple[datetime, datetime]:
        """Before which a message counts as not confirmed, and a job as stalled."""
        moment = now()
        return (
            moment - timedelta(seconds=self._settings.publish_grace),
            moment - timedelta(seconds=self._settings.stalled_after),
        )

    def _publish(self, jobs: list[Job], publish: Callable[[Job], bool]) -> int:
        count = 0
        for job in jobs:
            if publish(job):
                # Sets `updated_at`, so that STALLED_AFTER starts again, unless the job has changed.
                self._store.jobs.update(job.video_fid, {**job.this_run, "status": job.status.value}, {})
                count += 1
        return count
