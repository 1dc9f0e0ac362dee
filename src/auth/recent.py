"""A cache of the current state of rows: for seconds, and longer while MySQL is down."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from common.errors import TransientError

log = logging.getLogger(__name__)

Row = TypeVar("Row")

# s. What changes a row (a new password, a revoked key) is effective on all replicas after twice this time.
FRESH = 4.0
# s without reads from the database after one has failed: a database that hangs must not delay each request.
_PAUSE = 5.0
# Rows in a cache: about a kilobyte each.
_CACHED = 4096


@dataclass(frozen=True)
class _Known(Generic[Row]):
    # None: there is no such row.
    row: Row | None
    read_at: float


class Recent(Generic[Row]):
    """The rows that were read recently, by a key that identifies them.

    While the database fails, the last known state counts, so that tokens and keys work: what ends them is stored in the
    database, so nothing new can be missed. Raises TransientError for a row that this process has not read yet.
    """

    def __init__(self, fresh: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._fresh = FRESH if fresh is None else fresh
        self._clock = clock
        self._known: OrderedDict[str, _Known[Row]] = OrderedDict()
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._read_again_at = 0.0

    def get(self, key: str, read: Callable[[], Row | None], *, keep_absent: bool) -> Row | None:
        """The row, which `read` reads if no recent state is known; None if it does not exist.

        `keep_absent`: a row that does not exist never will, so that this is remembered.
        """
        known, now = self._known.get(key), self._clock()
        age = now - known.read_at if known else 0.0
        if known and (age < self._fresh or now < self._read_again_at):
            return known.row
        # One thread at a time reads. The others do not wait for it if they know a state that is recent enough.
        if not self._reading.acquire(blocking=known is None or age > 2 * self._fresh):
            return known.row if known else None
        try:
            return self._read(key, read, known, keep_absent=keep_absent)
        finally:
            self._reading.release()

    def remember(self, row: Row, *keys: str) -> None:
        """Stores a state that was just read or written."""
        for key in keys:
            self._store(key, _Known(row, self._clock()))

    def forget(self, *keys: str) -> None:
        """Makes the next request read the row."""
        with self._lock:
            for key in keys:
                self._known.pop(key, None)

    def _read(
        self, key: str, read: Callable[[], Row | None], known: _Known[Row] | None, *, keep_absent: bool
    ) -> Row | None:
        read_at = self._clock()
        if read_at < self._read_again_at:
            if known is None:
                raise TransientError("MySQL failed a moment ago")
            return known.row
        try:
            row = read()
        except TransientError as error:
            self._read_again_at = self._clock() + _PAUSE
            if known is None:
                raise
            log.warning("Requests are checked against the last known accounts and keys: %s", error)
            return known.row
        if row is None and not keep_absent:
            self.forget(key)
        else:
            self._store(key, _Known(row, read_at))
        return row

    def _store(self, key: str, known: _Known[Row]) -> None:
        with self._lock:
            self._known[key] = known
            self._known.move_to_end(key)
            if len(self._known) > _CACHED:
                self._known.popitem(last=False)
