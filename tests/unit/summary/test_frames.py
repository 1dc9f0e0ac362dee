"""MP3s are split at their frames, whatever is between the frames."""

import subprocess

import pytest
from mutagen.mp3 import MP3

from converter.ffmpeg import binary
from summary.worker.mp3_pieces import NotAnMp3, Piece, pieces

SECONDS = 20


def encoded(path, *options: str, seconds: float = SECONDS):
    command = [
        *(binary(), "-hide_banner", "-loglevel", "error", "-y", "-f", "lavfi"),
        *("-i", f"sine=frequency=440:duration={seconds}", *options, "-f", "mp3", str(path)),
    ]
    subprocess.run(command, check=True, timeout=120)
    return path.read_bytes()


def cut(data: bytes, offset: int = 0, *, max_bytes: int = 10**9, max_seconds: float = 1e9, chunk: int = 1000):
    chunks = (data[at : at + chunk] for at in range(offset, len(data), chunk))
    return list(pieces(chunks, offset, max_bytes=max_bytes, max_seconds=max_seconds))


@pytest.mark.parametrize(
    "options",
    [
        ("-ar", "44100", "-b:a", "192k", "-ac", "2"),
        ("-ar", "48000", "-b:a", "320k"),
        ("-ar", "24000", "-b:a", "64k"),
        ("-ar", "8000", "-b:a", "16k"),
        ("-ar", "44100", "-q:a", "4"),
        ("-ar", "44100", "-b:a", "128k", "-id3v2_version", "0", "-write_xing", "0"),
        ("-ar", "44100", "-b:a", "128k", "-write_id3v1", "1", "-metadata", "title=A Title"),
    ],
    ids=["cbr", "high", "mpeg2", "mpeg2.5", "vbr", "bare", "tags"],
)
def test_the_pieces_are_complete_and_as_long_as_the_recording(tmp_path, options):
    data = encoded(tmp_path / "sound.mp3", *options)
    found = cut(data, max_seconds=6)
    assert len(found) == 4
    assert sum(piece.seconds for piece in found) == pytest.approx(SECONDS, abs=0.2)
    for number, piece in enumerate(found):
        assert piece.seconds <= 6
        assert [again.data for again in cut(piece.data)] == [piece.data]
        path = tmp_path / f"{number}.mp3"
        path.write_bytes(piece.data)
        # mutagen only estimates the length of files with a variable bit rate.
        assert "-q:a" in options or MP3(path).info.length == pytest.approx(piece.seconds, abs=0.1)


def test_the_pieces_stay_below_the_limit_of_bytes(tmp_path):
    data = encoded(tmp_path / "sound.mp3", "-b:a", "128k")
    found = cut(data, max_bytes=50_000)
    assert len(found) > 5
    assert max(len(piece.data) for piece in found) <= 50_000


def test_a_piece_starts_where_the_previous_one_ends(tmp_path):
    data = encoded(tmp_path / "sound.mp3", "-b:a", "128k")
    found = cut(data, max_seconds=5)
    assert cut(data, found[1].end, max_seconds=5) == found[2:]
    assert cut(data, found[-1].end) == []


def test_the_size_of_the_chunks_does_not_matter(tmp_path):
    data = encoded(tmp_path / "sound.mp3", "-b:a", "64k", seconds=3)
    assert cut(data, chunk=1) == cut(data, chunk=10**7)


def test_only_damaged_frames_are_lost(tmp_path):
    data = bytearray(encoded(tmp_path / "sound.mp3", "-b:a", "128k"))
    data[100_000:100_900] = b"\x00" * 900
    (piece,) = cut(bytes(data))
    assert piece.seconds == pytest.approx(SECONDS, abs=0.3)


def test_a_truncated_file_gives_the_frames_that_it_has(tmp_path):
    data = encoded(tmp_path / "sound.mp3", "-b:a", "128k")
    (piece,) = cut(data[: len(data) // 2])
    assert piece.seconds == pytest.approx(SECONDS / 2, abs=0.3)


@pytest.mark.parametrize("data", [b"", b"\x00" * 200_000, b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f", b"\xff" * 100_000])
def test_a_file_that_is_not_an_mp3_is_refused(data):
    with pytest.raises(NotAnMp3):
        cut(data)


def test_a_tag_with_a_large_picture_is_skipped(tmp_path):
    data = encoded(tmp_path / "sound.mp3", "-b:a", "64k", "-id3v2_version", "0", seconds=3)
    length = 3_000_000
    size = bytes(length >> shift & 0x7F for shift in (21, 14, 7, 0))
    # A picture may contain bytes that look like frames.
    tag = b"ID3\x04\x00\x00" + size + (data * (length // len(data) + 1))[:length]
    assert [piece.data for piece in cut(tag + data)] == [piece.data for piece in cut(data)]
    assert isinstance(cut(tag + data)[0], Piece)
