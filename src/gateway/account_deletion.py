"""Deletes what belongs to a deleted account: at once what its owner and the holders of links see, the rest later."""

import time
from dataclasses import dataclass

from common.domain.accounts import Accounts
from common.domain.owners import Owner
from gateway.jobs.store import Store
from gateway.uploads.repository import UploadRepository

# s. How long a request deletes files; housekeeping continues.
_IN_REQUEST = 5.0


@dataclass(frozen=True)
class AccountDeletion:
    """Idempotent: housekeeping repeats it, for what a request that was in progress has stored afterwards."""

    store: Store
    uploads: UploadRepository
    accounts: Accounts

    def delete(self, owner: Owner) -> None:
        # First, so that housekeeping continues after an interruption.
        self.accounts.mark_deleted(owner)
        self.delete_records(owner, time.monotonic() + _IN_REQUEST)

    def delete_records(self, owner: Owner, deadline: float = float("inf")) -> int:
        """Deletes jobs, summaries and uploads, and until the deadline their files; returns how many jobs and uploads.

        Raises StorageUnavailable.
        """
        count = self.store.jobs.mark_all_deleted(owner)
        self.store.summaries.delete_all(owner)
        for upload_id in self.uploads.delete_all(owner):
            self.store.videos.delete(upload_id)
            count += 1
        for video_fid in self.store.jobs.deleted_of(owner):
            if time.monotonic() >= deadline:
                break
            self.store.delete_files(video_fid)
        return count
