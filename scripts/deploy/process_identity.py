"""Tells a process from another that was given its number later: by the moment it began."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
# In /proc/PID/stat after the name in parentheses, which may hold anything: the state, and the start in clock ticks.
_STATE, _START = 0, 19


@dataclass(frozen=True)
class Process:
    """A process that was seen to run."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """The process that has this number now, None when none has."""
        started = _start(pid)
        return cls(pid, started) if started else None

    @classmethod
    def load(cls, record: dict[str, Any]) -> "Process | None":
        """From what `record` gave."""
        pid, started = record.get("pid"), record.get("started")
        return cls(pid, started) if isinstance(pid, int) and isinstance(started, str) else None

    @property
    def record(self) -> dict[str, Any]:
        """For a file."""
        return {"pid": self.pid, "started": self.started}

    @property
    def runs(self) -> bool:
        """Whether it is still this one."""
        return _start(self.pid) == self.started

    def end(self, seconds: float = 10) -> None:
        """Asks it to end, and ends it when it has not after a while."""
        for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5)):
            deadline = time.monotonic() + patience
            if not self.runs:
                return
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return
            while self.runs and time.monotonic() < deadline:
                time.sleep(0.05)


def _start(pid: int) -> str:
    """When it began, in a form that differs between any two processes of one number; empty when there is none."""
    if _PROC.joinpath("self/stat").exists():
        try:
            fields = _PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
            boot = _PROC.joinpath("sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return ""
        return "" if fields[_STATE] in "ZX" else f"{boot}/{fields[_START]}"
    shown = subprocess.run(  # macOS
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, timeout=10, check=False
    ).stdout.strip()
    return "" if not shown or shown.startswith("Z") else shown.partition(" ")[2].strip()
