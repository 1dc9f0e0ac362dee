"""Files that cannot become an MP3 are refused with a sentence for their owner."""

import re
from pathlib import Path

import pytest

from common.errors import PermanentError
from tests import media
from tests.integration.converter.conftest import Convert


@pytest.mark.parametrize("share", [0.5, 0.8, 0.97])
@pytest.mark.parametrize(
    "kind",
    [
        "mp4",
        "mp4_moov_first",
        "mp4_fragmented",
        "mkv",
        "webm",
        "mov",
        "avi",
        "avi_pcm",
        "flv",
        "flv_h264",
        "wmv",
        "3gp",
    ],
)
def test_a_truncated_video_is_refused(kind: str, share: float, convert: Convert, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="This video is incomplete"):
        convert(media.truncated(media.make(kind), share, tmp_path))


@pytest.mark.parametrize("kind", ["short_sound", "short_sound_avi", "short_sound_wmv"])
def test_a_video_that_is_cut_after_its_sound_is_refused(kind: str, convert: Convert, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="This video is incomplete"):
        convert(media.truncated(media.make(kind), 0.8, tmp_path))


@pytest.mark.parametrize("kind", ["live_mkv", "live_webm", "ts"])
def test_a_truncated_recording_without_a_declared_length_is_converted(
    kind: str, convert: Convert, tmp_path: Path
) -> None:
    assert 1 < convert(media.truncated(media.make(kind), 0.6, tmp_path)).duration < media.SECONDS


def test_a_text_is_refused(convert: Convert, tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="not a video or audio file"):
        convert(media.not_a_video(tmp_path))


def test_an_empty_file_is_refused(convert: Convert, tmp_path: Path) -> None:
    empty = tmp_path / "empty.mp4"
    empty.touch()
    with pytest.raises(PermanentError, match="empty"):
        convert(empty)


def test_a_video_without_sound_is_refused(convert: Convert) -> None:
    with pytest.raises(PermanentError, match="no audio track"):
        convert(media.without_audio())


@pytest.mark.parametrize("kind", ["mp4", "live_webm"])
def test_a_video_longer_than_the_limit_is_refused(kind: str, convert: Convert) -> None:
    with pytest.raises(PermanentError, match=re.escape("longer than the limit of 0.05 minutes")):
        convert(media.make(kind), max_duration=3)


def test_no_error_contains_output_of_ffmpeg(convert: Convert, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.mkv"
    content = bytearray(media.make("mkv_opus").read_bytes())
    content[len(content) // 8 : -len(content) // 8] = bytes(len(content) - 2 * (len(content) // 8))
    damaged.write_bytes(content)
    with pytest.raises(PermanentError) as raised:
        convert(damaged)
    assert not re.search(r"0x|@|ffmpeg|matroska", str(raised.value))
