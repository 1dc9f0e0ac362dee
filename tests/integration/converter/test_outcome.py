"""The facts that a user sees about an MP3 are correct, whether it was encoded or copied."""

from pathlib import Path

import pytest

from common.domain import notes
from common.domain.notes import Note
from common.domain.results import Sound
from converter.encoding import verification
from tests import media
from tests.integration.converter.conftest import Convert
from tests.integration.converter.test_copying import CONTAINERS, MP3S, samples


def described(convert: Convert, source: Path, **options: str) -> tuple[Sound, int]:
    """The described facts of the MP3, and its samples per channel."""
    mp3 = convert(source, **options)
    found = verification.describe(mp3.path, int(options["quality"]) if "quality" in options else None)
    assert found.size == mp3.path.stat().st_size
    return found, len(samples(mp3.path)) // 4 // found.channels


def test_a_constant_bit_rate(convert: Convert) -> None:
    found, count = described(convert, media.make("mp4"), bitrate="128")
    assert (found.bitrate, found.variable, found.quality) == (128, False, None)
    assert (found.sample_rate, found.channels) == (48000, 1)
    assert found.duration == pytest.approx(count / 48000, abs=0.001)


def test_a_variable_bit_rate(convert: Convert) -> None:
    found, _ = described(convert, media.make("mp4"), quality="2", channels="stereo", cover="frame")
    assert (found.variable, found.quality, found.channels) == (True, 2, 2)
    assert found.duration == pytest.approx(media.SECONDS, abs=0.03)
    assert 30 < found.bitrate < 330


@pytest.mark.parametrize(
    ("suffix", "kind"), [("avi", CONTAINERS["avi"]), ("mkv", CONTAINERS["mkv"]), ("mp3", MP3S["mpeg2_22khz"])]
)
def test_a_copy(suffix: str, kind: list[str], convert: Convert) -> None:
    found, count = described(convert, media.ffmpeg(kind, suffix))
    assert found.duration == pytest.approx(count / found.sample_rate, abs=0.001)
    assert found.bitrate == (64 if kind is MP3S["mpeg2_22khz"] else 128)


def test_a_copy_has_a_note(convert: Convert) -> None:
    assert convert(media.make("avi")).notes == (Note(notes.COPIED),)


def test_an_encoded_mp3_has_no_note(convert: Convert) -> None:
    assert convert(media.make("avi"), reencode="true").notes == ()
