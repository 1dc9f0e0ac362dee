"""The MP3 of the sound of a video is that of the whole video, sample for sample, for all options."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from converter.ffmpeg import binary
from tests import media, thinning
from tests.integration.converter import sounds
from tests.integration.converter.conftest import convert_in
from tests.unit.cli.test_sound_only import EXTRACTED


def decoded(path: Path) -> bytes:
    command = [binary(), "-v", "error", "-i", str(path), "-f", "s16le", "-"]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def chapters(path: Path) -> list[tuple[int, int, str]]:
    frames = sounds.mp3(path).tags.getall("CHAP")
    return [(one.start_time, one.end_time, str(one.sub_frames["TIT2"])) for one in frames]


def compare(source: Path, folder: Path, **options: Any) -> None:
    """Fails unless the MP3s of the video and of its sound have the same samples, tags and chapters."""
    sound, start = thinning.thin(source, folder)
    found = []
    for name, file, more in (("whole", source, {}), ("sound", sound, {"recording_start": start})):
        parent = folder / name
        parent.mkdir()
        found.append(convert_in(parent, file, filename=source.name, **more, **options).path)
    whole, part = found
    assert decoded(whole) == decoded(part)
    assert chapters(whole) == chapters(part)
    assert str(sounds.mp3(whole).tags["TIT2"]) == str(sounds.mp3(part).tags["TIT2"])


def mixed(suffix: str, *more: str, late: float = 0.129, seconds: float = 9) -> Path:
    """A video whose sound begins later than its pictures."""
    inputs = [*media.picture(seconds), "-itsoffset", str(late), *media.sound(seconds=seconds)]
    return media.ffmpeg(
        [*inputs, "-map", "0:v", "-map", "1:a", *thinning.REORDERED, "-g", "60", *thinning.QUIET, *more], suffix
    )


@pytest.mark.parametrize("kind", sorted(EXTRACTED))
def test_every_kind_has_the_same_mp3(kind: str, tmp_path: Path) -> None:
    compare(media.make(kind), tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"start": 0.1, "end": 3.9},
        {"start": 3.33},
        {"start": 6.007, "end": 7.5, "normalize": "true"},
        {"end": 5},
        {"normalize": "true", "bitrate": 64, "channels": "mono"},
        {"start": 4, "threads": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_all_options_count_from_the_beginning_of_the_video(
    suffix: str, options: dict[str, Any], tmp_path: Path
) -> None:
    compare(mixed(suffix), tmp_path, **options)


@pytest.mark.parametrize(
    "codec", [["ac3"], ["libopus", "-ar", "48000"], ["libmp3lame"], ["libvorbis", "-b:a", "48k"]], ids=lambda c: c[0]
)
def test_decoders_begin_at_the_same_packet(codec: list[str], tmp_path: Path) -> None:
    compare(mixed("mkv", "-c:a", *codec, "-b:a", "48k"), tmp_path, start=5.3)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("options", [{}, {"start": 1.2, "end": 3}], ids=str)
def test_chapters_keep_their_times(suffix: str, options: dict[str, Any], tmp_path: Path) -> None:
    compare(media.chaptered(suffix, tmp_path), tmp_path, **options)


@pytest.mark.parametrize("kind", ["two_tracks", "two_tracks_mp4"])
def test_tracks_keep_their_numbers(kind: str, tmp_path: Path) -> None:
    compare(media.make(kind), tmp_path, track=2)


def test_the_end_counts_from_the_beginning_of_a_transport_stream(tmp_path: Path) -> None:
    duration = convert_in(tmp_path, mixed("ts", late=0.129), end=5).duration
    assert duration == pytest.approx(5 - 0.129, abs=0.06)
