"""How far the passes have come: each checks what has changed since the last one. In the collection `housekeeping`."""

import contextlib
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from common.domain.job_repository import TOMBSTONE_DAYS
from common.storage.mongo import Db, failures

# The clocks of the processes that set times may differ by less, and a write takes less from its time until it is seen.
OVERLAP = timedelta(minutes=10)
# How far the first pass of a release with cursors goes back: to the oldest tombstones. Earlier releases checked
# everything in each pass, but may not have run for some time.
FIRST = timedelta(days=TOMBSTONE_DAYS)
_START = ObjectId("0" * 24)


class Cursors:
    """Survive restarts. Passes that run at the same time may do the same work twice, and omit none.

    Every method raises StorageUnavailable when MongoDB does not answer.
    """

    def __init__(self, db: Db) -> None:
        self._collection = db["housekeeping"]

    def since(self, name: str, before: datetime) -> datetime:
        """From when on a pass checks that ends with `before`; call `done` when everything is checked."""
        checked: datetime | None = self._position(name)
        return (before - FIRST if checked is None else checked) - OVERLAP

    def done(self, name: str, before: datetime) -> None:
        seen = self._position(name)
        if seen is None or seen < before:
            self._move(name, seen, before)

    def id(self, name: str) -> ObjectId:
        """Up to which id an audit has come; call `move` when the next ones are checked."""
        found: ObjectId | None = self._position(name)
        return found or _START

    def move(self, name: str, seen: ObjectId, to: ObjectId | None) -> None:
        """Moves on from `seen`, unless another pass did; None is the end, and the audit begins again."""
        self._move(name, None if seen == _START else seen, to)

    def _position(self, name: str) -> Any:
        with failures():
            row = self._collection.find_one({"_id": f"cursor {name}"})
        return row["position"] if row else None

    def _move(self, name: str, seen: object, to: object) -> None:
        # A concurrent pass has inserted it, or the position is not the one that was seen.
        with failures(), contextlib.suppress(DuplicateKeyError):
            known = {"_id": f"cursor {name}", "position": seen}
            self._collection.update_one(known, {"$set": {"position": to}}, upsert=seen is None)
