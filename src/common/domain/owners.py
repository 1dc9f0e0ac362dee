"""Who owns the stored records: an account, by its immutable id.

A record has the account's id as `account`, and its address as `username`, for emails. Records that an earlier release
stored, or a replica of it during an update, have the address only. Such a record belongs to the account that has the
address now, unless it is older than the account: then it was stored for a deleted account with the same address.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bson import ObjectId

from common.storage.mongo import Document


@dataclass(frozen=True)
class Owner:
    username: str
    """The email address, which another account may have later."""
    account: str | None = None
    """The id, which no other account ever has. None if the token was validated by a replica of a release without ids,
    during an update: then, as in that release, the address decides."""
    since: datetime | None = None
    """When the account was created; None if a release without ids did so."""

    @property
    def key(self) -> str:
        """Identifies the account, for limits."""
        return self.account or self.username

    def owns(self, record_id: ObjectId, account: str | None, username: str | None) -> bool:
        """Whether the record with this id, `account` and `username` belongs to the account."""
        if account is not None and self.account is not None:
            return account == self.account
        return username == self.username and (self.since is None or record_id >= ObjectId.from_datetime(self.since))

    @property
    def records(self) -> Document:
        """Matches the account's records. Indexes: `account` with the sort key, and `username, account, _id`."""
        return any_of([self])


def any_of(owners: Iterable[Owner]) -> Document:
    """Matches the records of all these accounts."""
    return {"$or": [part for owner in owners for part in _records(owner)]}


def _records(owner: Owner) -> list[Document]:
    if owner.account is None:
        return [{"username": owner.username}]
    # The id of a record contains the time of its creation, in seconds.
    born = {} if owner.since is None else {"_id": {"$gte": ObjectId.from_datetime(owner.since)}}
    return [{"account": owner.account}, {"username": owner.username, "account": None, **born}]
