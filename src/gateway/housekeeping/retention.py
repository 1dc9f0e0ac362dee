"""Deletes what has expired: ended jobs, unfinished uploads, and summaries."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from common.domain.jobs import Status
from common.runtime.clock import now
from common.storage.mongo import batches
from gateway.housekeeping.cursors import Cursors
from gateway.housekeeping.repository import HousekeepingRepository
from gateway.jobs.store import Store
from gateway.pace import paced
from gateway.settings import HousekeepingSettings
from gateway.uploads.repository import UploadRepository

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Retention:
    """Each pass returns how much it deleted, and may run at any time, beside the services and beside itself."""

    settings: HousekeepingSettings
    store: Store
    uploads: UploadRepository
    repository: HousekeepingRepository
    cursors: Cursors

    def delete_expired_jobs(self) -> int:
        """Deletes jobs that ended more than RETENTION_DAYS ago, with their files."""
        days = self.settings.retention_days
        if days == 0:
            return 0
        jobs = self.store.jobs.retention.ended_before(now() - timedelta(days=days))
        # Not a job that its owner has queued again in the meantime.
        return sum(self.store.delete_ended(*batch) for batch in paced(jobs))

    def delete_expired_videos(self) -> int:
        """Deletes the videos of jobs that were completed more than KEEP_VIDEOS_DAYS ago; the jobs and MP3s stay."""
        before = now() - timedelta(days=self.settings.keep_videos_days)
        jobs = self.store.jobs.retention.with_videos_ended_before(before)
        return sum(self.store.delete_videos(*batch) for batch in paced(jobs))

    def delete_expired_uploads(self) -> int:
        """Deletes uploads that were not continued within UPLOAD_LIFETIME."""
        count = 0
        for upload_id in self.uploads.expired():
            # The record first: a crash in between leaves chunks without a file, which the pass over orphans deletes.
            self.store.videos.orphaned_chunks.expect([upload_id])
            upload = self.uploads.delete_expired(upload_id)
            if upload is not None:
                self.store.videos.delete(upload_id)
                if upload.charged:
                    self.store.usage.give_back(upload.owner, upload.cost, upload.charged)
                count += 1
        return count

    def delete_expired_summaries(self) -> int:
        """Deletes summaries of texts, which have no job, after RETENTION_DAYS."""
        days = self.settings.retention_days
        if days == 0:
            return 0
        return self.repository.delete_summaries_of_texts(now() - timedelta(days=days))

    def delete_summaries_of_deleted_jobs(self) -> int:
        """Deletes the summaries and transcripts that are left after an interrupted deletion, or by a late worker.

        A missing job proves nothing: the jobs may have been lost, and summaries cost money. Each deleted job is checked
        at once, and again after ORPHAN_GRACE, when no worker has it any more.
        """
        count = 0
        moment = now()
        late = moment - timedelta(seconds=self.settings.orphan_grace)
        for name, until, before in (
            ("summaries of deleted jobs", moment, None),
            ("late summaries of deleted jobs", late, late),
        ):
            since = self.cursors.since(name, until)
            for video_fids in batches(self.store.jobs.in_status_since([Status.DELETED.value], since, before)):
                count += self.store.summaries.delete_of_video(*video_fids)
                count += self.store.transcripts.delete_of_video(*video_fids)
            self.cursors.done(name, until)
        if count:
            log.warning("Deleted %d summaries and transcripts of deleted jobs", count)
        return count
