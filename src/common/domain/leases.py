"""A lease: the exclusive right of one worker to a job or a summary, for as long as it renews it.

The broker may redeliver a message while the first worker still works on it (a lost connection, a late acknowledgement).
The lease in the record decides: it identifies its holder by a token, expires by MongoDB's clock if it is not renewed,
and only its holder can complete the work.
"""

import contextlib
import contextvars
import functools
import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.collection import Collection

from common.errors import TransientError
from common.runtime.checkpoints import Point, checkpoint
from common.storage.mongo import NOW, Document, failures, in_seconds, incremented, literals, passed

log = logging.getLogger(__name__)

_TAKEN = "it was taken by another worker, ended or deleted"


def without_lease() -> Document:
    return {"$or": [{"claim": None}, passed("claim.until")]}


class LeaseLost(TransientError):
    """The record was taken by another worker, ended or deleted."""


@dataclass
class Lease:
    id: ObjectId
    token: str
    lost: bool = field(default=False, kw_only=True)
    """Whether to stop: the lease was taken, or may have expired."""
    taken: bool = field(default=False, kw_only=True)
    """Whether it is certain that another worker has the record, or that it was ended or deleted."""

    def check(self) -> None:
        """Raises LeaseLost if the lease was taken, and TransientError if it may have expired."""
        if self.taken:
            raise LeaseLost(_TAKEN)
        if self.lost:
            raise TransientError("The lease expired because MongoDB did not answer")


class Leases:
    """Leases on the records of one collection; `open_states` are those of records that have not ended.

    Every method raises StorageUnavailable when MongoDB does not answer.
    """

    def __init__(self, collection: Collection[Document], duration: float, open_states: Iterable[str]) -> None:
        self._collection = collection
        self._duration = duration
        self._open = {"status": {"$in": list(open_states)}}

    def acquire(self, record_id: ObjectId, **change: Any) -> tuple[str, Document] | None:
        """Acquires the lease, sets fields and counts the attempt; returns the token of the lease and the record.

        Returns None if the record has ended, is gone, or another worker holds its lease.
        """
        token = uuid4().hex
        taken = {
            "updated_at": NOW,
            "claim": {"token": token, "until": in_seconds(self._duration)},
            "attempts": incremented("attempts"),
        }
        with failures():
            document = self._collection.find_one_and_update(
                {"_id": record_id, **self._open, **without_lease()},
                [{"$set": {**literals(change), **taken}}],
                return_document=ReturnDocument.AFTER,
            )
        return (token, document) if document else None

    @contextlib.contextmanager
    def renewed(
        self, lease: Lease, every: float | None = None, also: Callable[[], Mapping[str, Any]] = dict
    ) -> Iterator[None]:
        """Renews the lease from a thread while the block runs, and stores the fields from `also` with it.

        `every` is the maximum number of seconds between renewals. Sets `lease.lost` if the lease was taken, or expired
        because MongoDB did not answer.
        """
        done = threading.Event()
        pause = min(every or self._duration, self._duration / 3)
        # In this thread's context, so that log lines have the job's id.
        keep = functools.partial(contextvars.copy_context().run, self._renew, lease, done, pause, also)
        thread = threading.Thread(target=keep, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def change(self, lease: Lease, change: Mapping[str, Any], *, drop: Iterable[str] = ()) -> None:
        """Sets fields of the record, and unsets those in `drop`; raises LeaseLost."""
        self._change(lease, {"$set": literals(change)}, *({"$unset": name} for name in drop))

    def end(self, lease: Lease, change: Mapping[str, Any]) -> Document:
        """Sets fields of the record and ends the lease; returns the record before this change. Raises LeaseLost."""
        with failures():
            before = self._collection.find_one_and_update(
                self._held(lease), [{"$set": {**literals({**change, "claim": None}), "updated_at": NOW}}]
            )
        if before is None:
            lease.lost = lease.taken = True
            raise LeaseLost(_TAKEN)
        return before

    def release(self, lease: Lease, **change: Any) -> None:
        """Sets fields of an unfinished record and ends the lease; the attempt does not count."""
        self._update(lease, {"$set": {**literals({**change, "claim": None}), "attempts": incremented("attempts", -1)}})

    def _renew(self, lease: Lease, done: threading.Event, pause: float, also: Callable[[], Mapping[str, Any]]) -> None:
        renewed = time.monotonic()
        while not done.wait(pause):
            checkpoint(Point.LEASE_BEFORE_RENEWAL)
            moment = time.monotonic()
            try:
                self._change(lease, {"$set": {**literals(also()), "claim.until": in_seconds(self._duration)}})
            except LeaseLost:
                return
            except TransientError as error:
                log.warning("The lease could not be renewed: %s", error)
                if time.monotonic() - renewed > self._duration:
                    lease.lost = True
                    return
            else:
                renewed = moment

    def _change(self, lease: Lease, *stages: Document) -> None:
        if not self._update(lease, *stages):
            lease.lost = lease.taken = True
            lease.check()

    def _update(self, lease: Lease, *stages: Document) -> bool:
        with failures():
            result = self._collection.update_one(self._held(lease), [*stages, {"$set": {"updated_at": NOW}}])
        return result.matched_count == 1

    def _held(self, lease: Lease) -> Document:
        return {"_id": lease.id, "claim.token": lease.token, **self._open}
