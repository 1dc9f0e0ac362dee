"""Which files are converted, and where their MP3s go."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from video2mp3.conversion.plan import Video, targets, videos
from video2mp3.errors import CliError


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def make(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")


def planned(*arguments: str, output: str | None = "D") -> list[str]:
    found = videos([Path(argument) for argument in arguments])
    return [str(target) for target in targets(found, Path(output) if output else None)]


@pytest.mark.parametrize(
    ("arguments", "output", "expected"),
    [
        (["x", "y"], "D", ["D/x/a.mp3", "D/y/a.mp3"]),
        (["."], "D", ["D/x/a.mp3", "D/y/a.mp3"]),
        (["x"], "D", ["D/a.mp3"]),
        (["x/a.mp4", "y"], "D", ["D/a.mp4.mp3", "D/a.mp4 (2).mp3"]),
        (["x/a.mp4", "y/a.mp4"], "D", ["D/a.mp4.mp3", "D/a.mp4 (2).mp3"]),
        (["x/a.mp4", "./x/a.mp4", "x"], "D", ["D/a.mp3"]),
        (["x", "y"], None, ["x/a.mp3", "y/a.mp3"]),
    ],
)
def test_the_folders_of_an_argument_are_kept(here, arguments, output, expected):
    make("x/a.mp4", "y/a.mp4")
    assert planned(*arguments, output=output) == expected


def test_folders_inside_a_folder_are_kept(here):
    make("holidays/day 1/a.mp4", "holidays/day 2/a.mp4", "holidays/a.MP4", "holidays/notes.txt", "talk.mp4")
    # macOS stores the attributes of a file in such a file on a disk of another system.
    make("holidays/._a.mp4")
    assert sorted(planned("talk.mp4", "holidays")) == ["D/a.mp3", "D/day 1/a.mp3", "D/day 2/a.mp3", "D/talk.mp3"]


def test_files_with_one_name_have_different_mp3s(here):
    make("talk.mp4", "talk.mkv", "Talk.mov", "talk.mp4.avi")
    chosen = planned(".", output=None)
    assert len({target.casefold() for target in chosen}) == 4
    assert "talk.mkv.mp3" in chosen


def test_links_are_not_followed_into_folders(here):
    make("x/a.mp4")
    (here / "x" / "loop").symlink_to(here / "x")
    (here / "x" / "b.mp4").symlink_to("a.mp4")
    assert planned("x") == ["D/a.mp3", "D/b.mp3"]


def test_a_source_is_never_replaced(here):
    make("song.mp3")
    with pytest.raises(CliError, match="would replace"):
        planned("song.mp3", output=None)
    assert planned("song.mp3") == ["D/song.mp3"]


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(CliError, match="no file or folder"):
        videos([tmp_path / "missing.mp4"])
    with pytest.raises(CliError, match="no video in"):
        videos([tmp_path])


NAMES = st.sampled_from(["a", "A", "b", "a.mp4", "a (2)", "a.mp4 (2)"])


@given(st.lists(st.tuples(NAMES, st.sampled_from(["mp4", "mkv", "MP4"]), st.sampled_from(["", "x"])), unique=True))
def test_no_two_videos_have_the_same_mp3(names):
    found = [
        Video(Path(f"/v/{number}/{name}.{suffix}"), Path(below)) for number, (name, suffix, below) in enumerate(names)
    ]
    chosen = targets(found, Path("/D"))
    assert len({str(target).casefold() for target in chosen}) == len(chosen)
    assert [target.parent for target in chosen] == [Path("/D") / video.below for video in found]
