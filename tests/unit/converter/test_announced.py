"""What files announce about their own length."""

import io
import struct

import pytest

from converter.announced import Announcement, read

MP4 = "mov,mp4,m4a,3gp,3g2,mj2"


def box(name: bytes, size: int) -> bytes:
    return struct.pack(">I4s", size, name) + bytes(size - 8)


def avi(size: int) -> bytes:
    header = struct.pack("<14I", 40_000, 0, 0, 0, 250, *[0] * 9)
    body = b"AVI LIST" + bytes(4) + b"hdrlavih" + struct.pack("<I", 56) + header
    return b"RIFF" + struct.pack("<I", size) + body


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (box(b"ftyp", 16) + box(b"moov", 100), 116),
        (box(b"ftyp", 16) + box(b"moov", 100)[:50], 116),
        (box(b"ftyp", 16) + struct.pack(">I4sQ", 1, b"mdat", 1 << 33), 16 + (1 << 33)),
        (box(b"ftyp", 16) + struct.pack(">I4s", 0, b"mdat") + bytes(100), 16),
        (box(b"ftyp", 16) + box(b"moov", 100) + b"\xff\xff\xff\xffjunk of a camera", 116),
        (b"", None),
    ],
)
def test_an_mp4_announces_the_end_of_its_last_box(content: bytes, size: int | None) -> None:
    assert read(io.BytesIO(content), MP4, 4.0) == Announcement(4.0, size)


def test_an_avi_announces_its_size_and_its_pictures() -> None:
    announcement = read(io.BytesIO(avi(100_000)), "avi", 3.0)
    assert announcement.duration == 10.0
    assert announcement.size == pytest.approx(100_008, abs=512)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_an_avi_from_a_pipe_announces_nothing(size: int) -> None:
    assert read(io.BytesIO(avi(size)), "avi", 3.0) == Announcement()


def test_an_flv_announces_its_size() -> None:
    content = b"FLV\x01" + bytes(30) + b"\x00\x08filesize\x00" + struct.pack(">d", 12345.0)
    assert read(io.BytesIO(content), "flv", 4.0) == Announcement(4.0, 12345)


@pytest.mark.parametrize("container", ["avi", "wav", "asf", "flv", MP4])
def test_a_header_of_nonsense_announces_no_size(container: str) -> None:
    for length in (0, 1, 8, 12, 13, 50, 100):
        assert read(io.BytesIO(b"RIFF\x7f\x00\x00\x00avih"[:length]), container, None).duration is None


def test_other_containers_announce_what_ffmpeg_lists() -> None:
    assert read(io.BytesIO(b"anything"), "matroska,webm", 4.0) == Announcement(4.0)
