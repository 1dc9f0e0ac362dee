"""How long a message waits before each further attempt."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class RetryPolicy:
    """Waits of `delays` s before the second, third, … attempt; at least one.

    With `total`, the last delay is repeated until the waits add up to that many seconds.
    """

    delays: tuple[float, ...]
    total: float = 0.0

    def delay(self, attempt: int, at_least: float | None = None) -> float | None:
        """The wait after `attempt` (from 0) has failed; None when no attempt is left.

        Always one of `delays`, as each has a queue of its own: the first that is long enough for `at_least`.
        """
        wait = next(itertools.islice(self._waits(), attempt, None), None)
        return None if wait is None else self.at_least(max(at_least or 0, wait))

    def at_least(self, seconds: float | None) -> float:
        """The first delay that is long enough, or the last one."""
        return next((delay for delay in self.delays if delay >= (seconds or 0)), self.delays[-1])

    def _waits(self) -> Iterator[float]:
        yield from self.delays
        spent = sum(self.delays)
        while (spent := spent + self.delays[-1]) <= self.total:
            yield self.delays[-1]
