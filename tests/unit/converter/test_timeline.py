"""Gaps are found where the clock steps, in spite of drift, jitter and wrong time stamps."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from converter.media.timeline import LONGEST_GAP, Silence, Timeline

FRAME = 1024 / 48000
Chunk = tuple[float | None, float]


def steady(count: int, start: float = 0.0, duration: float = FRAME) -> list[Chunk]:
    return [(start + number * duration, duration) for number in range(count)]


def moved(chunks: list[Chunk], seconds: float) -> list[Chunk]:
    return [(None if stamp is None else stamp + seconds, duration) for stamp, duration in chunks]


def fed(chunks: list[Chunk], tick: float = 0.0) -> tuple[Timeline, dict[int, float]]:
    """The timeline, and the silence before chunks by their number."""
    timeline = Timeline(Silence(), tick)
    silences: list[float] = []
    for stamp, duration in chunks:
        silences += timeline.add(stamp, duration)
    silences += timeline.finish()
    assert len(silences) == len(chunks)
    return timeline, {number: silence for number, silence in enumerate(silences) if silence}


def test_a_steady_clock_has_no_gap() -> None:
    timeline, silences = fed(steady(1000, start=1.7e9))
    assert not silences
    assert timeline.regular
    assert timeline.length == pytest.approx(1000 * FRAME, abs=0.001)


@pytest.mark.parametrize("drift", [0.003, -0.003, 0.02])
def test_drift_is_no_gap(drift: float) -> None:
    chunks: list[Chunk] = [(stamp * (1 + drift), duration) for stamp, duration in steady(5000)]  # type: ignore[operator]
    timeline, silences = fed(chunks)
    assert not silences
    assert timeline.regular


@pytest.mark.parametrize("unit", [0.001, 0.024, 0.04])
def test_rounded_time_stamps_are_no_gap(unit: float) -> None:
    chunks: list[Chunk] = [(round(stamp / unit) * unit, duration) for stamp, duration in steady(5000)]  # type: ignore[operator]
    assert not fed(chunks, unit)[1]


def test_rounded_time_stamps_that_drift_are_no_gap() -> None:
    unit = 0.04
    chunks: list[Chunk] = [(int(stamp * 1.003 / unit) * unit, one) for stamp, one in steady(5000)]  # type: ignore[operator]
    assert not fed(chunks, unit)[1]


def test_jitter_is_no_gap() -> None:
    jitter = random.Random(1)
    chunks: list[Chunk] = [(stamp + jitter.uniform(-0.04, 0.04), one) for stamp, one in steady(5000)]  # type: ignore[operator]
    assert not fed(chunks)[1]


@pytest.mark.parametrize("seconds", [FRAME, 0.1, 1.0, 2400.0, LONGEST_GAP])
def test_a_pause_is_silence_at_its_position(seconds: float) -> None:
    timeline, silences = fed([*steady(300), *moved(steady(300, start=300 * FRAME), seconds)])
    assert silences == {300: pytest.approx(seconds)}
    assert (timeline.silence.places, timeline.regular) == (1, False)
    assert timeline.length == pytest.approx(600 * FRAME)


def test_a_pause_longer_than_the_longest_is_closed() -> None:
    timeline, silences = fed([*steady(300), *moved(steady(300, start=300 * FRAME), LONGEST_GAP + 1)])
    assert not silences
    assert (timeline.silence.closed_places, timeline.silence.closed) == (1, pytest.approx(LONGEST_GAP + 1))


def test_the_total_of_silence_is_limited() -> None:
    chunks: list[Chunk] = [(number * 100.0, FRAME) for number in range(1000)]
    timeline, _ = fed(chunks)
    assert timeline.silence.inserted <= LONGEST_GAP
    assert timeline.silence.closed > 90_000


def test_lost_packets_are_silence_each() -> None:
    lost = {100, 200, 201, 202, 290}
    timeline, silences = fed([one for number, one in enumerate(steady(400)) if number not in lost])
    assert sum(silences.values()) == pytest.approx(len(lost) * FRAME)
    assert timeline.silence.places == 3


def test_a_pause_is_found_among_jitter_and_drift() -> None:
    jitter = random.Random(2)
    chunks = [*steady(300), *moved(steady(300, start=300 * FRAME), 2.0)]
    shaken: list[Chunk] = [(stamp * 1.001 + jitter.uniform(-0.01, 0.01), one) for stamp, one in chunks]  # type: ignore[operator]
    _, silences = fed(shaken)
    assert list(silences) == [300]
    assert silences[300] == pytest.approx(2.0, abs=0.05)


def test_one_wrong_time_stamp_is_no_gap() -> None:
    chunks = steady(600)
    chunks[300] = (18_000.0, FRAME)
    timeline, silences = fed(chunks)
    assert not silences
    assert not timeline.regular


def test_packets_in_another_order_are_no_gap() -> None:
    chunks = steady(600)
    chunks[300:304] = chunks[303:299:-1]
    assert not fed(chunks)[1]


@pytest.mark.parametrize("back", [1.0, 3600.0])
def test_a_clock_that_is_set_back_adds_no_silence_and_later_gaps_do(back: float) -> None:
    chunks = [*steady(300), *moved(steady(300, start=300 * FRAME), -back), *moved(steady(300, 600 * FRAME), 1 - back)]
    timeline, silences = fed(chunks)
    assert silences == {600: pytest.approx(1.0)}
    assert timeline.set_back == 1


def test_packets_without_a_duration_last_until_the_next() -> None:
    timeline, silences = fed([(stamp, 0.0) for stamp, _ in steady(300)])
    assert not silences
    assert timeline.length == pytest.approx(299 * FRAME)


def test_packets_without_a_time_stamp_follow_each_other() -> None:
    timeline, silences = fed([(None, FRAME)] * 300)
    assert not silences
    assert timeline.length == pytest.approx(300 * FRAME)


def test_rounded_durations_make_no_difference() -> None:
    timeline, silences = fed([(round(stamp, 3), 0.021) for stamp, _ in steady(3000)], 0.001)  # type: ignore[arg-type]
    assert not silences
    assert timeline.length == pytest.approx(3000 * FRAME, abs=0.005)


Edit = tuple[str, int, float]


@settings(max_examples=40)
@given(
    drift=st.floats(-0.002, 0.002),
    edits=st.lists(st.tuples(st.integers(1, 14), st.floats(0.1, 500.0)), max_size=6, unique_by=lambda edit: edit[0]),
    jitter=st.floats(0, 0.004),
    start=st.floats(-1, 2e9),
)
def test_silence_is_only_where_gaps_are(
    drift: float, edits: list[tuple[int, float]], jitter: float, start: float
) -> None:
    shake = random.Random(3)
    chunks: list[Chunk] = []
    shift = 0.0
    gaps = {place * 100: seconds for place, seconds in edits}
    for number in range(1600):
        shift += gaps.get(number, 0.0)
        chunks.append((start + number * FRAME * (1 + drift) + shift + shake.uniform(-jitter, jitter), FRAME))
    _, silences = fed(chunks)
    assert set(silences) == set(gaps)
    for number, seconds in gaps.items():
        assert silences[number] == pytest.approx(seconds, abs=0.04)


@settings(max_examples=50)
@given(
    pattern=st.lists(
        st.tuples(st.none() | st.floats(-1e12, 1e12) | st.floats(-1, 1), st.floats(-1, 1e6) | st.just(0.0)), min_size=1
    )
)
def test_silence_is_limited_for_any_time_stamps(pattern: list[Chunk]) -> None:
    timeline, silences = fed((pattern * (5000 // len(pattern) + 1))[:5000])
    assert sum(silences.values()) <= LONGEST_GAP * (1 + 1e-9)
    assert timeline.silence.inserted >= 0


@pytest.mark.parametrize("step", [0.0, 1e-9, FRAME, 2 * FRAME, -FRAME, 1.0, -1.0, 1e9])
def test_any_time_stamps_take_linear_time(step: float) -> None:
    chunks: list[Chunk] = [(number * step, FRAME) for number in range(100_000)]
    before = time.process_time()
    fed(chunks)
    assert time.process_time() - before < 5
