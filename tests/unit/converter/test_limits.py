"""What a file may become depends on what it is."""

import pytest

from converter.ffmpeg.limits import MEGABYTE, Limits

LIMITS = Limits(timeout=1, stall=1, memory_mb=1, max_output_mb=2048, max_duration=1)


@pytest.mark.parametrize(
    ("size", "most"), [(18_000, 356), (MEGABYTE, 356), (5 * MEGABYTE, 756), (2000 * MEGABYTE, 2048)]
)
def test_a_tiny_file_does_not_become_a_huge_one(size: int, most: int) -> None:
    assert LIMITS.for_file(size).max_output_mb == most


def test_the_limit_is_never_raised() -> None:
    limits = Limits(timeout=1, stall=1, memory_mb=1, max_output_mb=2, max_duration=1)
    assert limits.for_file(1 << 30).max_output_mb == 2
