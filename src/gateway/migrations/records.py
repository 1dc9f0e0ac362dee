"""The collection `migrations`: which steps were applied, and the lease of the process that applies them."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from common.errors import TransientError
from common.storage.mongo import NOW, Db, Document, failures, in_seconds, incremented, literals, older_than, passed

# s. Well above the time of a batch; the next process waits for as long after a crash.
LEASE = 60.0
# s between attempts to acquire the lease.
_RETRY = 0.5

_LEASE_ID = "lease"
# The ids of steps are their numbers.
_STEPS: Document = {"_id": {"$type": "number"}}


class MigrationRunning(TransientError):
    """Another process applies the steps."""


@dataclass(frozen=True)
class StepsLease:
    collection: Collection[Document]
    holder: str

    def renew(self) -> None:
        """Raises MigrationRunning if another process has the lease."""
        with failures():
            change = [{"$set": {"until": in_seconds(LEASE)}}]
            if not self.collection.update_one(self._held, change).matched_count:
                raise MigrationRunning("The lease has expired, and another process applies the migrations")

    def release(self) -> None:
        with failures():
            self.collection.update_one(self._held, {"$set": {"holder": None}})

    @property
    def _held(self) -> Document:
        return {"_id": _LEASE_ID, "holder": self.holder}


class MigrationRecords:
    """Every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db) -> None:
        self._collection = db["migrations"]

    def applied(self) -> set[int]:
        """The numbers of the steps that were applied, by any release."""
        return self._numbers({})

    def applied_once(self, seconds: float) -> set[int]:
        """The steps that were applied at least that long ago, and not repeated since."""
        return self._numbers({"repeated_at": None, **older_than(seconds, "done_at")})

    def record(self, number: int, name: str, changed: int) -> None:
        fields = literals({"name": name, "changed": changed})
        with failures():
            self._collection.update_one({"_id": number}, [{"$set": {**fields, "done_at": NOW}}], upsert=True)

    def record_repetition(self, number: int, changed: int) -> None:
        change = {"repeated_at": NOW, "changed": incremented("changed", changed)}
        with failures():
            self._collection.update_one({"_id": number, "repeated_at": None}, [{"$set": change}])

    @contextlib.contextmanager
    def lease(self, timeout: float) -> Iterator[StepsLease]:
        """Holds the lease, which the caller renews; raises MigrationRunning when it is not free after `timeout` s."""
        deadline = time.monotonic() + timeout
        while (lease := self._acquire()) is None:
            if time.monotonic() >= deadline:
                raise MigrationRunning("Another process applies the migrations of MongoDB")
            time.sleep(_RETRY)
        try:
            yield lease
        finally:
            lease.release()

    def _acquire(self) -> StepsLease | None:
        lease = StepsLease(self._collection, uuid4().hex)
        free = {"$or": [{"holder": None}, passed("until")]}
        change = [{"$set": {"holder": lease.holder, "until": in_seconds(LEASE)}}]
        with failures():
            # Another process may insert it at the same time. A query of an upsert cannot compare with MongoDB's clock.
            with contextlib.suppress(DuplicateKeyError):
                self._collection.update_one({"_id": _LEASE_ID}, {"$setOnInsert": {"holder": None}}, upsert=True)
            return lease if self._collection.update_one({"_id": _LEASE_ID, **free}, change).matched_count else None

    def _numbers(self, query: Document) -> set[int]:
        with failures():
            return {int(row["_id"]) for row in self._collection.find({**_STEPS, **query}, {"_id": 1})}
