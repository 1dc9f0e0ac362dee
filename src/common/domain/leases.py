"""A lease: the right of one worker to a job or a summary, for as long as it renews it.

The broker hands a message out again while the first worker may still be at it (a broken connection, an
acknowledgement that came too late). The lease in the record decides: it names its holder by a token, expires when it
is not renewed, and only its holder can finish the work.
"""

import contextlib
import contextvars
import functools
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.collection import Collection

from common.errors import TransientError
from common.runtime.checkpoints import Point, checkpoint
from common.runtime.clock import now
from common.storage.mongo import Document, failures

log = logging.getLogger(__name__)

_TAKEN = "it was taken by another worker, ended or deleted"


def without_lease() -> Document:
    """What finds records that no worker holds now."""
    return {"$or": [{"claim": None}, {"claim.until": {"$lt": now()}}]}


class LeaseLost(TransientError):
    """Raised when the record was taken by another worker, ended or deleted while this one was at it."""


@dataclass
class Lease:
    """A record that is ours while the lease is renewed."""

    id: ObjectId
    token: str
    lost: bool = field(default=False, kw_only=True)
    """Whether to stop: the record is ours no longer, or that cannot be known."""
    taken: bool = field(default=False, kw_only=True)
    """Whether MongoDB said so: another worker has it, or it was ended or deleted."""

    def check(self) -> None:
        """Raises LeaseLost when it was taken away, and TransientError when that cannot be known."""
        if self.taken:
            raise LeaseLost(_TAKEN)
        if self.lost:
            raise TransientError("MongoDB did not answer for as long as a lease lasts")


class Leases:
    """Leases on the records of one collection; `open_states` are those of records that have not ended.

    Every method raises StorageUnavailable when MongoDB does not answer.
    """

    def __init__(self, collection: Collection[Document], duration: float, open_states: Iterable[str]) -> None:
        self._collection = collection
        self._duration = duration
        self._open = {"status": {"$in": list(open_states)}}

    def acquire(self, record_id: ObjectId, **change: Any) -> tuple[str, Document] | None:
        """Acquires the lease of the record, changes it and counts the attempt; gives the lease's token, and the record.

        None when it has ended, is gone or another worker holds it.
        """
        token, moment = uuid4().hex, now()
        with failures():
            document = self._collection.find_one_and_update(
                {"_id": record_id, **self._open, **without_lease()},
                {
                    "$set": {**change, "updated_at": moment, "claim": {"token": token, "until": self._until(moment)}},
                    "$inc": {"attempts": 1},
                },
                return_document=ReturnDocument.AFTER,
            )
        return (token, document) if document else None

    @contextlib.contextmanager
    def renewed(
        self, lease: Lease, every: float | None = None, also: Callable[[], Mapping[str, Any]] = dict
    ) -> Iterator[None]:
        """Renews the lease from a thread while the block runs, and writes what `also` gives down with it.

        `every` is the most seconds between two times. Sets `lease.lost` when the record was taken away, or MongoDB
        did not answer for as long as the lease.
        """
        done = threading.Event()
        pause = min(every or self._duration, self._duration / 3)
        # In this thread's context: its log lines name the job too.
        keep = functools.partial(contextvars.copy_context().run, self._renew, lease, done, pause, also)
        thread = threading.Thread(target=keep, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def change(self, lease: Lease, change: Mapping[str, Any], *, drop: Iterable[str] = ()) -> None:
        """Sets fields of the record, and drops others; raises LeaseLost when it is not ours any more."""
        if not self._update(lease, {"$set": change, "$unset": dict.fromkeys(drop, "")}):
            lease.lost = lease.taken = True
            lease.check()

    def end(self, lease: Lease, change: Mapping[str, Any]) -> Document:
        """Sets fields of the record and ends the lease; raises LeaseLost when it is not ours any more.

        Returns the record as it was before: what this very change has replaced.
        """
        with failures():
            before = self._collection.find_one_and_update(
                self._held(lease), {"$set": {**change, "claim": None, "updated_at": now()}}
            )
        if before is None:
            lease.lost = lease.taken = True
            raise LeaseLost(_TAKEN)
        return before

    def release(self, lease: Lease, **change: Any) -> None:
        """Changes an unfinished record and gives it back; the attempt does not count, as the record is not to blame."""
        self._update(lease, {"$set": {**change, "claim": None}, "$inc": {"attempts": -1}})

    def _renew(self, lease: Lease, done: threading.Event, pause: float, also: Callable[[], Mapping[str, Any]]) -> None:
        renewed = now()
        while not done.wait(pause):
            checkpoint(Point.LEASE_BEFORE_RENEWAL)
            moment = now()
            try:
                self.change(lease, {**also(), "claim.until": self._until(moment)})
            except LeaseLost:
                return
            except TransientError as error:
                log.warning("The lease could not be renewed: %s", error)
                if (now() - renewed).total_seconds() > self._duration:
                    lease.lost = True
                    return
            else:
                renewed = moment

    def _update(self, lease: Lease, update: Mapping[str, Mapping[str, Any]]) -> bool:
        moved = {**update, "$set": {**update["$set"], "updated_at": now()}}
        with failures():
            # MongoDB before 5.0 refuses operators without fields.
            result = self._collection.update_one(
                self._held(lease), {name: fields for name, fields in moved.items() if fields}
            )
        return result.matched_count == 1

    def _held(self, lease: Lease) -> Document:
        """What finds the record while the lease is in it. Whatever takes the record away removes or replaces it."""
        return {"_id": lease.id, "claim.token": lease.token, **self._open}

    def _until(self, moment: datetime) -> datetime:
        return moment + timedelta(seconds=self._duration)
