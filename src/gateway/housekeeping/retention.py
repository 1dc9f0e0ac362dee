"""Deletes what has expired: ended jobs, unfinished uploads, and summaries."""

import logging
from datetime import timedelta

from common.runtime.clock import now
from common.storage.mongo import batches
from gateway.housekeeping.repository import HousekeepingRepository
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings
from gateway.uploads.repository import UploadRepository

log = logging.getLogger(__name__)


class Retention:
    """Each pass returns how much it deleted, and may run at any time, beside the services and beside itself."""

    def __init__(
        self,
        settings: HousekeepingSettings,
        store: Store,
        uploads: UploadRepository,
        repository: HousekeepingRepository,
    ) -> None:
        self._days = settings.retention_days
        self._store = store
        self._uploads = uploads
        self._repository = repository

    def delete_expired_jobs(self) -> int:
        """Deletes jobs that ended more than RETENTION_DAYS ago, with their files."""
        if self._days == 0:
            return 0
        jobs = self._repository.jobs_ended_before(now() - timedelta(days=self._days))
        # Not a job that its owner has queued again in the meantime.
        return sum(self._store.delete_ended(job) for job in jobs)

    def delete_expired_uploads(self) -> int:
        """Deletes uploads that were not continued within UPLOAD_LIFETIME."""
        count = 0
        for upload_id in self._uploads.expired():
            # The record first: a crash in between leaves chunks without a file, which the pass over orphans deletes.
            if self._uploads.delete_expired(upload_id):
                self._store.videos.delete(upload_id)
                count += 1
        return count

    def delete_expired_summaries(self) -> int:
        """Deletes summaries of texts, which have no job, after RETENTION_DAYS."""
        if self._days == 0:
            return 0
        return self._repository.delete_summaries_of_texts(now() - timedelta(days=self._days))

    def delete_summaries_of_deleted_jobs(self) -> int:
        """Deletes the summaries and transcripts that are left after an interrupted deletion, or by a late worker.

        A missing job proves nothing: the jobs may have been lost, and summaries cost money.
        """
        count = 0
        for video_fids in batches(self._store.jobs.deleted()):
            count += self._store.summaries.delete_of_video(*video_fids)
            count += self._store.transcripts.delete_of_video(*video_fids)
        if count:
            log.warning("Deleted %d summaries and transcripts of deleted jobs", count)
        return count
