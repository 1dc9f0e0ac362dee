"""The list of packets is read as ffmpeg writes it."""

import pytest

from converter.media.packets import Packets

HEAD = ["#software: Lavf63", "#tb 0: 1/1000", "#media_type 0: audio", "#codec_id 0: aac", "#sample_rate 0: 48000"]


def read(*lines: str, log: str = "") -> Packets:
    packets = Packets()
    for line in [*HEAD, *lines]:
        packets.feed(line)
    packets.finish(log)
    return packets


def test_packets_have_time_stamps_and_durations() -> None:
    packets = read("0,      20,      20,      21,     256, 0x7afd744f", "0,  41,  41,  21,  209, 0x1")
    assert packets.count == 2
    assert packets.tick == 0.001
    assert (packets.timeline.start, packets.timeline.end) == (pytest.approx(0.02), pytest.approx(0.062))


def test_discarded_packets_are_not_counted() -> None:
    packets = read("0, -21, -21, 21, 291, 0x1, F=0x5, S=1, Skip Samples, 10, 0x2", "0, 0, 0, 21, 291, 0x1, F=0x1")
    assert (packets.count, packets.timeline.start) == (1, 0.0)


def test_a_packet_without_a_time_stamp_follows_the_one_before() -> None:
    packets = read("0, 0, 0, 21, 9, 0x1", "0, NOPTS, NOPTS, 21, 9, 0x1")
    assert packets.timeline.end == pytest.approx(0.042)


@pytest.mark.parametrize(
    "line", ["", "nonsense", "0, x, y, z", "#tb 0: 1/0", "#tb 0: x", "0, 1", "0, 0, 0, 1, 1, 1, F=z"]
)
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
