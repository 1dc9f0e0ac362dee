"""A claim: the right of one worker to make a summary, for as long as it renews it.

The broker hands a message out again while the first worker may still be at it. The provider is paid by the request: so
the claim in the summary's record decides who asks it.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from bson import ObjectId
from pymongo import ReturnDocument

from common.errors import TransientError
from common.jobs import now
from common.storage.mongo import failures
from common.summaries import UNDER_WAY, Stage, Summaries, Summary, summary_from

log = logging.getLogger(__name__)


class ClaimLost(TransientError):
    """Raised when the summary was taken by another worker or deleted while this one was at it."""


@dataclass
class Claim:
    """A summary that is ours while the claim is renewed."""

    summary: Summary
    token: str
    attempts: int
    lost: bool = False

    @property
    def held(self) -> dict[str, str]:
        """What its record says as long as it is ours."""
        return {"claim.token": self.token}


class Claims:
    """Takes, renews and ends claims."""

    def __init__(self, summaries: Summaries, lease: float) -> None:
        self._summaries = summaries
        self._lease = lease

    def take(self, summary_id: ObjectId) -> Claim | None:
        """Claims the summary and counts the attempt; None when it has ended, is gone or another worker holds it."""
        token, moment = uuid4().hex, now()
        with failures():
            document = self._summaries.collection.find_one_and_update(
                {
                    "_id": summary_id,
                    "status": {"$in": UNDER_WAY},
                    "$or": [{"claim": None}, {"claim.until": {"$lt": moment}}],
                },
                {
                    "$set": {"updated_at": moment, "claim": {"token": token, "until": self._until()}},
                    "$inc": {"attempts": 1},
                },
                return_document=ReturnDocument.AFTER,
            )
        return Claim(summary_from(document), token, document.get("attempts", 1)) if document else None

    @contextlib.contextmanager
    def kept(self, claim: Claim) -> Iterator[None]:
        """Renews the claim from a thread while the block runs; sets `claim.lost` when it was taken away."""
        done = threading.Event()
        thread = threading.Thread(target=self._keep, args=(claim, done), name="claim", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def change(self, claim: Claim, **fields: Any) -> None:
        """Writes fields of the summary; raises ClaimLost when it is not ours any more."""
        if claim.lost or not self._summaries.update(claim.summary.id, claim.held, fields):
            claim.lost = True
            raise ClaimLost("the summary was taken by another worker, or deleted")

    def complete(self, claim: Claim, summary: Mapping[str, Any]) -> None:
        """Ends the summary with its result; raises ClaimLost when it is not ours any more."""
        with failures():
            result = self._summaries.collection.update_one(
                {"_id": claim.summary.id, **claim.held},
                {
                    "$set": {
                        **summary, "status": Stage.COMPLETED.value, "progress": 100, "error": None, "claim": None,
                        "updated_at": now(),
                    },
                    "$unset": {"text": "", "notes": ""},
                },
            )  # fmt: skip
        if result.matched_count != 1:
            raise ClaimLost("the summary was taken by another worker, or deleted")

    def release(self, claim: Claim) -> None:
        """Gives an unfinished summary back, uncounted: it is not to blame."""
        with failures():
            self._summaries.collection.update_one(
                {"_id": claim.summary.id, **claim.held},
                {"$set": {"claim": None, "updated_at": now()}, "$inc": {"attempts": -1}},
            )

    def _keep(self, claim: Claim, done: threading.Event) -> None:
        renewed = now()
        while not done.wait(self._lease / 3):
            moment = now()
            try:
                if not self._summaries.update(claim.summary.id, claim.held, {"claim.until": self._until()}):
                    claim.lost = True
                    return
                renewed = moment
            except TransientError as error:
                log.warning("The claim could not be renewed: %s", error)
                if (now() - renewed).total_seconds() > self._lease:
                    claim.lost = True
                    return

    def _until(self) -> Any:
        return now() + timedelta(seconds=self._lease)
