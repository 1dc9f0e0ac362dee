"""`python -m scripts.bench.fairness`: simulates how long videos wait with many accounts, with the scheduler's own code.

Compares fair scheduling with one queue in the order of the uploads. Needs no server, and PYTHONPATH=src.
"""

import heapq
import random
import statistics
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

from bson import ObjectId

from common.domain.jobs import Job, Status
from common.domain.scheduling import Scheduler
from common.messaging.publisher import QueueState

_EPOCH = datetime.fromtimestamp(0, UTC)
HEAVY = "heavy"


@dataclass(frozen=True)
class Upload:
    owner: str
    at: float
    """s."""
    length: float
    """s that its conversion takes."""


@dataclass(frozen=True)
class Conversion:
    """What happened to one upload; times in s."""

    upload: Upload
    started: float
    ended: float

    @property
    def waited(self) -> float:
        return self.started - self.upload.at


class _Jobs:
    """What MongoDB stores: the jobs that wait, and those that are released and have not ended."""

    def __init__(self) -> None:
        self.waiting: dict[str, deque[Job]] = defaultdict(deque)
        self.released: Counter[str] = Counter()
        self.converting = 0

    def is_released(self, owner: str) -> bool:
        return self.released[owner] > 0

    def released_owners(self, limit: int) -> Sequence[str]:
        return [owner for owner, _ in zip(self.released.elements(), range(limit), strict=False)]

    def count_converting(self, limit: int) -> int:
        return min(self.converting, limit)

    def owners_due(self) -> Sequence[str]:
        return [owner for owner, jobs in self.waiting.items() if jobs and not self.released[owner]]

    def release(self, owner: str) -> Job | None:
        if not self.waiting[owner]:
            return None
        self.released[owner] += 1
        return self.waiting[owner].popleft()


@dataclass
class Simulation:
    """Converters that take jobs from one queue, in its order."""

    converters: int
    fair: bool
    _jobs: _Jobs = field(default_factory=_Jobs)
    _queue: deque[Job] = field(default_factory=deque)

    def run(self, uploads: Iterable[Upload]) -> list[Conversion]:
        scheduler = Scheduler(self._jobs, self._publish, lambda: QueueState(len(self._queue), self.converters))
        numbers = count()
        known: dict[ObjectId, Upload] = {}
        # At the same time, conversions end before uploads do.
        events: list[tuple[float, int, int, Upload | None, str]] = [
            (upload.at, 1, next(numbers), upload, upload.owner) for upload in uploads
        ]
        heapq.heapify(events)
        done = []
        while events:
            now, _, _, upload, owner = heapq.heappop(events)
            if upload is not None:
                job = _job(owner)
                known[job.video_fid] = upload
                self._jobs.waiting[owner].append(job)
            else:
                self._jobs.converting -= 1
                self._jobs.released[owner] -= 1
            if self.fair:
                scheduler.advance(owner)
            elif upload is not None and (job := self._jobs.release(owner)):  # type: ignore[assignment]
                self._publish(job)
            while self._queue and self._jobs.converting < self.converters:
                begun = known.pop(self._queue.popleft().video_fid)
                self._jobs.converting += 1
                done.append(Conversion(begun, now, now + begun.length))
                heapq.heappush(events, (now + begun.length, 0, next(numbers), None, begun.owner))
        return done

    def _publish(self, job: Job) -> bool:
        self._queue.append(job)
        return True


def _job(owner: str) -> Job:
    return Job(ObjectId(), owner, "", Status.QUEUED, 0, None, None, _EPOCH, _EPOCH, owner=owner)


def one_heavy_account(accounts: int, videos: int, *, seed: int = 1) -> list[Upload]:
    """One account uploads all its videos at once; the others upload one each within the next hour."""
    chance = random.Random(seed)
    heavy = [Upload(HEAVY, 0.0, chance.expovariate(1 / 20)) for _ in range(videos)]
    others = [Upload(str(number), chance.uniform(1, 3600), chance.expovariate(1 / 20)) for number in range(1, accounts)]
    return heavy + others


def equal_accounts(accounts: int, videos: int, *, seed: int = 1) -> list[Upload]:
    """Each account uploads all its videos at once, one account after the other."""
    chance = random.Random(seed)
    return [
        Upload(str(number), number / 1000, chance.expovariate(1 / 20))
        for number in range(accounts)
        for _ in range(videos)
    ]


def overtaken(done: Iterable[Conversion], one: Conversion) -> int:
    """How many videos of the heavy account started while `one` waited."""
    return sum(each.upload.owner == HEAVY and one.upload.at < each.started < one.started for each in done)


def main() -> None:
    print("One account queues 1,000 videos; 999 others upload one each within an hour; 12 converters.")
    for fair in (False, True):
        done = Simulation(12, fair).run(one_heavy_account(1000, 1000))
        others = sorted(each.waited for each in done if each.upload.owner != HEAVY)
        print(
            f"  {'fair' if fair else 'one queue':<10} wait of the others: median {statistics.median(others):.0f} s, "
            f"longest {others[-1]:.0f} s; the 1,000 end after {_end(done, HEAVY):.0f} s"
        )
    print("1,000 accounts queue 20 videos each; 12 converters.")
    for fair in (False, True):
        done = Simulation(12, fair).run(equal_accounts(1000, 20))
        first: dict[str, float] = {}
        for each in done:
            first.setdefault(each.upload.owner, each.waited)
        half = Counter(each.upload.owner for each in done[: len(done) // 2])
        counts = [half[str(number)] for number in range(1000)]
        print(
            f"  {'fair' if fair else 'one queue':<10} wait for the first video: median "
            f"{statistics.median(first.values()):.0f} s, longest {max(first.values()):.0f} s; after half of all videos "
            f"each account has had at least {min(counts)}"
        )


def _end(done: Iterable[Conversion], owner: str) -> float:
    return max(each.ended for each in done if each.upload.owner == owner)


if __name__ == "__main__":
    main()
