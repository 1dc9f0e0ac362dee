"""Frames that fit together, and those that do not."""

import pytest

from converter.copying import frame_checks
from converter.copying.frame_checks import NotCopyable
from converter.mp3.frames import BadFrame

HEADER = bytes.fromhex("fffb90c4")  # MPEG-1, layer III, 128 kbit/s, 44.1 kHz, mono
STEREO = bytes.fromhex("fffb9004")
MPEG_2 = bytes.fromhex("fff380c4")  # 64 kbit/s, 22.05 kHz, mono
RATE_48 = bytes.fromhex("fffb94c4")
SIZE = 417
MAIN = SIZE - 4 - 17


def frame(begin: int = 0, bits: int = 1000, header: bytes = HEADER, pairs: int = 10) -> bytes:
    """A mono frame of MPEG-1 whose two granules have so many bits each, beginning that many bytes before it."""
    granule = bits << 47 | pairs << 38
    side = begin << 127 | granule << 59 | granule
    return (header + side.to_bytes(17, "big")).ljust(SIZE, b"\x55")


def test_frames_that_fit_are_sound() -> None:
    stream = frame_checks.check(b"tag" + frame() * 3, 3)
    assert list(stream.sizes) == [SIZE] * 3
    assert stream.bitrates == {128}
    assert (stream.kind.rate, stream.kind.channels) == (44100, 1)


def test_main_data_may_begin_in_the_frames_before() -> None:
    free = MAIN - 250  # two granules of 1000 bits
    frame_checks.check(frame() + frame(free), 0)
    with pytest.raises(NotCopyable, match="lacks data"):
        frame_checks.check(frame() + frame(free + 1), 0)


def test_a_frame_may_use_free_bytes_of_two_frames_before() -> None:
    frame_checks.check(frame(bits=0) + frame(bits=0) + frame(511, bits=3600), 0)


def test_the_first_frame_has_nothing_before_it() -> None:
    with pytest.raises(NotCopyable, match="lacks data"):
        frame_checks.check(frame(1) + frame(), 0)


def test_a_frame_cannot_hold_more_than_there_is_room_for() -> None:
    frame_checks.check(frame(bits=MAIN * 4), 0)
    with pytest.raises(NotCopyable, match="less data"):
        frame_checks.check(frame(bits=MAIN * 4 + 4), 0)


def test_numbers_that_no_encoder_writes_are_damage() -> None:
    with pytest.raises(NotCopyable, match="damaged"):
        frame_checks.check(frame() + frame(pairs=289), 0)


@pytest.mark.parametrize("other", [STEREO, RATE_48, MPEG_2])
def test_all_frames_have_the_same_rate_and_channels(other: bytes) -> None:
    with pytest.raises(NotCopyable, match="changes"):
        frame_checks.check(frame() + frame(header=other), 0)


def test_the_last_frame_is_whole() -> None:
    with pytest.raises(NotCopyable, match="less data"):
        frame_checks.check((frame() * 2)[:-1], 0)


@pytest.mark.parametrize(
    "between",
    [b"ID3\x04\x00\x00\x00\x00\x00\x00", b"TAG" + bytes(125), bytes.fromhex("fffb00c4"), bytes.fromhex("fffd90c4")],
)
def test_anything_else_among_the_frames_is_refused(between: bytes) -> None:
    """A tag, free format (bit rate 0), layer II."""
    with pytest.raises(BadFrame):
        frame_checks.check(frame() + between + frame(), 0)


@pytest.mark.parametrize(("name", "at"), [(b"Xing", 21), (b"Info", 21), (b"VBRI", 36)])
def test_a_header_without_sound_is_refused(name: bytes, at: int) -> None:
    header = bytearray(HEADER.ljust(SIZE, b"\0"))
    frame_checks.check(bytes(header) + frame(), 0)
    header[at : at + 4] = name
    with pytest.raises(NotCopyable, match="header"):
        frame_checks.check(bytes(header) + frame(), 0)
