"""The list of packets is read as ffmpeg writes it."""

import pytest

from converter.ffmpeg.commands import DURATION_LIMIT, STAMP_OFFSET
from converter.media.packets import Packets

HEAD = ["#software: Lavf63", "#tb 0: 1/1000", "#media_type 0: audio", "#codec_id 0: aac", "#sample_rate 0: 48000"]


# How ffmpeg writes a missing time stamp.
MISSING = -(1 << 63) - STAMP_OFFSET


def line(stamp: int, duration: int = 21, more: str = "", number: int = 0) -> str:
    """A packet's, times in milliseconds."""
    time = number * DURATION_LIMIT + duration
    return f"0, {time:10}, {time:10}, {stamp + STAMP_OFFSET:8}, 256, 0x7afd744f{more}"


def read(*lines: str, log: str = "") -> Packets:
    packets = Packets()
    for line in [*HEAD, *lines]:
        packets.feed(line)
    packets.finish(log)
    return packets


def test_time_stamps_can_go_back() -> None:
    packets = read(line(0), line(9_000_000, number=1), line(42, number=2), line(63, number=3))
    assert (packets.timeline.set_back, packets.timeline.end) == (1, pytest.approx(0.084))


def test_packets_have_time_stamps_and_durations() -> None:
    packets = read(line(20), line(41, number=1))
    assert packets.count == 2
    assert packets.tick == 0.001
    assert (packets.timeline.start, packets.timeline.end) == (pytest.approx(0.02), pytest.approx(0.062))


def test_discarded_packets_are_not_counted() -> None:
    packets = read(line(-21, more=", F=0x5, S=1, Skip Samples, 10, 0x2"), line(0, more=", F=0x1"))
    assert (packets.count, packets.timeline.start) == (1, 0.0)


def test_a_packet_without_a_time_stamp_follows_the_one_before() -> None:
    packets = read(line(0), line(MISSING, number=1))
    assert packets.timeline.end == pytest.approx(0.042)


@pytest.mark.parametrize("line", ["", "nonsense", "0, x, y, z", "#tb 0: 1/0", "#tb 0: x", "0, 1", line(0, 1, ", F=z")])
def test_other_lines_are_ignored(line: str) -> None:
    assert read(line).timeline.end <= 1


def test_the_log_shows_how_reading_ended() -> None:
    packets = read(
        log="[in#0] Error during demuxing: x\nNew audio stream with index 2\nstream 1, offset 0x1: partial file"
    )
    assert packets.failed
    assert packets.new_track
    assert packets.partial
    assert not any((read().failed, read().new_track, read().partial))


def test_what_a_tag_says_is_not_taken_for_a_message() -> None:
    packets = read(
        log="Input #0, matroska\n    title           : partial file\n                    : Error during demuxing"
    )
    assert not packets.partial
    assert not packets.failed
