"""Which processor an ffmpeg runs on: one alone.

ffmpeg 7 and later has a thread for each step of its work, which hands on every 20 ms of sound. Spread over processors,
each of these steps wakes a sleeping one: that takes a third more processor time, and a fifth more time in all, than the
same threads on one processor (docs/performance.md). The kernel does not know that they never run at the same time.

Nor does it move what is bound to one processor away from others that want it. So we look once a second, and move it.
"""

import logging
import math
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

# s between two looks, by which not all converters of a machine look, and move, at the same time.
_EVERY = (0.7, 1.3)
# s. A shorter time says nothing: the kernel counts in hundredths.
_SHORTEST = 0.1
# s. What was so long ago says nothing about now.
_LONGEST = 10.0
# Share of a processor by which another must be less busy: moving costs warm caches.
_MARGIN = 0.3
_FULL, _GOOD_PART = 0.95, 0.25
_random = random.SystemRandom()
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class _Seat:
    """A process, and the processor that it is bound to."""

    pid: int
    processor: int
    time: float | None = None
    """s of processor time it had at the last look; None before the first."""
    wants: float = 1.0
    """Share of a processor, by what it used between the last two looks."""


class Seats:
    """Binds the processes of one converter, which may run side by side, each to a processor."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._lock = threading.Lock()
        self._seats: list[_Seat] = []
        self._usual: int | None = None
        # When it was looked at, and how many s each processor had been idle.
        self._idle: tuple[float, dict[int, float]] = (time.monotonic(), self._idle_times())
        # Share of each processor that others used between the last two looks.
        self._others: dict[int, float] = dict.fromkeys(self._idle[1], 0.0)

    @contextmanager
    def bound(self, pid: int) -> Iterator[Callable[[], None]]:
        """Binds a process that has just begun; yields what has to be called often while it runs.

        It stays the kernel's business where there is no choice, or it cannot be known or done.
        """
        if len(self._others) < 2:
            yield lambda: None
            return
        with self._lock:
            self._look()
            # One that runs by itself stays where the last one was, so that two converters do not follow each other.
            seat = _Seat(pid, better(None if self._seats else self._usual, self._costs(None)))
            self._seats.append(seat)
            self._usual = seat.processor
        self._bind(seat)
        due = time.monotonic() + _random.uniform(*_EVERY)

        def mind() -> None:
            nonlocal due
            if time.monotonic() >= due:
                due = time.monotonic() + _random.uniform(*_EVERY)
                self._reconsider(seat)

        try:
            yield mind
        finally:
            with self._lock:
                self._seats.remove(seat)

    def _reconsider(self, seat: _Seat) -> None:
        with self._lock:
            self._look()
            processor = better(seat.processor, self._costs(seat))
            moves = processor != seat.processor
            if moves:
                seat.processor = self._usual = processor
        if moves:
            log.debug("Moving %d to processor %d", seat.pid, processor)
            self._bind(seat)

    def _costs(self, seat: _Seat | None) -> dict[int, float]:
        """How busy each processor is with anything but this process."""
        costs = dict(self._others)
        for other in self._seats:
            if other is not seat:
                costs[other.processor] += other.wants
        return costs

    def _look(self) -> None:
        """Notes what the processors did since the last look."""
        then, before = self._idle
        now, idle = time.monotonic(), self._idle_times()
        passed = now - then
        if passed < _SHORTEST or idle.keys() != before.keys():
            return
        self._idle = now, idle
        busy = {one: max(0.0, 1 - (idle[one] - before[one]) / passed) for one in idle}
        others = dict(busy)
        for seat in self._seats:
            used = self._time_of(seat.pid)
            if seat.time is not None:
                share = min(1.0, max(0.0, used - seat.time) / passed)
                others[seat.processor] -= share
                # Where no time was left, whoever took a good part of it would have taken more.
                seat.wants = 1.0 if busy[seat.processor] > _FULL and share > _GOOD_PART else share
            seat.time = used
        self._others = {one: max(0.0, share) if passed < _LONGEST else 0.0 for one, share in others.items()}

    def _idle_times(self) -> dict[int, float]:
        """s that each processor that we may use has been idle; none of them if that cannot be known (proc(5))."""
        try:
            lines = (self._proc / "stat").read_text().splitlines()
        except OSError:
            return {}
        fields = {words[0]: words for line in lines if (words := line.split())}
        found = {}
        for one in os.sched_getaffinity(0):
            words = fields.get(f"cpu{one}", [])
            if len(words) < 6:
                return {}
            found[one] = (int(words[4]) + int(words[5])) / _TICKS  # idle, and idle while a disk is waited for
        return found

    def _time_of(self, pid: int) -> float:
        """s of processor time that it used, all its threads together (proc(5))."""
        try:
            fields = (self._proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def _bind(self, seat: _Seat) -> None:
        try:
            # The threads that it has; those that it begins later inherit it.
            for thread in (self._proc / str(seat.pid) / "task").iterdir():
                os.sched_setaffinity(int(thread.name), {seat.processor})
        except ProcessLookupError:
            return
        except OSError as error:
            log.info("ffmpeg runs where the kernel puts it: %s", error)


def better(present: int | None, costs: Mapping[int, float]) -> int:
    """The processor with the least cost; the present one, unless it is worse by more than a margin."""
    best = min(costs, key=lambda one: (costs[one], one))
    if present is not None and costs.get(present, math.inf) <= costs[best] + _MARGIN:
        return present
    return best
