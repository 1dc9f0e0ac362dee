"""How many of a replica's threads transfers and streams can hold, which last for as long as their clients like."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator

from common.errors import TooManyRequests, Unavailable

# s. Until the client should try again.
_RETRY_AFTER = 10


class ConcurrencyLimiter:
    """Counts what is in progress for each account."""

    def __init__(self, most: int, sentence: str, room: threading.BoundedSemaphore) -> None:
        """`sentence` says what there is too much of and what to do; `room` is what all accounts have together."""
        self._most = most
        self._sentence = sentence
        self._room = room
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, username: str) -> Callable[[], None]:
        """Takes a place, which the result gives back when called, once or often.

        Raises TooManyRequests when the account has too many, Unavailable when all accounts together have.
        """
        with self._lock:
            if self._taken[username] >= self._most:
                raise TooManyRequests(self._sentence, headers={"Retry-After": str(_RETRY_AFTER)})
            if not self._room.acquire(blocking=False):
                raise Unavailable(
                    "Too many uploads, downloads and open pages are in progress. Try again in a few seconds.",
                    retry_after=_RETRY_AFTER,
                )
            self._taken[username] += 1
        held = [username]

        def give_back() -> None:
            with self._lock:
                for name in held:
                    self._taken -= Counter([name])
                    self._room.release()
                held.clear()

        return give_back

    @contextlib.contextmanager
    def held(self, username: str) -> Iterator[None]:
        """Has a place while the block runs."""
        give_back = self.take(username)
        try:
            yield
        finally:
            give_back()


def transfers(most: int, room: threading.BoundedSemaphore) -> ConcurrencyLimiter:
    """The uploads and downloads of an account, together."""
    return ConcurrencyLimiter(
        most,
        f"You have {most} uploads and downloads in progress, as many as one account may have at a time. "
        "Wait until one of them has ended.",
        room,
    )


def streams(most: int, room: threading.BoundedSemaphore) -> ConcurrencyLimiter:
    """The event streams of an account."""
    return ConcurrencyLimiter(
        most,
        f"You follow your jobs {most} times already, as often as one account may at a time. "
        "Close some pages, or ask GET /jobs from time to time.",
        room,
    )
