"""Which processor an ffmpeg runs on: one alone, chosen when it begins.

ffmpeg 7 and later has a thread for each step of its work, which hands on every 20 ms of sound. Spread over processors,
each of these steps wakes a sleeping one: that takes a third more processor time, and a fifth more time in all, than the
same threads on one processor (docs/performance.md). The kernel does not know that they never run at the same time.
"""

import logging
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

# s. A shorter time says nothing about how busy a processor is: the kernel counts in hundredths.
_SHORTEST = 0.1
# Share of a processor by which another must be less busy to leave the last one: two converters do not swap places.
_MARGIN = 0.3
_TICKS = os.sysconf("SC_CLK_TCK")


class CpuAffinity:
    """Binds the programs of one converter, which may run side by side, each to a processor."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._lock = threading.Lock()
        self._last: int | None = None
        # When it was looked at, and how many s each processor had been idle.
        self._idle: tuple[float, dict[int, float]] = (time.monotonic(), self._idle_times())
        # Share of each processor that was used between the last two looks.
        self._busy: dict[int, float] = dict.fromkeys(self._idle[1], 0.0)
        # Programs of ours on each processor.
        self._own: dict[int, int] = dict.fromkeys(self._idle[1], 0)

    @contextmanager
    def bound(self, pid: int) -> Iterator[None]:
        """Binds a program that has just begun; the block lasts as long as it runs.

        It stays the kernel's business where there is no choice, or it cannot be known or done.
        """
        if len(self._own) < 2:
            yield
            return
        with self._lock:
            self._look()
            processor = better(None if any(self._own.values()) else self._last, self._costs())
            self._own[processor] += 1
            self._last = processor
        self._bind(pid, processor)
        try:
            yield
        finally:
            with self._lock:
                self._own[processor] -= 1
                self._look()

    def _costs(self) -> dict[int, float]:
        """How busy each processor is: by the last look, and by our programs, which may have begun since."""
        return {one: self._busy[one] + number for one, number in self._own.items()}

    def _look(self) -> None:
        """Notes what the processors did since the last look."""
        then, before = self._idle
        now, idle = time.monotonic(), self._idle_times()
        if now - then < _SHORTEST or idle.keys() != before.keys():
            return
        self._idle = now, idle
        self._busy = {one: max(0.0, 1 - (idle[one] - before[one]) / (now - then)) for one in idle}

    def _idle_times(self) -> dict[int, float]:
        """s that each processor that we may use has been idle; none of them if that is unknown (proc(5))."""
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

    def _bind(self, pid: int, processor: int) -> None:
        try:
            # The threads that it has; those that it begins later inherit it.
            for thread in (self._proc / str(pid) / "task").iterdir():
                os.sched_setaffinity(int(thread.name), {processor})
        except (ProcessLookupError, FileNotFoundError):
            return
        except OSError as error:
            log.info("ffmpeg runs where the kernel puts it: %s", error)


def better(present: int | None, costs: Mapping[int, float]) -> int:
    """The processor with the least cost; the present one, unless it is worse by more than a margin."""
    best = min(costs, key=lambda one: (costs[one], one))
    if present is not None and costs.get(present, math.inf) <= costs[best] + _MARGIN:
        return present
    return best
