"""A claim: the right of one worker to a job or a summary, for as long as it renews it.

The broker hands a message out again while the first worker may still be at it (a broken connection, an
acknowledgement that came too late). The claim in the record decides: it names its holder by a token, expires when it
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


def unclaimed() -> Document:
    """What finds records that no worker holds now."""
    return {"$or": [{"claim": None}, {"claim.until": {"$lt": now()}}]}


class ClaimLost(TransientError):
    """Raised when the record was taken by another worker, ended or deleted while this one was at it."""


@dataclass
class Claim:
    """A record that is ours while the claim is renewed."""

    id: ObjectId
    token: str
    lost: bool = field(default=False, kw_only=True)
    """Whether to stop: the record is ours no longer, or that cannot be known."""
    taken: bool = field(default=False, kw_only=True)
    """Whether MongoDB said so: another worker has it, or it was ended or deleted."""

    def check(self) -> None:
        """Raises ClaimLost when it was taken away, and TransientError when that cannot be known."""
        if self.taken:
            raise ClaimLost(_TAKEN)
        if self.lost:
            raise TransientError("MongoDB did not answer for as long as a claim lasts")


class Claims:
    """Claims on the records of one collection; `open_states` are those of records that have not ended.

    Every method raises StorageUnavailable when MongoDB does not answer.
    """

    def __init__(self, collection: Collection[Document], lease: float, open_states: Iterable[str]) -> None:
        self._collection = collection
        self._lease = lease
        self._open = {"status": {"$in": list(open_states)}}

    def claim(self, record_id: ObjectId, **change: Any) -> tuple[str, Document] | None:
        """Claims the record, changes it and counts the attempt; gives the claim's token, and the record.

        None when it has ended, is gone or another worker holds it.
        """
        token, moment = uuid4().hex, now()
        with failures():
            document = self._collection.find_one_and_update(
                {"_id": record_id, **self._open, **unclaimed()},
                {
                    "$set": {**change, "updated_at": moment, "claim": {"token": token, "until": self._until(moment)}},
                    "$inc": {"attempts": 1},
                },
                return_document=ReturnDocument.AFTER,
            )
        return (token, document) if document else None

    @contextlib.contextmanager
    def renewed(
        self, claim: Claim, every: float | None = None, also: Callable[[], Mapping[str, Any]] = dict
    ) -> Iterator[None]:
        """Renews the claim from a thread while the block runs, and writes what `also` gives down with it.

        `every` is the most seconds between two times. Sets `claim.lost` when the record was taken away, or MongoDB
        did not answer for as long as the lease.
        """
        done = threading.Event()
        pause = min(every or self._lease, self._lease / 3)
        # In this thread's context: its log lines name the job too.
        keep = functools.partial(contextvars.copy_context().run, self._renew, claim, done, pause, also)
        thread = threading.Thread(target=keep, name="claim", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def change(self, claim: Claim, change: Mapping[str, Any], *, drop: Iterable[str] = ()) -> None:
        """Sets fields of the record, and drops others; raises ClaimLost when it is not ours any more."""
        if not self._update(claim, {"$set": change, "$unset": dict.fromkeys(drop, "")}):
            claim.lost = claim.taken = True
            claim.check()

    def end(self, claim: Claim, change: Mapping[str, Any]) -> Document:
        """Sets fields of the record and ends the claim; raises ClaimLost when it is not ours any more.

        Returns the record as it was before: what this very change has replaced.
        """
        with failures():
            before = self._collection.find_one_and_update(
                self._held(claim), {"$set": {**change, "claim": None, "updated_at": now()}}
            )
        if before is None:
            claim.lost = claim.taken = True
            raise ClaimLost(_TAKEN)
        return before

    def release(self, claim: Claim, **change: Any) -> None:
        """Changes an unfinished record and gives it back; the attempt does not count, as the record is not to blame."""
        self._update(claim, {"$set": {**change, "claim": None}, "$inc": {"attempts": -1}})

    def _renew(self, claim: Claim, done: threading.Event, pause: float, also: Callable[[], Mapping[str, Any]]) -> None:
        renewed = now()
        while not done.wait(pause):
            checkpoint(Point.CLAIM_BEFORE_RENEWAL)
            moment = now()
            try:
                self.change(claim, {**also(), "claim.until": self._until(moment)})
            except ClaimLost:
                return
            except TransientError as error:
                log.warning("The claim could not be renewed: %s", error)
                if (now() - renewed).total_seconds() > self._lease:
                    claim.lost = True
                    return
            else:
                renewed = moment

    def _update(self, claim: Claim, update: Mapping[str, Mapping[str, Any]]) -> bool:
        moved = {**update, "$set": {**update["$set"], "updated_at": now()}}
        with failures():
            # MongoDB before 5.0 refuses operators without fields.
            result = self._collection.update_one(
                self._held(claim), {name: fields for name, fields in moved.items() if fields}
            )
        return result.matched_count == 1

    def _held(self, claim: Claim) -> Document:
        """What finds the record while the claim is in it. Whatever takes the record away removes or replaces it."""
        return {"_id": claim.id, "claim.token": claim.token, **self._open}

    def _until(self, moment: datetime) -> datetime:
        return moment + timedelta(seconds=self._lease)
