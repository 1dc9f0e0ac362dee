"""With its pictures hidden a video sounds as it did, and afterwards it is what it was."""

import shutil
import subprocess
from pathlib import Path

import pytest

from converter import ffmpeg, moviepy_parts, pictures
from converter.ffmpeg import Encoding, Piece
from tests import media

TWO_SOUNDS = [*media.sound(), *media.tone(600), "-map", "0:v", "-map", "1:a", "-map", "2:a"]
ENCODING = Encoding(192, 0, None, 48000, {}, max_seconds=60, max_bytes=10_000_000)


def encoded(video: Path, stream: str, target: Path) -> bytes:
    with video.open("rb") as file:
        command = ffmpeg.encoding(file.fileno(), Piece(stream), target, ENCODING)
        subprocess.run(command, check=True, capture_output=True, pass_fds=(file.fileno(),), timeout=60)
    return target.read_bytes()


def listing(video: Path) -> str:
    command = [moviepy_parts.binary(), "-hide_banner", "-i", str(video)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60).stderr


@pytest.mark.parametrize(
    ("more", "suffix"),
    [
        ((), "mp4"),
        (("-movflags", "+faststart"), "mp4"),
        (("-bf", "3", "-use_editlist", "0"), "mp4"),
        ((), "mov"),
        (("-c:a", "pcm_s16le"), "mov"),
        (("-c:a", "alac"), "m4v"),
        # Sound first.
        (("-map", "-0:v", "-map", "0:v"), "mp4"),
    ],
)
def test_the_sound_is_the_same(more: tuple[str, ...], suffix: str, tmp_path: Path) -> None:
    codecs = [*media.H264, *media.AAC, *more, *(["-f", "mp4"] if suffix == "m4v" else [])]
    video = Path(shutil.copy(media.ffmpeg([*media.picture(), *TWO_SOUNDS, *codecs], suffix), tmp_path))
    before = video.read_bytes()
    whole = [encoded(video, track, tmp_path / "whole.mp3") for track in ("a:0", "a:1")]
    assert whole[0] != whole[1]
    with pictures.hidden(video):
        found = listing(video)
        assert [encoded(video, track, tmp_path / "alone.mp3") for track in ("a:0", "a:1")] == whole
    assert (found.count(": Audio: "), found.count(": Video: ")) == (2, 0)
    assert video.read_bytes() == before


def test_what_itunes_says_of_the_last_track_is_not_made_another_ones(tmp_path: Path) -> None:
    video = tmp_path / "itunes.mp4"
    video.write_bytes(media.make("mp4").read_bytes().replace(b"VideoHandler", b"iTunSMPB    "))
    with pictures.hidden(video):
        assert ": Video: " in listing(video)


def test_the_pictures_are_back_after_an_error(tmp_path: Path) -> None:
    video = Path(shutil.copy(media.make("mp4"), tmp_path))
    before = video.read_bytes()
    with pytest.raises(ConnectionError), pictures.hidden(video):
        assert video.read_bytes() != before
        raise ConnectionError
    assert video.read_bytes() == before


def test_an_index_with_large_boxes_is_understood(tmp_path: Path) -> None:
    content = media.make("mp4").read_bytes()
    track = content.index(b"trak") - 4
    size = int.from_bytes(content[track : track + 4], "big")
    moov = content.index(b"moov") - 4
    grown = int.from_bytes(content[moov : moov + 4], "big") + 8
    large = b"\0\0\0\1trak" + (size + 8).to_bytes(8, "big")
    video = tmp_path / "large.mp4"
    video.write_bytes(
        content[:moov] + grown.to_bytes(4, "big") + content[moov + 4 : track] + large + content[track + 8 :]
    )
    assert ": Video: " in listing(video)
    with pictures.hidden(video):
        found = listing(video)
    assert ": Audio: " in found
    assert ": Video: " not in found


@pytest.mark.parametrize("kind", ["mkv", "webm", "avi", "ts", "mp3", "wav", "mp4_fragmented"])
def test_other_files_are_left_alone(kind: str, tmp_path: Path) -> None:
    video = Path(shutil.copy(media.make(kind), tmp_path))
    before = video.read_bytes()
    with pictures.hidden(video):
        assert video.read_bytes() == before
    assert video.read_bytes() == before
