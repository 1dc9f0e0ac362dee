"""Declared lengths are hints: the length of the actual sound counts."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from common.errors import PermanentError
from converter.media import pcm_headers
from tests import media
from tests.integration.converter import sounds
from tests.integration.converter.conftest import Convert

SHORT = [0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0x7FFFFFDB, 0xFFFFFFFF, 0xFFFFFFDB, 0]
LONG = [0, (1 << 64) - 1, (1 << 63) - 1, 0xFFFFFFFF]
W64 = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"


@pytest.mark.parametrize(
    ("suffix", "name", "form", "sizes", "more"),
    [
        ("wav", b"data", "<I", SHORT, ()),
        ("aiff", b"SSND", ">I", SHORT, ()),
        ("au", b".snd\x00\x00\x00\x20", ">I", SHORT, ()),
        ("caf", b"data", ">Q", LONG, ()),
        ("w64", W64, "<Q", LONG, ()),
        ("wav", b"ds64\x1c\x00\x00\x00", "<8xQ", LONG, ("-rf64", "always")),
    ],
    ids=["wav", "aiff", "au", "caf", "w64", "rf64"],
)
def test_a_placeholder_is_replaced_by_the_real_size(
    suffix: str, name: bytes, form: str, sizes: list[int], more: tuple[str, ...], convert: Convert, tmp_path: Path
) -> None:
    original = media.ffmpeg([*media.tone(440), *more], suffix).read_bytes()
    at = original.index(name) + len(name)
    corrected: list[bytes] = []
    for size in sizes:
        content = bytearray(original)
        struct.pack_into(form, content, at, size)
        path = tmp_path / f"piped.{suffix}"
        path.write_bytes(content)
        with path.open("r+b") as file:
            assert pcm_headers.correct(file)
        corrected.append(path.read_bytes())
    # One conversion is enough, because the corrected files are the same.
    assert len(set(corrected)) == 1
    path.write_bytes(content)

    mp3 = convert(path)

    assert mp3.duration == pytest.approx(media.SECONDS, abs=0.1)
    assert sounds.pitch(sounds.decode(mp3.path)) == pytest.approx(440, abs=2)
    assert mp3.notes == ()


@pytest.mark.parametrize("suffix", ["wav", "aiff", "au", "caf", "w64"])
def test_uncompressed_sound_that_is_cut_is_refused(suffix: str, convert: Convert, tmp_path: Path) -> None:
    source = media.ffmpeg(media.tone(440), suffix)
    with pytest.raises(PermanentError, match="incomplete"):
        convert(media.truncated(source, 0.7, tmp_path))


def flv_with(folder: Path, **values: float | None) -> Path:
    """An FLV with other numbers in its metadata; None removes the name."""
    content = bytearray(media.make("flv").read_bytes())
    for name, value in values.items():
        at = content.index(name.encode())
        if value is None:
            content[at : at + len(name)] = b"x" * len(name)
        else:
            struct.pack_into(">d", content, at + len(name) + 1, value)
    path = folder / "declares.flv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "values", [{"duration": 1.0}, {"duration": 1e9}, {"duration": 100.0, "filesize": None}, {"filesize": 1e9}]
)
def test_an_flv_is_as_long_as_its_sound(values: dict[str, float | None], convert: Convert, tmp_path: Path) -> None:
    assert convert(flv_with(tmp_path, **values)).duration == pytest.approx(media.SECONDS, abs=0.15)


def test_the_start_may_be_after_the_declared_end(convert: Convert, tmp_path: Path) -> None:
    assert convert(flv_with(tmp_path, duration=1.0), start="3").duration == pytest.approx(1, abs=0.15)


def test_an_flv_that_is_cut_and_declares_no_size_is_refused(convert: Convert, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="incomplete"):
        convert(media.truncated(flv_with(tmp_path, filesize=None), 0.6, tmp_path))


@pytest.mark.parametrize("seconds", [1.0, 3600.0, 1e9])
def test_a_matroska_is_as_long_as_its_sound(seconds: float, convert: Convert, tmp_path: Path) -> None:
    content = bytearray(media.make("mkv").read_bytes())
    struct.pack_into(">d", content, content.index(b"\x44\x89\x88") + 3, seconds * 1000)
    path = tmp_path / "declares.mkv"
    path.write_bytes(content)
    assert convert(path, start="2").duration == pytest.approx(media.SECONDS - 2, abs=0.1)


@pytest.mark.parametrize("offset", [3600 * 30, 1_700_000_000])
@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_clock_may_begin_anywhere(offset: int, suffix: str, convert: Convert) -> None:
    moved = ["-i", str(media.make("mp4")), "-c", "copy", "-output_ts_offset", str(offset)]
    live = ["-movflags", "frag_keyframe+empty_moov+default_base_moof"] if suffix == "mp4" else []
    mp3 = convert(media.ffmpeg([*moved, *live], suffix), start="1")
    assert mp3.duration == pytest.approx(media.SECONDS - 1, abs=0.15)


def box(name: bytes, content: bytes, *, more: int = 0) -> bytes:
    return struct.pack(">I4s", 8 + len(content) + more, name) + content


def longer_data(content: bytes) -> bytes:
    """The last box, that of the data, is declared six bytes longer than it is."""
    at = content.index(b"mdat") - 4
    (size,) = struct.unpack_from(">I", content, at)
    assert at + size == len(content)
    return content[:at] + struct.pack(">I", size + 6) + content[at + 4 :]


Ending = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    "ending",
    [
        lambda content: content + box(b"free", bytes(10), more=90),
        lambda content: content + box(b"skip", b"", more=1 << 20),
        lambda content: content + box(b"udta", bytes(4), more=4),
        lambda content: content + b"\x00\x00",
        longer_data,
    ],
    ids=["free", "skip", "udta", "two bytes", "mdat"],
)
def test_an_mp4_whose_sound_is_there_is_whole(ending: Ending, convert: Convert, tmp_path: Path) -> None:
    path = tmp_path / "ending.mp4"
    path.write_bytes(ending(media.make("mp4_moov_first").read_bytes()))
    assert convert(path).duration == pytest.approx(media.SECONDS, abs=0.1)


def test_an_mp4_whose_pictures_only_are_cut_is_whole(convert: Convert, tmp_path: Path) -> None:
    arguments = [*media.picture(12), *media.sound(seconds=2), *media.H264, *media.AAC, "-movflags", "+faststart"]
    assert convert(media.truncated(media.ffmpeg(arguments, "mp4"), 0.9, tmp_path)).duration == pytest.approx(2, abs=0.1)


def test_a_matroska_that_lacks_its_index_is_whole(convert: Convert, tmp_path: Path) -> None:
    content = media.make("mkv").read_bytes()
    path = tmp_path / "no-index.mkv"
    path.write_bytes(content[: content.rindex(b"\x1c\x53\xbb\x6b") + 6])
    assert convert(path).duration == pytest.approx(media.SECONDS, abs=0.1)


def test_an_avi_that_lacks_its_index_is_whole(convert: Convert, tmp_path: Path) -> None:
    content = media.make("avi").read_bytes()
    path = tmp_path / "no-index.avi"
    path.write_bytes(content[: content.rindex(b"idx1") + 100])
    assert convert(path).duration == pytest.approx(media.SECONDS, abs=0.15)
