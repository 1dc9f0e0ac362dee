"""Which packets may be copied, by what ffmpeg lists of them."""

import struct
import zlib

import pytest

from converter.ffmpeg.commands import STAMP_OFFSET
from converter.media.packets import Packets

HEAD = ["#software: Lavf63.1.102", "#tb 0: 1/1000", "#media_type 0: audio", "#codec_id 0: mp3"]
REST = "384, 0xeed6990d"


def line(start: int, duration: int = 24, more: str = "") -> str:
    """A packet's, times in milliseconds."""
    return f"0, {duration:10}, {duration:10}, {start + STAMP_OFFSET:8}, {REST}{more}"


def trim(skip: int, discard: int) -> str:
    """What the line of a packet ends with of which samples are removed."""
    checksum = zlib.adler32(struct.pack("<IIBB", skip, discard, 0, 0), 0)
    return f", S=1, Skip Samples,       10, 0x{checksum:08x}"


def packets(*lines: str) -> Packets:
    found = Packets()
    for each in [*HEAD, *lines]:
        found.feed(each)
    found.finish("")
    return found


def test_ffmpegs_own_checksum_is_known() -> None:
    found = packets(line(-23, more=", S=1, Skip Samples,       10, 0x034e0055"), line(1))
    assert found.problem is None
    assert found.trims(1105, 0)
    assert not found.trims(529, 0)
    assert not found.trims(0, 0)


def test_samples_may_be_removed_at_both_ends() -> None:
    found = packets(line(-23, more=trim(1105, 0)), line(1), line(25, more=trim(0, 431)))
    assert found.problem is None
    assert found.trims(1105, 431)
    assert not found.trims(1105, 430)
    assert not found.trims(1105, 0)


def test_packets_may_have_harmless_side_data() -> None:
    found = packets(*(line(24 * n, more=", S=1, MPEGTS Stream ID,        1, 0x00c000c0") for n in range(3)))
    assert found.problem is None
    assert found.trims(0, 0)
    assert (found.count, found.timeline.end) == (3, pytest.approx(0.072))


def test_discarded_packets_may_come_first() -> None:
    found = packets(line(-48, more=", F=0x5" + trim(1105, 0)), line(-24), line(0))
    assert found.problem is None
    assert found.discarded == 1


def test_jitter_and_drift_of_the_clock_are_no_gap() -> None:
    found = packets(*(line(25 * number + (number % 3) * 20) for number in range(500)))
    assert found.problem is None


@pytest.mark.parametrize(
    "lines",
    [
        [line(0), line(24), line(150)],  # 0.1 s is missing
        [line(0), line(24), line(1048)],
        [line(1000), line(1024), line(0)],  # the clock goes back
        [line(0), line(24, more=", F=0x3"), line(48)],  # corrupt
        [line(0), line(24, more=", F=0x5"), line(48)],
        [line(0), line(24, more=trim(0, 100)), line(48)],  # removed in the middle
        [line(0), line(24, more=trim(1105, 0)), line(48)],
        [line(0), line(24, more=", S=1, Param Change,       12, 0x034e0055")],
        [line(0), "0, NOPTS, NOPTS, 24, 384, 0xeed6990d"],
        [line(0), line(24, more=", something new")],
        [line(0)],
        [],
    ],
)
def test_anything_unusual_is_not_copied(lines: list[str]) -> None:
    assert packets(*lines).problem is not None


def test_an_mp3_that_ffmpeg_cannot_write_is_not_copied() -> None:
    found = packets(line(0), line(24))
    assert found.problem is None
    found.finish("[tee @ 0x1] Slave muxer #0 failed: Invalid argument, continuing with 1/2 slaves.")
    assert found.problem is not None
