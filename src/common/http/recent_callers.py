"""What the auth service has said about credentials in the last seconds, so that reading does not ask it each time."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

# s. auth knows a change within 8 s on all of its replicas (docs/decisions/0034); together they are less than 10 s.
FRESH = 2.0
# Claims in the cache: less than a kilobyte each.
_CACHED = 4096


class RecentCallers:
    """The claims of credentials that were valid a moment ago. What changes something must not use it."""

    def __init__(self, fresh: float = FRESH, clock: Callable[[], float] = time.monotonic) -> None:
        self._fresh = fresh
        self._clock = clock
        # In the order of their times. By a hash, so that no credential stays in memory.
        self._known: OrderedDict[bytes, tuple[float, Mapping[str, Any]]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, credential: str) -> Mapping[str, Any] | None:
        known = self._known.get(_key(credential))
        if known is None or self._clock() - known[0] >= self._fresh:
            return None
        expires_at = known[1].get("exp")
        return known[1] if expires_at is None or time.time() < expires_at else None

    def remember(self, credential: str, claims: Mapping[str, Any], asked_at: float) -> None:
        """`asked_at` is the time, by this object's clock, before which the auth service had not answered."""
        with self._lock:
            self._known[_key(credential)] = asked_at, claims
            self._known.move_to_end(_key(credential))
            if len(self._known) > _CACHED:
                self._known.popitem(last=False)

    def forget_all(self) -> None:
        """After a request that may have ended credentials."""
        with self._lock:
            self._known.clear()


def _key(credential: str) -> bytes:
    return hashlib.sha256(credential.encode()).digest()
