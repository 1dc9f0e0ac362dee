"""How many processors there are to use is what the container may use, not what the machine has."""

import os
from pathlib import Path

import pytest

from converter.parallel import processors

OWN = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("content", "expected"),
    [("max 100000", OWN), ("100000 100000", 1), ("50000 100000", 1), ("6400000 100000", min(64, OWN)), ("?", OWN)],
)
def test_the_quota_of_a_control_group_counts(content: str, expected: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(content)
    assert processors.usable(tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1", OWN), ("100000", 1), ("199999", 1)])
def test_the_quota_of_a_version_1_control_group_counts(quota: str, expected: int, tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert processors.usable(tmp_path) == expected


def test_without_a_control_group_the_affinity_counts(tmp_path: Path) -> None:
    assert processors.usable(tmp_path) == OWN
