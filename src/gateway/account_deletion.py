"""Deletes what belongs to a deleted account: at once what its owner and the holders of links see, the rest later."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.domain.accounts import Accounts
from common.domain.owners import Owner
from common.runtime.clock import now
from gateway.jobs.store import Store
from gateway.uploads.repository import UploadRepository

# s. How long a request deletes files; housekeeping continues.
_IN_REQUEST = 5.0
# The clocks of MongoDB, which dates the deletion of a job, and of this process may differ by less.
_OVERLAP = timedelta(minutes=5)


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

    def continue_all(self) -> int:
        """Deletes what is left of all deleted accounts; returns how many jobs and uploads. Raises StorageUnavailable.

        The files of a job are deleted once, so that a pass costs nothing for what earlier ones have deleted.
        """
        count = 0
        for owner, cleaned_at in self.accounts.deleted():
            started_at = now()
            count += self.delete_records(owner, since=cleaned_at)
            self.accounts.mark_cleaned(owner, started_at - _OVERLAP)
        return count

    def delete_records(self, owner: Owner, deadline: float = float("inf"), *, since: datetime | None = None) -> int:
        """Deletes jobs, summaries and uploads; returns how many jobs and uploads. Raises StorageUnavailable.

        Until the deadline, also deletes the files of the jobs that were deleted since `since`.
        """
        count = self.store.jobs.mark_all_deleted(owner)
        self.store.summaries.delete_all(owner)
        self.store.usage.delete(owner.key, owner.username)
        for upload_id in self.uploads.delete_all(owner):
            self.store.videos.delete(upload_id)
            count += 1
        for video_fid in self.store.jobs.deleted_of(owner, since):
            if time.monotonic() >= deadline:
                break
            self.store.delete_files(video_fid)
        return count
