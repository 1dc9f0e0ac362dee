"""Deletes what belongs to a deleted account: at once what its owner and the holders of links see, the rest later."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bson import ObjectId

from common.domain.accounts import Accounts
from common.domain.owners import Owner
from common.errors import Unavailable
from common.runtime.clock import now
from gateway.jobs.store import Store
from gateway.pace import paced
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
        self.delete_records(owner)
        for video_fids in paced(self.store.jobs.deleted_of(owner, None), _IN_REQUEST):
            self._delete_files(video_fids)

    def continue_all(self) -> int:
        """Deletes what is left of all deleted accounts; returns how many jobs and uploads. Raises StorageUnavailable.

        The files of a job are deleted once, so that a pass costs nothing for what earlier ones have deleted.
        """
        count = 0
        for owner, cleaned_at in self.accounts.deleted():
            started_at = now()
            count += self.delete_records(owner, cleaned_at)
            for video_fids in paced(self.store.jobs.deleted_of(owner, cleaned_at)):
                self._delete_files(video_fids)
            # The next pass continues if the time was too short.
            if next(self.store.jobs.deleted_of(owner, cleaned_at), None) is None:
                self.accounts.mark_cleaned(owner, started_at - _OVERLAP)
        return count

    def _delete_files(self, video_fids: Sequence[ObjectId]) -> None:
        self.store.delete_files(*video_fids)
        self.store.jobs.mark_files_deleted(video_fids)

    def delete_records(self, owner: Owner, since: datetime | None = None) -> int:
        """Deletes jobs, summaries and uploads; returns how many jobs and uploads. Raises StorageUnavailable.

        `since` is the time up to which an earlier call has deleted everything.
        """
        count = self.store.jobs.mark_all_deleted(owner, since)
        self.store.summaries.delete_all(owner)
        self.store.usage.delete(owner.key, owner.username)
        upload_ids = self.uploads.ids(owner)
        self.store.videos.orphaned_chunks.expect(upload_ids)
        self.uploads.delete_all(upload_ids)
        for upload_id in upload_ids:
            self.store.videos.delete(upload_id)
            count += 1
        return count
