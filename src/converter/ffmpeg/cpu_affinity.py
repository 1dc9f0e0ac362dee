"""Binds each ffmpeg to one processor when it starts.

ffmpeg 7 and later has a thread for each step of its work, and passes 20 ms of sound at a time from one to the next. On
several processors, each step wakes a sleeping one: that takes a third more processor time, and a fifth more time in
all, than the same threads on one processor (ADR 0014). The kernel does not know that they never run at the same time.
"""

import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)

# s. A shorter time does not show how busy a processor is: the kernel counts in hundredths.
_SHORTEST = 0.1
# Share of a processor by which another one must be less busy to be preferred to the last one: without it, two
# converters would swap processors.
_MARGIN = 0.3
_TICKS = os.sysconf("SC_CLK_TCK")


class CpuAffinity:
    """Chooses the processors of one converter's programs, which may run at the same time."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._lock = threading.Lock()
        self._last: int | None = None
        self._read_at, self._idle = time.monotonic(), self._idle_times()
        # Share of each processor that was used between the last two readings.
        self._busy = dict.fromkeys(self._idle, 0.0)
        self._programs: Counter[int] = Counter()

    @contextmanager
    def bound(self, pid: int) -> Iterator[None]:
        """Binds a program that has just started; the block lasts as long as it runs.

        Does nothing where there is one processor, or where the kernel does not say how busy they are.
        """
        if len(self._busy) < 2:
            yield
            return
        with self._lock:
            self._read()
            # This converter's programs count too, because they may have started since the reading.
            costs = {one: busy + self._programs[one] for one, busy in self._busy.items()}
            processor = least_busy(None if self._programs.total() else self._last, costs)
            self._programs[processor] += 1
            self._last = processor
        self._bind(pid, processor)
        try:
            yield
        finally:
            with self._lock:
                self._programs[processor] -= 1
                self._read()

    def _read(self) -> None:
        now, idle = time.monotonic(), self._idle_times()
        elapsed = now - self._read_at
        if elapsed < _SHORTEST or idle.keys() != self._idle.keys():
            return
        self._busy = {one: max(0.0, 1 - (idle[one] - self._idle[one]) / elapsed) for one in idle}
        self._read_at, self._idle = now, idle

    def _idle_times(self) -> dict[int, float]:
        """Seconds that each usable processor has been idle or waiting for a disk (proc(5)); empty if unknown."""
        try:
            fields = [line.split() for line in (self._proc / "stat").read_text().splitlines()]
            times = {words[0]: (int(words[4]) + int(words[5])) / _TICKS for words in fields if "cpu" in words[0]}
            return {one: times[f"cpu{one}"] for one in os.sched_getaffinity(0)}
        except (OSError, LookupError, ValueError):
            return {}

    def _bind(self, pid: int, processor: int) -> None:
        try:
            # The threads that it has; those that it starts later inherit it.
            for thread in (self._proc / str(pid) / "task").iterdir():
                os.sched_setaffinity(int(thread.name), {processor})
        except (ProcessLookupError, FileNotFoundError):
            return
        except OSError as error:
            log.info("ffmpeg is not bound to a processor: %s", error)


def least_busy(last: int | None, costs: Mapping[int, float]) -> int:
    """The processor with the least cost; the last one, unless it is worse by more than a margin."""
    best = min(costs, key=lambda one: (costs[one], one))
    if last is not None and last in costs and costs[last] <= costs[best] + _MARGIN:
        return last
    return best
