"""When an MP3 counts as whole."""

from pathlib import Path

import pytest

from common.errors import PermanentError
from converter.encoding import verification
from converter.encoding.verification import Mp3


@pytest.mark.parametrize(
    ("duration", "expected", "least", "agrees"),
    [
        (4.0, 4.0, 4.0, True),
        (3.9, 4.0, 4.0, True),
        (3.8, 4.0, 4.0, False),  # sound is missing
        (4.3, 4.0, 4.0, False),  # more than there was
        (100.0, 100.3, 98.5, True),  # a clock that drifts, durations that are rounded
        (97.0, 100.3, 98.5, False),
    ],
)
def test_an_mp3_is_as_long_as_its_packets(
    duration: float, expected: float, least: float, *, agrees: bool, tmp_path: Path
) -> None:
    assert verification.agrees(Mp3(tmp_path, duration), expected, least) is agrees


@pytest.mark.parametrize("content", [b"", b"This is no MP3. " * 100])
def test_an_mp3_without_frames_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "audio.mp3"
    path.write_bytes(content)
    with pytest.raises(PermanentError, match="is empty or damaged"):
        verification.read(path, 192)
