"""Who owns the stored records: an account, by its immutable id.

A record has the account's id as `account`, and its address as `username`, for emails. Records that an earlier release
stored, or a replica of it during an update, have the address only. Such a record belongs to the account that has the
address now, unless it is older than the account: then it was stored for a deleted account with the same address.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.collection import Collection

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
    def parts(self) -> list[Document]:
        """Match the account's records: those of this release, and those of earlier ones. Each can use one index."""
        if self.account is None:
            return [{"username": self.username}]
        # The id of a record contains the time of its creation, in seconds.
        born = {} if self.since is None else {"_id": {"$gte": ObjectId.from_datetime(self.since)}}
        return [{"account": self.account}, {"username": self.username, "account": None, **born}]

    @property
    def records(self) -> Document:
        """Matches all records of the account, in no order."""
        return {"$or": self.parts}

    def in_order(
        self, collection: Collection[Document], query: Mapping[str, Any], *, newest_first: bool, limit: int
    ) -> list[Document]:
        """The first `limit` of the account's records that match, by id; 0 is no limit.

        One query for each part: MongoDB does not always merge two indexes, and otherwise reads and sorts all records.
        """
        found: list[Document] = []
        for part in self.parts:
            ids = {**part.get("_id", {}), **query.get("_id", {})}
            rows = collection.find({**part, **query, **({"_id": ids} if ids else {})})
            # Without a limit all records are read anyway, by the index that has the fewest.
            found += rows.sort("_id", -1 if newest_first else 1).limit(limit) if limit else rows
        found.sort(key=lambda row: row["_id"], reverse=newest_first)
        return found[:limit] if limit else found
