"""The delays before retries."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class RetryPolicy:
    """The delays (s) before the second, third, … attempt; at least one.

    The last delay is repeated until the delays add up to `total` s.
    """

    delays: tuple[float, ...]
    total: float = 0.0

    def delay(self, attempt: int, at_least: float | None = None) -> float | None:
        """The delay after `attempt` (from 0) has failed; None when no attempt is left.

        Always one of `delays`, as each has its own queue: the first that is at least `at_least` s.
        """
        wait = next(itertools.islice(self._waits(), attempt, None), None)
        return None if wait is None else self.at_least(max(at_least or 0, wait))

    def at_least(self, seconds: float | None) -> float:
        """The first delay of at least so many seconds, or the last one."""
        return next((delay for delay in self.delays if delay >= (seconds or 0)), self.delays[-1])

    def at_most(self, seconds: float | None) -> float:
        """The last delay of at most so many seconds, or the first one."""
        return next((delay for delay in reversed(self.delays) if delay <= (seconds or 0)), self.delays[0])

    def _waits(self) -> Iterator[float]:
        yield from self.delays
        spent = sum(self.delays)
        while (spent := spent + self.delays[-1]) <= self.total:
            yield self.delays[-1]
