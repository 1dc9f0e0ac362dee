"""The MP3 has what the options request, by its tags and its sound."""

import json
import subprocess
from pathlib import Path

import pytest
from mutagen.mp3 import BitrateMode

from common.errors import PermanentError
from converter.ffmpeg import binary
from tests import media
from tests.integration.converter import sounds
from tests.integration.converter.conftest import Convert

# Containers that seek in different ways: by an index, by clusters, by bisection, by a guess.
SEEKING = ["mp4", "mkv", "webm", "avi", "flv", "ts", "mpg", "ogv", "wmv", "mp3", "aac", "mp4_fragmented"]


def loudness(path: Path) -> float:
    """Integrated loudness in LUFS, by ffmpeg's meter of EBU R 128."""
    command = [binary(), "-nostdin", "-hide_banner", "-i", f"file:{path}"]
    measure = ["-af", "loudnorm=print_format=json", "-f", "null", "-"]
    done = subprocess.run([*command, *measure], check=True, capture_output=True, text=True, timeout=60)
    return float(json.loads(done.stderr[done.stderr.rindex("{") : done.stderr.rindex("}") + 1])["input_i"])


def test_a_variable_bit_rate_follows_the_quality(convert: Convert, tmp_path: Path) -> None:
    best = sounds.mp3(convert(media.make("mp4"), quality="0").path)
    assert best.info.bitrate_mode is BitrateMode.VBR
    assert best.info.length == pytest.approx(media.SECONDS, abs=0.1)
    size = best.info.bitrate
    (tmp_path / "conversion").rename(tmp_path / "first")
    assert sounds.mp3(convert(media.make("mp4"), quality="9").path).info.bitrate < size


@pytest.mark.parametrize(("channels", "expected"), [("mono", 1), ("stereo", 2), ("keep", 1)])
def test_the_channels_are_the_chosen_ones(channels: str, expected: int, convert: Convert) -> None:
    assert sounds.mp3(convert(media.make("mkv"), channels=channels).path).info.channels == expected


@pytest.mark.parametrize("rate", [32000, 44100])
def test_the_sample_rate_is_the_chosen_one(rate: int, convert: Convert) -> None:
    info = sounds.mp3(convert(media.make("mp4"), sample_rate=str(rate)).path).info
    assert info.sample_rate == rate


@pytest.mark.parametrize("kind", SEEKING)
def test_a_section_is_the_requested_one(kind: str, convert: Convert) -> None:
    source = media.make(kind)
    mp3 = convert(source, start="2.25", end="00:00:03.5")
    original = sounds.decode(source)[int(2.25 * sounds.RATE) : int(3.5 * sounds.RATE)]
    assert mp3.duration == pytest.approx(1.25, abs=0.1)
    # By the container's clock, which in WMV is a packet behind the number of samples.
    assert sounds.likeness(sounds.decode(mp3.path), original) > 0.9


@pytest.mark.parametrize(
    ("options", "length"), [({"start": "3"}, 1.0), ({"end": "0.5"}, 0.5), ({"end": "1000"}, 4.0), ({"start": "0"}, 4.0)]
)
def test_a_section_may_have_only_a_start_or_an_end(options: dict[str, str], length: float, convert: Convert) -> None:
    assert convert(media.make("mp4"), **options).duration == pytest.approx(length, abs=0.1)


def test_a_sound_that_starts_late_is_cut_by_the_videos_clock(convert: Convert) -> None:
    assert convert(media.make("late_sound"), start="1", end="4").duration == pytest.approx(2.0, abs=0.1)


def test_the_end_counts_from_the_start_of_the_video_too(convert: Convert) -> None:
    assert convert(media.make("late_sound"), end="4").duration == pytest.approx(2.0, abs=0.1)


def test_a_start_after_the_end_of_the_video_is_refused(convert: Convert) -> None:
    with pytest.raises(PermanentError, match=r"after the end of the audio, at 4\.0 s"):
        convert(media.make("mp4"), start="4.5")


