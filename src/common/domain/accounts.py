"""The collection `accounts` of the database `videos`: what users have chosen for their accounts, by the account's id.

Passwords and addresses are the auth service's, in MySQL. Earlier releases stored the records by the address.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from common.domain.owners import Owner
from common.runtime.clock import now
from common.storage.mongo import Db, failures

# Longer than a request can last that was in progress when its account was deleted.
_DELETED_DAYS = 7


class Accounts:
    """A record exists only after its user has uploaded or changed something. Raises StorageUnavailable."""

    def __init__(self, db: Db) -> None:
        self.collection = db["accounts"]

    def ensure_indexes(self) -> None:
        """Creates the indexes for deleted accounts."""
        with failures():
            self.collection.create_index([("deleted_at", 1)], sparse=True)
            self.collection.create_index([("deletion.requested_at", 1)], sparse=True)
            self.collection.create_index([("expires_at", 1)], expireAfterSeconds=0)

    def wants_emails(self, account: str) -> bool:
        """Whether to send emails about ended jobs; the default is yes.

        `account` is an id, or the address for a job of an earlier release.
        """
        return _wants_emails(self._find(account))

    def chosen_emails(self, owner: Owner) -> bool:
        """As `wants_emails`, including what the owner has chosen in an earlier release."""
        self.adopt(owner)
        return self.wants_emails(owner.key)

    def choose_emails(self, owner: Owner, wanted: bool) -> None:  # noqa: FBT001  the value that is stored
        """The last choice counts, so the update has no further condition."""
        change = {"$set": {"emails": wanted, "updated_at": now()}}
        with failures():
            self.collection.update_one({"_id": owner.key}, change, upsert=True)

    def adopt(self, owner: Owner) -> None:
        """Creates the account's record from what its owner has chosen in an earlier release, unless it exists.

        Call it when a job is created: its email depends on the account's record only.
        """
        if owner.account is None or self._find(owner.account) is not None:
            return
        earlier = self._find(owner.username)
        # The record of a deleted account with the same address is older than this account.
        if earlier and owner.since is not None and not earlier["updated_at"] >= owner.since:
            earlier = None
        record = {"emails": _wants_emails(earlier), "updated_at": now()}
        with failures():
            self.collection.update_one({"_id": owner.account}, {"$setOnInsert": record}, upsert=True)

    def request_deletion(self, owner: Owner) -> None:
        """Records that the auth service is asked to delete the account, before it is asked: see `undecided`.

        Does nothing for an account that is deleted already, or whose id is not known.
        """
        if owner.account is None:
            return
        self.adopt(owner)
        known = {"_id": owner.account, "deleted_at": {"$exists": False}}
        request = {"username": owner.username, "since": owner.since, "requested_at": now()}
        with failures():
            self.collection.update_one(known, {"$set": {"deletion": request}})

    def undecided(self, before: datetime) -> Iterator[tuple[Owner, datetime]]:
        """The accounts whose deletion was requested before that time and not marked, each with the time of the request.

        The auth service may have deleted the account or not: the password was wrong, or a process was interrupted.
        """
        with failures():
            for row in self.collection.find({"deletion.requested_at": {"$lt": before}}):
                request = row["deletion"]
                yield Owner(request["username"], row["_id"], request["since"]), request["requested_at"]

    def withdraw_deletion(self, owner: Owner, requested_at: datetime) -> None:
        """Forgets a request for a deletion that did not happen, unless it was repeated since."""
        known = {"_id": owner.key, "deletion.requested_at": requested_at}
        with failures():
            self.collection.update_one(known, {"$unset": {"deletion": ""}})

    def mark_deleted(self, owner: Owner) -> None:
        """Records that everything of the account is to be deleted."""
        moment = now()
        record = {
            "username": owner.username, "since": owner.since, "deleted_at": moment,
            "expires_at": moment + timedelta(days=_DELETED_DAYS), "emails": False, "updated_at": moment,
        }  # fmt: skip
        with failures():
            self.collection.replace_one({"_id": owner.key}, record, upsert=True)
            # What was chosen in an earlier release.
            if owner.account is not None:
                self.collection.delete_one({"_id": owner.username})

    def deleted(self) -> Iterator[tuple[Owner, datetime | None]]:
        """The accounts that were deleted in the last days, each with the time of `mark_cleaned`."""
        with failures():
            for row in self.collection.find({"deleted_at": {"$exists": True}}):
                yield Owner(row["username"], row["_id"], row["since"]), row.get("cleaned_at")

    def mark_cleaned(self, owner: Owner, since: datetime) -> None:
        """Records that all files of the jobs that were deleted before that time are gone; never an earlier time."""
        with failures():
            known = {"_id": owner.key, "deleted_at": {"$exists": True}}
            self.collection.update_one(known, {"$max": {"cleaned_at": since}})

    def _find(self, key: str) -> dict[str, Any] | None:
        with failures():
            return self.collection.find_one({"_id": key}, {"emails": 1, "updated_at": 1})


def _wants_emails(document: dict[str, Any] | None) -> bool:
    return bool(document is None or document.get("emails", True))
