"""While the sound of an MP4 is encoded, its pictures are hidden where that changes nothing, and then they are back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from converter.process import Cancelled
from tests import media
from tests.integration.converter.conftest import Convert

Look = Callable[[float], None]


def mp4(seconds: int) -> Path:
    return media.ffmpeg(["-i", str(media.long(seconds)), "-c", "copy"], "mp4")


def tracks(video: Path) -> int:
    return video.read_bytes().count(b"trak")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The conversion's copy."""
    return tmp_path / "source.mp4"


@pytest.fixture
def seen(own: Path) -> tuple[set[int], Look]:
    """How many tracks the copy has each time that it is looked at."""
    found: set[int] = set()
    return found, lambda _: found.add(tracks(own))


@pytest.mark.parametrize("options", [{}, {"threads": 2}, {"end": "100"}, {"normalize": True}, {"cover": "frame"}])
def test_they_are_hidden(options: dict, convert: Convert, own: Path, seen: tuple[set[int], Look]) -> None:
    video = mp4(120)
    convert(video, on_progress=seen[1], **options)
    assert tracks(video) - 1 in seen[0]
    assert own.read_bytes() == video.read_bytes()


@pytest.mark.parametrize(("late", "options"), [(False, {"start": "1"}), (True, {}), (True, {"end": "4"})])
def test_they_stay_where_the_sound_depends_on_them(
    late: bool, options: dict, convert: Convert, seen: tuple[set[int], Look]
) -> None:
    video = media.make("late_sound") if late else mp4(120)
    convert(video, on_progress=seen[1], **options)
    assert seen[0] == {tracks(video)}


@pytest.mark.parametrize("threads", [1, 2])
def test_they_are_back_after_a_stop(threads: int, convert: Convert, own: Path, seen: tuple[set[int], Look]) -> None:
    video = mp4(3000)
    with pytest.raises(Cancelled):
        convert(video, on_progress=seen[1], should_stop=lambda: bool(seen[0]), threads=threads)
    assert tracks(video) - 1 in seen[0]
    assert own.read_bytes() == video.read_bytes()
