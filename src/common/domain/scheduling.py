"""Fair scheduling: which queued jobs are published to the converters now, and which wait in MongoDB.

An account that has a waiting job always has at least one that is published, so accounts take turns in the queue. An
account gets more than one only while there are converters without a job. See docs/decisions/0037.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from common.domain.jobs import Job
from common.errors import TransientError
from common.messaging.publisher import QueueState

log = logging.getLogger(__name__)

# Only reached when so many wait for a retry.
_MOST_RELEASED = 1000


def spare(converters: int) -> int:
    """How many jobs are published in addition to one for each converter while others wait: half as many.

    A converter that ends a job finds the next one in the queue. With fewer, the first job of another account starts
    sooner.
    """
    return max(1, converters // 2)


class Turns(Protocol):
    """Where jobs wait: `common.domain.job_turns.JobTurns`."""

    def is_released(self, owner: str) -> bool: ...

    def released_owners(self, limit: int) -> Sequence[str]: ...

    def count_converting(self, limit: int) -> int: ...

    def owners_due(self) -> Sequence[str]: ...

    def release(self, owner: str) -> Job | None: ...


class Scheduler:
    """Each decision is made by what is stored, by any process, at any time.

    Concurrent decisions may publish a few jobs more than intended, never fewer: whoever queues or ends a job stores
    that first, and then looks at what is stored.
    """

    def __init__(
        self,
        turns: Turns,
        publish: Callable[[Job], bool],
        queue: Callable[[], QueueState],
        most: Callable[[str], int | None] = lambda _: None,
    ) -> None:
        """`queue` is that of the converters; `most` says how many published jobs an account may have (None: any)."""
        self._turns = turns
        self._publish = publish
        self._queue = queue
        self._most = most

    def advance(self, owner: str) -> int:
        """Publishes what may be converted now that a job of the account was queued or has ended; returns how many.

        What fails is left for `recover`.
        """
        try:
            return self._take_turn(owner) + self._fill(self._queue())
        except TransientError as error:
            log.warning("Waiting jobs are published later: %s", error)
            return 0

    def fill(self) -> int:
        """Publishes what a converter needs that has just subscribed to the queue; returns how many.

        What fails is left for `recover`.
        """
        try:
            return self._fill(self._queue())
        except TransientError as error:
            log.warning("Waiting jobs are published later: %s", error)
            return 0

    def recover(self) -> int:
        """As `advance`, for all accounts: continues what nobody else does, and raises TransientError.

        A crash, an unavailable RabbitMQ, or a converter of the previous release, which does not call `advance`, leaves
        an account without its turn.
        """
        # First, so that nothing changes while RabbitMQ is unavailable.
        queue = self._queue()
        return sum(map(self._take_turn, self._turns.owners_due())) + self._fill(queue)

    def _take_turn(self, owner: str) -> int:
        return 0 if self._turns.is_released(owner) else self._release(owner)

    def _fill(self, queue: QueueState) -> int:
        """Publishes until all converters have a job, first of accounts with the fewest."""
        wanted = queue.consumers + spare(queue.consumers)
        # Not the number of published jobs: some may wait for a retry.
        missing = wanted - queue.ready - self._turns.count_converting(wanted)
        counts = Counter(self._turns.released_owners(_MOST_RELEASED) if missing > 0 else ())
        published = 0
        while published < missing and counts:
            owner = min(counts, key=counts.__getitem__)
            most = self._most(owner)
            if (most is None or counts[owner] < most) and self._release(owner):
                counts[owner] += 1
                published += 1
            else:
                del counts[owner]
        return published

    def _release(self, owner: str) -> int:
        job = self._turns.release(owner)
        if job is None:
            return 0
        self._publish(job)
        return 1
