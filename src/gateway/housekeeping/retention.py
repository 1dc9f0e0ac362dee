"""The passes over the databases that keep the invariant: no chunk without a file, no file without a job, no job
that waits for a message which nobody sent, and nothing older than it should be.

Each pass may run at any time, beside the services and beside itself.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import timedelta

from common.domain.jobs import NOT_NOTIFIED, UNDER_WAY, Job, Status, job_from
from common.errors import Gone, Locked
from common.runtime.clock import now
from common.storage.mongo import failures
from gateway.housekeeping.orphans import OrphanCleanup
from gateway.jobs.outbox import Outbox
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings
from gateway.uploads.acceptance import UploadAcceptance
from gateway.uploads.resumable import Uploads

# Jobs that one pass handles at most, so that it ends; the next goes on.
_BATCH = 10_000


class Housekeeping:
    """All passes, in the order in which they help one another."""

    def __init__(self, settings: HousekeepingSettings, store: Store, outbox: Outbox) -> None:
        self._settings = settings
        self._store = store
        self._outbox = outbox
        self._uploads = Uploads(store.jobs.collection.database, settings.upload_lifetime)
        self._intake = UploadAcceptance(store, self._uploads, outbox)

    def run(self) -> dict[str, int]:
        """Runs every pass once; returns how much each had to do. Raises StorageUnavailable."""
        return {
            "expired": self.delete_expired(),
            "completed": self.complete_forgotten_uploads(),
            "uploads": self.delete_expired_uploads(),
            "published": self.publish_forgotten(),
            "notified": self.notify_forgotten(),
            **asdict(OrphanCleanup(self._settings, self._store, self._uploads).run()),
        }

    def delete_expired(self) -> int:
        """Deletes jobs that ended more than RETENTION_DAYS ago, with their files."""
        days = self._settings.retention_days
        if days == 0:
            return 0
        ended = [Status.COMPLETED.value, Status.FAILED.value]
        count = 0
        for job in self._jobs({"status": {"$in": ended}, "updated_at": {"$lt": now() - timedelta(days=days)}}):
            # Unless its owner has queued it again meanwhile.
            count += self._store.delete_ended(job)
        return count

    def delete_expired_uploads(self) -> int:
        """Deletes the bytes of uploads that were not finished in time."""
        count = 0
        for upload_id in self._uploads.expired():
            # First what is known about it: a crash in between leaves chunks without a file, which go with the others.
            if self._uploads.forget_expired(upload_id):
                self._store.videos.delete(upload_id)
                count += 1
        return count

    def complete_forgotten_uploads(self) -> int:
        """Makes the jobs of uploads whose last request ended after the last byte and before that."""
        count = 0
        for upload in self._uploads.complete(self._settings.publish_grace):
            with contextlib.suppress(Locked, Gone):
                if (mine := self._uploads.lock(upload.id)) is not None:
                    self._intake.complete(mine)
                    count += 1
        return count

    def publish_forgotten(self) -> int:
        """Publishes queued jobs whose message was never confirmed, and jobs that stand still far too long."""
        grace = now() - timedelta(seconds=self._settings.publish_grace)
        stalled = now() - timedelta(seconds=self._settings.stalled_after)
        waiting = {
            "$or": [
                {"status": Status.QUEUED.value, "published": False, "updated_at": {"$lt": grace}},
                # A message that somebody purged, or a queue that was deleted: nothing will ever move the job.
                {"status": {"$in": UNDER_WAY}, "updated_at": {"$lt": stalled}},
            ]
        }
        count = 0
        for job in self._jobs(waiting):
            if self._outbox.announce(job):
                self._touch(job)
                count += 1
        return count

    def notify_forgotten(self) -> int:
        """Publishes the end of jobs whose owner was not notified: the notice was never confirmed, or got lost.

        A notice that waits for its next attempt, as the mail server does not work, is not lost.
        """
        grace = now() - timedelta(seconds=self._settings.publish_grace)
        stalled = now() - timedelta(seconds=self._settings.stalled_after)
        forgotten = {
            "status": {"$in": [Status.COMPLETED.value, Status.FAILED.value]},
            **NOT_NOTIFIED,
            "$or": [
                {"notice_sent": False, "updated_at": {"$lt": grace}},
                {
                    "updated_at": {"$lt": stalled},
                    "undeliverable": {"$ne": True},
                    "notice_expected_until": {"$not": {"$gt": now()}},
                },
            ],
        }
        count = 0
        for job in self._jobs(forgotten):
            if self._outbox.notify(job):
                self._touch(job)
                count += 1
        return count

    def _touch(self, job: Job) -> None:
        """Restarts the time after which the job stands still for too long."""
        self._store.jobs.update(job.video_fid, {**job.this_run, "status": job.status.value}, {})

    def _jobs(self, query: Mapping[str, object]) -> Iterator[Job]:
        with failures():
            yield from [job_from(row) for row in self._store.jobs.collection.find(query).limit(_BATCH)]
