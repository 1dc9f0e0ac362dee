"""What one account may take of a replica's threads: its transfers and streams last for as long as its clients like."""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator

from common.errors import TooManyRequests

# s. Until the client should try again.
_RETRY_AFTER = 10


class Shares:
    """Counts what is under way for each account."""

    def __init__(self, most: int, sentence: str) -> None:
        """`sentence` says what there is too much of and what to do."""
        self._most = most
        self._sentence = sentence
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, username: str) -> Callable[[], None]:
        """Takes a place, which the result gives back when called, once or often; raises TooManyRequests."""
        with self._lock:
            if self._taken[username] >= self._most:
                raise TooManyRequests(self._sentence, headers={"Retry-After": str(_RETRY_AFTER)})
            self._taken[username] += 1
        held = [username]

        def give_back() -> None:
            with self._lock:
                for name in held:
                    self._taken -= Counter([name])
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


def transfers(most: int) -> Shares:
    """The uploads and downloads of an account, together."""
    return Shares(
        most,
        f"You have {most} uploads and downloads under way, as many as one account may have at a time. "
        "Wait until one of them has ended.",
    )


def streams(most: int) -> Shares:
    """The event streams of an account."""
    return Shares(
        most,
        f"You follow your jobs {most} times already, as often as one account may at a time. "
        "Close some pages, or ask GET /jobs from time to time.",
    )
