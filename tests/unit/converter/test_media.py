"""ffmpeg's listing is read without stumbling, whatever a file has written into it."""

import pytest

from common.errors import PermanentError
from converter import media

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


def sound(listing: str) -> media.Sound:
    return media.sound(listing, media.container(listing))


def test_the_container_is_read() -> None:
    assert media.container(LISTING) == media.Container("matroska,webm", 3723.5, 0.5)


def test_the_default_track_is_chosen_with_its_tags() -> None:
    found = sound(LISTING)
    assert (found.stream, found.sample_rate, found.late, found.frame) == (2, 44100, 2.0, 0.04)
    assert found.tags["TITLE"].startswith("A film: part one")
    assert found.tags["ARTIST"] == "Somebody"


def test_without_a_default_the_first_track_is_chosen() -> None:
    assert sound(LISTING.replace(" (default)", "")).stream == 1


def test_a_track_that_cannot_be_decoded_is_passed_over() -> None:
    assert sound(LISTING.replace("#0:2(ger): Audio: aac", "#0:2(ger): Audio: none")).stream == 1


def test_a_track_of_an_mp4_is_enough_when_it_begins_first_and_all_are_listed() -> None:
    listing = LISTING.replace("matroska,webm", media.MP4).replace("start 2.500000", "start 0.500000")
    assert sound(listing).alone == 1
    assert sound(listing.replace("start 0.500000 ", "start 0.500001 ")).alone is None
    assert sound(listing.replace("#0:4", "#0:5")).alone is None
    assert sound(listing.replace("  Stream #0:4: Attachment: ttf\n", "")).alone == 1
    assert sound(listing.replace(media.MP4, "matroska,webm")).alone is None


def test_a_track_that_two_programs_have_counts_once() -> None:
    tracks = [line for line in LISTING.splitlines(keepends=True) if ": Audio: " in line]
    third = "  Stream #0:5: Audio: mp2, 48000 Hz, stereo, fltp\n"
    listing = LISTING.replace("matroska,webm", "mpegts").replace("At least", "".join([*tracks, third, "At least"]))
    assert sound(listing).stream == 2
    assert media.sound(listing, media.container(listing), track=3).stream == 5


def test_a_transport_stream_promises_no_length() -> None:
    listing = LISTING.replace("matroska,webm", "mpegts")
    assert media.container(listing).duration is None
    assert sound(listing).late == 0


def test_a_guess_is_no_promise() -> None:
    guess = "[mp3 @ 0x1] Estimating duration from bitrate, this may be inaccurate\n"
    assert media.container(guess + LISTING).duration is None


def test_no_length_is_none() -> None:
    listing = LISTING.replace("01:02:03.50, start: 0.500000", "N/A")
    assert media.container(listing) == media.Container("matroska,webm", None, 0.0)


@pytest.mark.parametrize(
    ("listing", "sentence"),
    [
        ("", "not a video or audio file"),
        ("fd:: Invalid data found when processing input", "not a video or audio file"),
        ("[mov @ 0x1] moov atom not found", "its index is missing"),
        (LISTING.replace("Audio", "Video"), "no audio track"),
        (LISTING.replace("Audio: aac", "Audio: none"), "cannot be decoded"),
    ],
)
def test_what_cannot_be_converted_is_told(listing: str, sentence: str) -> None:
    with pytest.raises(PermanentError, match=sentence):
        sound(listing)
