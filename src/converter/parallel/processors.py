"""How many processors this process may use, by its affinity and its control group."""

import os
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")


def usable(groups: Path = _GROUPS) -> int:
    """At least 1; rounded down, because an encoder on a part of a processor would be throttled all the time."""
    return max(1, int(min(len(os.sched_getaffinity(0)), _quota(groups))))


def _quota(groups: Path) -> float:
    """The processors that the container may use: cgroup v2's `cpu.max`, or v1's two files (kernel.org, cgroup-v2)."""
    try:
        if (both := groups / "cpu.max").exists():
            quota, period = both.read_text().split()
        else:
            quota = (groups / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (groups / "cpu" / "cpu.cfs_period_us").read_text()
        return int(quota) / int(period) if int(quota) > 0 else float("inf")
    except (OSError, ValueError, ZeroDivisionError):  # "max", or no control group
        return float("inf")
