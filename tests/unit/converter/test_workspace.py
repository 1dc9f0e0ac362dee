"""The files of a conversion: their folder, and the name of the MP3."""

import os
from pathlib import Path

import pytest

from common.errors import TransientError
from converter.conversion import mp3_name
from converter.workspace import clear_leftovers, work_folder


def test_a_work_folder_is_deleted_afterwards(tmp_path: Path) -> None:
    with work_folder(tmp_path) as folder:
        (folder / "source").write_bytes(b"x")
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_a_work_folder_that_cannot_be_created_is_a_transient_error(tmp_path: Path) -> None:
    with pytest.raises(TransientError, match="temporary folder"), work_folder(tmp_path / "nowhere"):
        pass


def test_the_folders_of_killed_workers_are_deleted(tmp_path: Path) -> None:
    own, killed, alive = (tmp_path / f"video2mp3-{pid}-x" for pid in (os.getpid(), 2**22 + 1, os.getppid()))
    for folder in (own, killed, alive):
        folder.mkdir()
        (folder / "source").write_bytes(b"x")
    clear_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == [alive]


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("talk.mp4", "talk.mp3"),
        ("../../etc/passwd", "passwd.mp3"),
        ("C:\\videos\\a.b.mkv", "a.b.mp3"),
        ("-rf.mp4", "-rf.mp3"),
        ("/", "audio.mp3"),
        (".mp4", ".mp4.mp3"),
    ],
)
def test_the_mp3_is_named_after_the_video(filename: str, expected: str) -> None:
    assert mp3_name(filename) == expected
