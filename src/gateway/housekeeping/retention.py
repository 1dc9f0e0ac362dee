"""Deletes what has expired: ended jobs, unfinished uploads, and summaries."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from common.runtime.clock import now
from common.storage.mongo import batches
from gateway.housekeeping.repository import HousekeepingRepository
from gateway.jobs.store import Store
from gateway.uploads.repository import UploadRepository

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retention:
    """Each pass returns how much it deleted, and may run at any time, beside the services and beside itself."""

    days: int
    store: Store
    uploads: UploadRepository
    repository: HousekeepingRepository

    def delete_expired_jobs(self) -> int:
        """Deletes jobs that ended more than RETENTION_DAYS ago, with their files."""
        if self.days == 0:
            return 0
        jobs = self.repository.jobs_ended_before(now() - timedelta(days=self.days))
        # Not a job that its owner has queued again in the meantime.
        return sum(self.store.delete_ended(job) for job in jobs)

    def delete_expired_uploads(self) -> int:
        """Deletes uploads that were not continued within UPLOAD_LIFETIME."""
        count = 0
        for upload_id in self.uploads.expired():
            # The record first: a crash in between leaves chunks without a file, which the pass over orphans deletes.
            upload = self.uploads.delete_expired(upload_id)
            if upload is not None:
                self.store.videos.delete(upload_id)
                if upload.charged:
                    self.store.usage.give_back(upload.owner, upload.cost, upload.charged)
                count += 1
        return count

    def delete_expired_summaries(self) -> int:
        """Deletes summaries of texts, which have no job, after RETENTION_DAYS."""
        if self.days == 0:
            return 0
        return self.repository.delete_summaries_of_texts(now() - timedelta(days=self.days))

    def delete_summaries_of_deleted_jobs(self) -> int:
        """Deletes the summaries and transcripts that are left after an interrupted deletion, or by a late worker.

        A missing job proves nothing: the jobs may have been lost, and summaries cost money.
        """
        count = 0
        for video_fids in batches(self.store.jobs.deleted()):
            count += self.store.summaries.delete_of_video(*video_fids)
            count += self.store.transcripts.delete_of_video(*video_fids)
        if count:
            log.warning("Deleted %d summaries and transcripts of deleted jobs", count)
        return count
