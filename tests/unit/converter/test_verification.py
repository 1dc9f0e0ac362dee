"""What counts as a source that breaks off, and as an MP3 with gaps."""

from pathlib import Path

import pytest

from common.errors import PermanentError
from converter import verification
from converter.verification import Mp3


@pytest.mark.parametrize(
    ("end", "announced", "frame", "short"),
    [
        (6.0, 6.0, 0.04, False),
        (5.8, 6.0, 0.04, False),
        (5.0, 6.0, 0.04, True),
        (3590.0, 3600.0, 0.04, True),
        (3599.5, 3600.0, 0.04, False),
        (9.0, 12.0, 1.0, False),  # four pictures of a second each may lag
        (1.0, 86400.0, 0.04, True),
    ],
)
def test_a_file_is_short_when_it_ends_clearly_before_its_length(
    end: float, announced: float, frame: float, *, short: bool
) -> None:
    assert verification.is_short(end, announced, frame) is short


def test_less_sound_than_time_is_a_gap(tmp_path: Path) -> None:
    assert verification.has_gaps(Mp3(tmp_path, 3.0), 4.0)
    assert not verification.has_gaps(Mp3(tmp_path, 3.95), 4.0)


@pytest.mark.parametrize("content", [b"", b"This is no MP3. " * 100])
def test_an_mp3_without_frames_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "audio.mp3"
    path.write_bytes(content)
    with pytest.raises(PermanentError, match="no sound"):
        verification.read(path, 192)
