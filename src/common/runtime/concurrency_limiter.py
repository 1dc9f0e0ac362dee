"""Concurrency limits: what exceeds one is refused at once and never waits."""

import contextlib
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Self

from common.errors import RejectedError

# Holders that each key may have, however few places are free.
GUARANTEED = 2


class ConcurrencyLimiter:
    """At most `limit` holders at the same time for each key, and all keys together within the limit of `within`."""

    def __init__(
        self,
        limit: int,
        refusal: Callable[[], RejectedError],
        *,
        within: Self | None = None,
        share: float | None = None,
    ) -> None:
        """`refusal` makes the error that says what there is too much of and what the caller can do.

        With a `share`, a key may have at most that share of the places that are free in `within`, so that some always
        are: n keys that want everything get share / (1 + n share) of all places each (Choudhury and Hahne, "Dynamic
        queue length thresholds", 1998). GUARANTEED ones are allowed in any case.
        """
        self._limit = limit
        self._refusal = refusal
        self._within = within
        self._share = share
        self._holders: Counter[str] = Counter()
        self._lock = threading.Lock()

    def acquire(self, key: str = "") -> Callable[[], None]:
        """Returns a function that releases what was acquired; calling it again does nothing.

        Raises the refusal of the limit that is reached: this one's, or that of `within`.
        """
        with self._lock:
            if self._holders[key] >= self._most():
                raise self._refusal()
            release_outer = self._within.acquire() if self._within else None
            self._holders[key] += 1
        held = [key]

        def release() -> None:
            with self._lock:
                if not held:
                    return
                # Keys without holders are dropped.
                self._holders -= Counter([held.pop()])
                if release_outer:
                    release_outer()

        return release

    @property
    def free(self) -> int:
        """How many more holders all keys together may have."""
        with self._lock:
            return self._limit - self._holders.total()

    def _most(self) -> int:
        if self._within is None or self._share is None:
            return self._limit
        return min(self._limit, max(GUARANTEED, math.ceil(self._share * self._within.free)))

    @contextlib.contextmanager
    def held(self, key: str = "") -> Iterator[None]:
        """Acquires while the block runs; raises as `acquire`."""
        release = self.acquire(key)
        try:
            yield
        finally:
            release()
