"""ffmpeg's listing is read correctly, whatever a file contains."""

import time

import pytest
from hypothesis import given, settings, strategies

from common.errors import PermanentError
from converter.media import probe

LISTING = """\
Input #0, matroska,webm, from 'fd:':
  Metadata:
    TITLE           : A film: part one
                    : Input #0, hls, from 'x':
    ENCODER         : Lavf
  Duration: 01:02:03.50, start: 0.500000, bitrate: 58 kb/s
  Chapters:
    Chapter #0:0: start -0.500000, end 1.000000
      Metadata:
        title           : Stream #0:7: Audio: aac
  Stream #0:0: Video: h264 (High), yuv420p, 160x120 [SAR 1:1 DAR 4:3], 25 fps, 25 tbr, 1k tbn (default)
    Metadata:
      rotate          : sideways
  Stream #0:1(en-US): Audio: aac (LC), 48000 Hz, 5.1, fltp (comment)
    Metadata:
      title           : Commentary
  Stream #0:2(ger): Audio: aac (LC), 44100 Hz, stereo, fltp, start 2.500000 (default) (original)
    Metadata:
      ARTIST          : Somebody
  Stream #0:3(ger): Subtitle: subrip (srt)
  Stream #0:4: Attachment: ttf
At least one output file must be specified
"""


def chosen(listing: str, track: int | None = None) -> probe.Track:
    """The track that is tried first."""
    return probe.candidates(probe.tracks(listing), track)[0]


def test_the_container_is_read() -> None:
    found = probe.container(LISTING)
    assert (found.name, found.duration, found.start, found.frame) == ("matroska,webm", 3723.5, 0.5, 0.04)
    assert found.tags["TITLE"] == "A film: part one\nInput #0, hls, from 'x':"
    assert found.tags["ENCODER"] == "Lavf"


def test_the_default_track_is_chosen_with_its_tags() -> None:
    found = chosen(LISTING)
    assert (found.number, found.stream, found.codec, found.sample_rate) == (2, 2, "aac", 44100)
    assert (found.layout, found.begin, found.tags) == ("stereo", 2.5, {"ARTIST": "Somebody"})


def test_without_a_default_the_first_track_is_chosen() -> None:
    assert chosen(LISTING.replace(" (default)", "")).stream == 1


def test_the_other_tracks_follow_the_default_one() -> None:
    assert [track.stream for track in probe.candidates(probe.tracks(LISTING), None)] == [2, 1]


def test_a_wanted_track_is_the_only_candidate() -> None:
    assert [track.stream for track in probe.candidates(probe.tracks(LISTING), 1)] == [1]


def test_a_track_that_two_programs_have_counts_once() -> None:
    tracks = [line for line in LISTING.splitlines(keepends=True) if ": Audio: " in line]
    third = "  Stream #0:5[0x101]: Audio: mp2 ([3][0][0][0] / 0x0003), 0 channels\n"
    listing = LISTING.replace("matroska,webm", "mpegts").replace("At least", "".join([*tracks, third, "At least"]))
    assert chosen(listing).stream == 2
    assert chosen(listing, 3).stream == 5
    assert chosen(listing, 3).sample_rate is None


def test_a_programs_tags_are_not_the_ones_of_a_track() -> None:
    program = "  Program 2\n    Metadata:\n      title           : A channel\n"
    assert "title" not in chosen(LISTING.replace("At least", program + "At least")).tags


def test_an_unknown_duration_is_none() -> None:
    found = probe.container(LISTING.replace("01:02:03.50, start: 0.500000", "N/A"))
    assert (found.duration, found.start) == (None, 0.0)


@pytest.mark.parametrize(
    ("listing", "sentence"),
    [
        ("", "not a video or audio file"),
        ("fd:: Invalid data found when processing input", "not a video or audio file"),
        ("[mov @ 0x1] moov atom not found", "its index is missing"),
        (LISTING.replace("Audio", "Video"), "no audio track"),
    ],
)
def test_the_error_says_why_a_file_cannot_be_converted(listing: str, sentence: str) -> None:
    with pytest.raises(PermanentError, match=sentence):
        probe.container(listing)
        chosen(listing)


# What is in a listing that some part of the parser looks for.
PIECES = [
    "  Stream #0:",
    "    Metadata:\n",
    ": Audio: ",
    " Hz",
    ", ",
    " fps",
    "(",
    ": ",
    "    ",
    "  Duration: ",
    "title",
    "1",
    "\n",
]


@settings(max_examples=15)
@given(
    strategies.lists(strategies.sampled_from(PIECES) | strategies.text(max_size=3), min_size=1, max_size=12),
    strategies.lists(strategies.sampled_from(PIECES) | strategies.text(max_size=3), min_size=1, max_size=12),
)
def test_a_long_listing_is_read_in_linear_time(once: list[str], often: list[str]) -> None:
    repeated = "".join(often) or " "
    listing = "Input #0, x, from 'fd:':\n" + "".join(once) + repeated * (60_000 // len(repeated))
    before = time.process_time()
    probe.container(listing)
    probe.tracks(listing)
    probe.chapters(listing)
    assert time.process_time() - before < 3


@pytest.mark.parametrize("line", ["  Stream #0:1: " + "Video: 1 fps" * 20_000, "  Stream #0:1" + ": Audio: x" * 24_000])
def test_a_long_line_is_read_in_linear_time(line: str) -> None:
    before = time.process_time()
    probe.tracks(f"Input #0, x, from 'fd:':\n{line}\n")
    assert time.process_time() - before < 0.5
