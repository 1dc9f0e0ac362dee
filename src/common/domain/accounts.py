"""The collection `accounts` of the database `videos`: what users have chosen for their accounts.

Passwords and addresses are the auth service's, in MySQL.
"""

from common.runtime.clock import now
from common.storage.mongo import Db, failures


class Accounts:
    """A record exists only after its user has changed something. Raises StorageUnavailable."""

    def __init__(self, db: Db) -> None:
        self.collection = db["accounts"]

    def wants_emails(self, username: str) -> bool:
        """Whether to send emails about ended jobs; the default is yes."""
        with failures():
            document = self.collection.find_one({"_id": username}, {"emails": 1})
        return bool(document is None or document.get("emails", True))

    def choose_emails(self, username: str, wanted: bool) -> None:  # noqa: FBT001  the value that is stored
        """The last choice counts, so the update has no further condition."""
        change = {"$set": {"emails": wanted, "updated_at": now()}}
        with failures():
            self.collection.update_one({"_id": username}, change, upsert=True)
