"""What a file may become, and cost, depends on what it is."""

import pytest

from converter.ffmpeg.limits import MEGABYTE, Limits

LIMITS = Limits(timeout=1, stall=1, memory_mb=1, max_output_mb=2048, max_duration=1)
HOUR = 3600.0


@pytest.mark.parametrize(
    ("size", "most"), [(18_000, 41), (108_000, 83), (MEGABYTE, 532), (3 * MEGABYTE, 1532), (2000 * MEGABYTE, 2048)]
)
def test_a_tiny_file_does_not_become_a_huge_one(size: int, most: int) -> None:
    assert round(LIMITS.for_file(size).max_output / MEGABYTE) == most


@pytest.mark.parametrize("bits", [700, 1_000, 4_000, 64_000])
@pytest.mark.parametrize("hours", [0.1, 1, 4])
def test_the_lowest_rates_in_use_fit_at_the_highest_rate_of_an_mp3(bits: int, hours: float) -> None:
    size = int(bits * hours * HOUR / 8)
    assert LIMITS.for_file(size).max_output >= 40_000 * hours * HOUR


def test_an_hour_of_silence_in_gaps_fits() -> None:
    limits = LIMITS.for_file(10_000).for_sound(sound=10, silence=HOUR)
    assert limits.max_output >= 40_000 * (HOUR + 10)


def test_the_limit_is_never_raised() -> None:
    limits = Limits(timeout=1, stall=1, memory_mb=1, max_output_mb=2, max_duration=1)
    assert limits.for_file(1 << 30).for_sound(HOUR, HOUR).max_output == 2 * MEGABYTE


def test_a_time_stamp_cannot_buy_processor_time() -> None:
    alone = LIMITS.for_file(10_000)
    claiming = alone.for_sound(sound=24 * HOUR, silence=0)
    assert claiming.processor_time < alone.processor_time + 60


@pytest.mark.parametrize(
    ("megabytes", "hours", "used"),
    # Seconds that encoding takes, at the 100 s for an hour of docs/performance.md.
    [(1, 1 / 60, 2), (58, 1, 100), (3, 1, 100), (2000, 10, 1000)],
)
def test_an_ordinary_file_uses_a_fifth_at_most(megabytes: int, hours: float, used: float) -> None:
    limits = LIMITS.for_file(megabytes * MEGABYTE).for_sound(hours * HOUR, 0)
    assert limits.processor_time > 5 * used
