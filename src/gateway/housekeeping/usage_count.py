"""Counts what accounts store: what earlier releases have stored, and what a crash between two writes has left wrong."""

import logging
from dataclasses import dataclass

from common.domain.owners import Owner
from common.domain.usage import owner_in
from common.storage.mongo import batches
from gateway.jobs.store import Store
from gateway.uploads.repository import UploadRepository

log = logging.getLogger(__name__)

# Accounts in one pass. An account is due a day after its usage has changed.
_ACCOUNTS = 500


@dataclass(frozen=True)
class UsageCount:
    """May run at any time, beside the services and beside itself."""

    store: Store
    uploads: UploadRepository

    def run(self) -> int:
        """Corrects the usage of the accounts that are due; returns how many were wrong."""
        count = 0
        for seen in self.store.usage.to_recount(_ACCOUNTS):
            if owner := owner_in(seen):
                self._set_sizes(owner)
            uploads, unfinished = self.uploads.reserved(seen["_id"])
            stored = self.store.jobs.stored(seen["_id"]) + uploads
            if self.store.usage.recount(seen, stored, unfinished):
                log.info("Corrected the usage of %s: it stores %d bytes", seen["_id"], stored)
                count += 1
        return count

    def _set_sizes(self, owner: Owner) -> None:
        """Stores the sizes of the files of jobs that an earlier release has created."""
        for jobs in batches(self.store.jobs.uncounted(owner)):
            videos = self.store.videos.lengths([job.video_fid for job in jobs])
            mp3s = self.store.mp3s.lengths([job.mp3_fid for job in jobs if job.mp3_fid])
            sizes = {
                job.video_fid: (videos.get(job.video_fid, 0), mp3s.get(job.mp3_fid, 0) if job.mp3_fid else 0)
                for job in jobs
            }
            self.store.jobs.set_sizes(owner.key, sizes)