def test_a_section_of_a_truncated_video_is_refused(convert: Convert, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="incomplete"):
        convert(media.truncated(media.make("mkv"), 0.6, tmp_path), start="1")


def test_a_normalized_mp3_has_the_loudness_of_ebu_r128(convert: Convert, tmp_path: Path) -> None:
    quiet = media.ffmpeg([*media.picture(), *media.sound("0.01*sin(2*PI*440*t)"), *media.MPEG4, *media.AAC], "mp4")
    mp3 = convert(quiet, normalize="true")
    assert loudness(quiet) < -35
    assert loudness(mp3.path) == pytest.approx(-23, abs=1)
    assert mp3.duration == pytest.approx(media.SECONDS, abs=0.1)


def test_normalizing_does_not_change_silence(convert: Convert) -> None:
    silent = media.ffmpeg([*media.picture(), *media.sound("0"), *media.MPEG4, *media.AAC], "mp4")
    assert convert(silent, normalize="true").duration == pytest.approx(media.SECONDS, abs=0.1)


def test_progress_of_two_passes_rises_to_the_end(convert: Convert) -> None:
    shares: list[float] = []
    convert(media.long(300), normalize="true", on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_chosen_tags_take_precedence(convert: Convert) -> None:
    tags = sounds.mp3(convert(media.make("mp4"), title='-y "Ünï" $(id)', artist="Somebody").path)
    assert [str(tags[name]) for name in ("TIT2", "TPE1", "TALB")] == ['-y "Ünï" $(id)', "Somebody", "An Album"]


def test_the_cover_is_a_picture_of_the_video(convert: Convert) -> None:
    tags = sounds.mp3(convert(media.make("mp4"), cover="frame").path)
    [cover] = tags.tags.getall("APIC")
    assert (cover.mime, cover.type) == ("image/jpeg", 3)
    assert cover.data.startswith(b"\xff\xd8\xff")
    assert tags.info.length == pytest.approx(media.SECONDS, abs=0.1)
    assert str(tags["TIT2"]) == "A Title"


def test_without_pictures_there_is_no_cover(convert: Convert) -> None:
    assert sounds.mp3(convert(media.make("wav"), cover="frame").path).tags.getall("APIC") == []


def test_there_is_no_cover_by_default(convert: Convert) -> None:
    assert sounds.mp3(convert(media.make("mp4")).path).tags.getall("APIC") == []


def test_another_track_may_be_chosen(convert: Convert) -> None:
    assert sounds.pitch(sounds.decode(convert(media.make("two_tracks"), track="2").path)) == pytest.approx(880, abs=2)


def test_the_error_for_a_missing_track_says_how_many_there_are(convert: Convert) -> None:
    with pytest.raises(PermanentError, match="no audio track 3: it has 2"):
        convert(media.make("two_tracks"), track="3")


def chapters(path: Path) -> list[tuple[str, float, float]]:
    tags = sounds.mp3(path).tags
    [contents] = tags.getall("CTOC")
    found = {chapter.element_id: chapter for chapter in tags.getall("CHAP")}
    listed = [found[name] for name in contents.child_element_ids]
    return [(str(one.sub_frames["TIT2"]), one.start_time / 1000, one.end_time / 1000) for one in listed]


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_the_mp3_has_the_chapters_of_the_video(suffix: str, convert: Convert, tmp_path: Path) -> None:
    found = chapters(convert(media.chaptered(suffix, tmp_path)).path)
    assert [title for title, _, _ in found] == ["Opening", "Main – part =; 2 🎬", "End"]
    for (_, start, end), expected in zip(found, [(0, 1), (1, 2.5), (2.5, 4)], strict=True):
        assert (start, end) == pytest.approx(expected, abs=0.05)


def test_a_section_has_only_its_chapters(convert: Convert, tmp_path: Path) -> None:
    found = chapters(convert(media.chaptered("mkv", tmp_path), start="2", end="3.5").path)
    assert [title for title, _, _ in found] == ["Main – part =; 2 🎬", "End"]
    assert [start for _, start, _ in found] == pytest.approx([0, 0.5], abs=0.05)
