"""Deletes what belongs to a deleted account: at once what its owner and the holders of links see, the rest later."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.domain.accounts import Accounts
from common.domain.owners import Owner
from common.errors import Unavailable
from common.runtime.clock import now
from gateway.jobs.store import Store
from gateway.uploads.repository import UploadRepository

log = logging.getLogger(__name__)

# s. How long a request deletes files; housekeeping continues.
_IN_REQUEST = 5.0
# The clocks of MongoDB, which dates the deletion of a job, and of this process may differ by less.
_OVERLAP = timedelta(minutes=5)
# Longer than the request that deletes an account: until then, its process decides.
_UNDECIDED = timedelta(minutes=10)


@dataclass(frozen=True)
class AccountDeletion:
    """Idempotent: housekeeping repeats it, for what a request that was in progress has stored afterwards."""

    store: Store
    uploads: UploadRepository
    accounts: Accounts

    def request(self, owner: Owner) -> None:
        """Call it before the auth service is asked, so that housekeeping finds out what an interrupted request did."""
        self.accounts.request_deletion(owner)

    def resolve(self, is_deleted: Callable[[str], bool], undecided: timedelta = _UNDECIDED) -> int:
        """Completes the deletions that were interrupted after the auth service had deleted the account.

        `is_deleted` asks that service about an account's id, and may raise Unavailable: then the others are left for
        the next run. Returns how many it completed. Raises StorageUnavailable.
        """
        count = 0
        try:
            for owner, requested_at in self.accounts.undecided(now() - undecided):
                if is_deleted(owner.key):
                    log.warning("The deletion of account %s was interrupted and is completed", owner.key)
                    self.accounts.mark_deleted(owner)
                    count += 1
                else:
                    self.accounts.withdraw_deletion(owner, requested_at)
        except Unavailable as error:
            log.warning("Interrupted deletions of accounts are completed later: %s", error)
        return count

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
