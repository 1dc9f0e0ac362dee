"""Videos of every kind become an MP3 that sounds like them."""

from pathlib import Path

import pytest
from mutagen.mp3 import BitrateMode

from tests import media
from tests.integration.converter import sounds
from tests.integration.converter.conftest import Convert


@pytest.mark.parametrize("kind", media.KINDS)
def test_the_mp3_sounds_like_the_video(kind: str, convert: Convert) -> None:
    source = media.make(kind)
    original = sounds.decode(source, track=1 if kind == "second_track_default" else 0)

    mp3 = convert(source, reencode="true")

    info = sounds.mp3(mp3.path).info
    assert (info.bitrate_mode, round(info.bitrate / 1000)) == (BitrateMode.CBR, 192)
    assert info.length == pytest.approx(len(original) / sounds.RATE, abs=0.1)
    assert mp3.duration == info.length
    result = sounds.decode(mp3.path)
    assert len(result) == pytest.approx(len(original), abs=0.1 * sounds.RATE)
    assert sounds.likeness(result, original) > 0.98


@pytest.mark.parametrize(
    ("kind", "hertz"), [("two_tracks", 440), ("two_tracks_mp4", 440), ("second_track_default", 880)]
)
def test_the_default_track_is_taken(kind: str, hertz: float, convert: Convert) -> None:
    assert sounds.pitch(sounds.decode(convert(media.make(kind)).path)) == pytest.approx(hertz, abs=2)


def test_surround_becomes_stereo(convert: Convert) -> None:
    assert sounds.mp3(convert(media.make("surround")).path).info.channels == 2


def test_a_gap_in_the_sound_is_silence(convert: Convert, tmp_path: Path) -> None:
    source = media.gap(tmp_path)

    result = sounds.decode(convert(source).path)

    assert len(result) / sounds.RATE == pytest.approx(media.SECONDS, abs=0.1)
    assert abs(result[int(1.2 * sounds.RATE) : int(1.8 * sounds.RATE)]).max() < 0.01
    assert sounds.likeness(result, sounds.decode(source, filters="aresample=async=1")) > 0.98


@pytest.mark.parametrize("bitrate", [64, 128, 320])
def test_the_bitrate_may_be_chosen(bitrate: int, convert: Convert) -> None:
    assert sounds.mp3(convert(media.make("mono_8khz"), bitrate=bitrate).path).info.bitrate == bitrate * 1000


def test_a_large_video_is_converted(convert: Convert, tmp_path: Path) -> None:
    source = media.large(3000, tmp_path)

    assert source.stat().st_size >= 2_999_000_000
    assert convert(source).duration == pytest.approx(media.SECONDS, abs=0.1)


def test_a_name_may_look_like_an_option(convert: Convert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media.make("mp4", tmp_path).rename(tmp_path / "-version.mp4")
    monkeypatch.chdir(tmp_path)

    assert convert(Path("-version.mp4")).duration == pytest.approx(media.SECONDS, abs=0.1)


@pytest.mark.parametrize("kind", ["mp4", "mkv", "webm", "avi", "ogv", "wmv", "ogg"])
def test_the_mp3_has_the_tags_of_the_video(kind: str, convert: Convert) -> None:
    tags = sounds.mp3(convert(media.make(kind)).path)

    assert [str(tags[name]) for name in ("TIT2", "TPE1", "TALB")] == ["A Title", "An Artist", "An Album"]


def test_the_title_falls_back_to_the_files_name(convert: Convert) -> None:
    tags = sounds.mp3(convert(media.make("mov"), filename="../Ferien – Köln 🎬.teil 1.mov").path)

    assert str(tags["TIT2"]) == "Ferien – Köln 🎬.teil 1"
    assert "TPE1" not in tags


def test_progress_rises_to_the_end(convert: Convert) -> None:
    shares: list[float] = []

    convert(media.long(400), on_progress=shares.append)

    assert len(shares) >= 2
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
