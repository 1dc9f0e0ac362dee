"""Of an MP4 the parts with sound are enough: what ffmpeg makes of them is the same; when in doubt, all is needed."""

import struct
import subprocess
from pathlib import Path

import pytest

from converter.ffmpeg import binary
from converter.sparse_fetch import mp4_layout
from tests import media

CAMERA = ["-b:v", "6M", "-minrate", "6M", "-maxrate", "6M", "-bufsize", "6M", "-x264-params", "nal-hrd=cbr"]


def camera(*more: str, suffix: str = "mp4", seconds: int = 20) -> Path:
    """A video whose sound comes a second at a time between the pictures."""
    both = [*media.picture(seconds), *media.sound(seconds=seconds), "-map", "0:v", "-map", "1:a"]
    return media.ffmpeg([*both, *media.H264, *CAMERA, *media.AAC, "-chunk_duration", "1000000", *more], suffix)


def needed(content: bytes) -> list[tuple[int, int]] | None:
    return mp4_layout.needed(lambda start, stop: content[start:stop], len(content))


def with_holes(content: bytes, parts: list[tuple[int, int]]) -> bytes:
    sparse = bytearray(len(content))
    for start, end in parts:
        sparse[start:end] = content[start:end]
    return bytes(sparse)


def sound(path: Path) -> bytes:
    command = [binary(), "-v", "error", "-i", str(path), "-map", "0:a", "-f", "f32le", "-"]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def listing(path: Path) -> str:
    command = [binary(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60).stderr


@pytest.mark.parametrize(
    ("more", "suffix"),
    [
        ((), "mp4"),
        (("-movflags", "+faststart"), "mp4"),
        ((), "mov"),
        (("-c:a", "pcm_s16le"), "mov"),
        (("-c:a", "alac"), "mov"),
    ],
)
def test_the_parts_with_sound_are_enough(more: tuple[str, ...], suffix: str, tmp_path: Path) -> None:
    path = camera(*more, suffix=suffix)
    content = path.read_bytes()
    parts = needed(content)
    assert parts is not None
    assert sum(end - start for start, end in parts) < 0.6 * len(content)
    sparse = tmp_path / path.name
    sparse.write_bytes(with_holes(content, parts))
    assert sound(sparse) == sound(path)
    assert listing(sparse).replace(str(sparse), "") == listing(path).replace(str(path), "")


def test_titles_of_chapters_are_needed(tmp_path: Path) -> None:
    marks = "".join(f"[CHAPTER]\nTIMEBASE=1/1\nSTART={at}\nEND={at + 5}\ntitle=Part {at}\n" for at in (0, 5, 10, 15))
    (tmp_path / "chapters.txt").write_text(f";FFMETADATA1\n{marks}")
    path = tmp_path / "chapters.mp4"
    inputs = ["-i", str(camera()), "-i", str(tmp_path / "chapters.txt"), "-map", "0", "-map_chapters", "1"]
    command = [binary(), "-v", "error", *inputs, "-c", "copy", "-chunk_duration", "1000000", str(path)]
    subprocess.run(command, check=True, timeout=60)
    content = path.read_bytes()
    parts = needed(content)
    assert parts is not None
    path.write_bytes(with_holes(content, parts))
    assert "Part 15" in listing(path)


@pytest.mark.parametrize("kind", ["mkv", "webm", "avi", "ts", "mp3", "wav", "mp4_fragmented"])
def test_other_files_are_needed_whole(kind: str) -> None:
    assert needed(media.make(kind).read_bytes()) is None


def test_a_file_without_sound_is_needed_whole() -> None:
    assert needed(media.without_audio().read_bytes()) is None


@pytest.mark.parametrize(
    "broken",
    [
        lambda content: content[: content.index(b"moov") + 100],
        lambda content: content.replace(b"stco", b"xxxx"),
        lambda content: content.replace(b"soun", b"xxxx"),
        lambda content: content + content[content.index(b"moov") - 4 :],
        lambda content: content[:4] + b"junk" + content[8:],
        lambda content: content + struct.pack(">I4s", 4, b"free"),
        lambda content: content + struct.pack(">I4s", 2**31, b"free"),
        lambda content: content + struct.pack(">I4s", 8, b"free") * 100,
        lambda _: b"",
        lambda _: b"ftyp",
    ],
)
def test_a_broken_file_is_needed_whole(broken: object) -> None:
    assert callable(broken)
    assert needed(broken(camera().read_bytes())) is None


def test_a_table_that_claims_more_than_it_has_is_not_believed() -> None:
    content = bytearray(camera().read_bytes())
    at = content.index(b"stco") + 8
    content[at : at + 4] = b"\xff\xff\xff\xff"
    assert needed(bytes(content)) is None


def test_offsets_beyond_the_file_are_ignored() -> None:
    content = bytearray(camera().read_bytes())
    at = content.index(b"soun")
    at = content.index(b"stco", at) + 12
    content[at : at + 4] = b"\xff\xff\xff\xf0"
    parts = needed(bytes(content))
    assert parts is not None
    assert parts[-1][1] == len(content)


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content


def index(*tables: bytes) -> bytes:
    """An MP4 of sound tracks with these tables of chunk offsets."""
    handler = box(b"hdlr", bytes(8) + b"soun" + bytes(12))
    tracks = [box(b"trak", box(b"mdia", handler + box(b"minf", box(b"stbl", table)))) for table in tables]
    return box(b"ftyp", b"isom" + bytes(4)) + box(b"moov", b"".join(tracks)) + box(b"mdat", bytes(1000))


def offsets(count: int) -> bytes:
    return box(b"stco", bytes(4) + struct.pack(f">I{count}I", count, *range(count)))


@pytest.mark.parametrize(
    "hostile",
    [
        index(offsets(1_000_000)),
        index(*[offsets(50_000)] * 6),
        index(*[offsets(1)] * 100),
        index(offsets(1) + box(b"free", b"") * 500_000),
    ],
)
def test_a_hostile_index_is_not_read(hostile: bytes) -> None:
    assert needed(index(offsets(10))) is not None
    assert needed(hostile) is None
