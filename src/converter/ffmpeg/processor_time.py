"""The processor time that the programs of one conversion have used, and may use, all of them together."""

import math
import os
import threading
from pathlib import Path

from common.errors import Failure, PermanentError

_TICKS = os.sysconf("SC_CLK_TCK")


class ProcessorTime:
    """Seconds; programs that run at the same time add up."""

    def __init__(self, limit: float = math.inf) -> None:
        self._limit = limit
        self._used: dict[int, float] = {}
        self._lock = threading.Lock()

    def raise_limit(self, limit: float) -> None:
        """Raises the limit when more is known about the file; never lowers it."""
        self._limit = max(self._limit, limit)

    @property
    def left(self) -> float:
        with self._lock:
            return self._limit - sum(self._used.values())

    def count(self, pid: int) -> None:
        """Counts what a child has used so far; call it before the child is reaped."""
        used = _used(pid)
        with self._lock:
            self._used[pid] = used

    def check(self) -> None:
        """Raises PermanentError when more was used than allowed."""
        if self.left < 0:
            raise PermanentError(
                f"Converting this file takes more than {self._limit:.0f} seconds of processor time, the limit for its "
                "size and duration. It may be damaged, or made to be slow. Convert it to MP4 with another program, and "
                "upload the result.",
                Failure.TIME_LIMIT,
            )


def _used(pid: int) -> float:
    """Seconds in user and kernel mode, with all threads (proc(5), utime and stime); 0 if it is gone."""
    try:
        # The name, in parentheses, may contain spaces.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS
    except (OSError, LookupError, ValueError):
        return 0.0
