"""Results appear complete, replace nothing, and stay in their folder."""

import errno
import os
import stat
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from video2mp3 import new_files
from video2mp3.account import Account
from video2mp3.errors import CliError
from video2mp3.new_files import new_file, require_absent, safe_name
from video2mp3.records import Record, Records

ACCOUNT = Account("https://mp3.example.com", "you@example.com", "a-token")


def write(target: Path, *, force: bool = False) -> None:
    with new_file(target, force=force) as file:
        file.write(b"new")


@pytest.fixture(params=["links", "no links"])
def target(request, monkeypatch, tmp_path) -> Path:
    """A path in a folder of a file system with and without hard links."""
    if request.param == "no links":

        def fail(*_: object) -> None:
            raise OSError(errno.EPERM, "Operation not permitted")

        monkeypatch.setattr(new_files.os, "link", fail)
    return tmp_path / "music" / "talk.mp3"


def test_a_new_file_is_the_only_one_in_its_folder(target):
    write(target)
    assert [file.name for file in target.parent.iterdir()] == ["talk.mp3"]
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("kind", ["file", "broken link", "link", "folder"])
def test_what_exists_is_not_replaced(target, kind):
    target.parent.mkdir()
    other = target.parent / "other"
    match kind:
        case "file":
            target.write_bytes(b"old")
        case "folder":
            target.mkdir()
        case _:
            target.symlink_to("other")
            if kind == "link":
                other.write_bytes(b"old")
    before = sorted(target.parent.iterdir())
    with pytest.raises(CliError, match="exists already"):
        write(target)
    with pytest.raises(CliError, match="--force"):
        require_absent(target, force=False)
    assert sorted(target.parent.iterdir()) == before
    assert not other.exists() or other.read_bytes() == b"old"


def test_with_force_a_link_is_replaced_and_not_what_it_leads_to(target):
    target.parent.mkdir()
    (target.parent / "other").write_bytes(b"old")
    target.symlink_to("other")
    write(target, force=True)
    assert (target.parent / "other").read_bytes() == b"old"
    assert not target.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_failure_leaves_nothing(target):
    with pytest.raises(ValueError, match="interrupted"), new_file(target, force=False) as file:
        file.write(b"new")
        raise ValueError("interrupted")
    assert list(target.parent.iterdir()) == []


def test_the_end_of_the_process_leaves_nothing(target):
    with pytest.raises(FileNotFoundError), new_file(target, force=False):
        new_files._delete_drafts()
        assert list(target.parent.iterdir()) == []


@given(st.text(max_size=400))
@example("../../etc/passwd")
@example("..\\..\\evil")
@example("C:evil")
@example("..")
@example("/")
@example("ä" * 300)
@example("a\x1b[2Jb\u202eexe")
def test_a_name_from_the_server_stays_in_the_folder(name):
    target = Path("/music") / f"{safe_name(name)}.mp3"
    assert target.parent == Path(os.path.normpath(target)).parent == Path("/music")
    assert target.name.isprintable()
    assert len(target.name.encode()) <= 255
    assert not target.name.startswith(".")


def test_ordinary_names_are_kept():
    assert safe_name("Grüße [b] – 2 (1)") == "Grüße [b] – 2 (1)"


def test_records_are_private_and_depend_on_what_is_converted(home, tmp_path):
    records, video = Records(ACCOUNT), tmp_path / "talk.mp4"
    video.write_bytes(b"x")
    key = records.key(video, {})
    records.save(key, Record("a" * 24))
    (file,) = home.rglob("*.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert records.find(key) == Record("a" * 24)
    others = [
        records.key(video, {"bitrate": "64"}),
        Records(Account("https://other.example.com", ACCOUNT.email, "")).key(video, {}),
        Records(Account(ACCOUNT.server, "me@example.com", "")).key(video, {}),
    ]
    os.utime(video, (1, 1))
    others.append(records.key(video, {}))
    assert len({key, *others}) == 5


@pytest.mark.parametrize("content", ["", "{", "[]", '{"job": "../../x"}', '{"job": 1}', '{"unknown": 1}'])
def test_a_damaged_record_is_ignored(home, tmp_path, content):
    records = Records(ACCOUNT)
    records.save("key", Record("a" * 24))
    next(home.rglob("*.json")).write_text(content)
    assert records.find("key") is None


def test_old_records_are_deleted(home):
    records = Records(ACCOUNT)
    records.save("old", Record("a" * 24))
    records.save("new", Record("b" * 24))
    (old,) = (file for file in home.rglob("old.json"))
    os.utime(old, (time.time() - 40 * 24 * 3600,) * 2)
    records.delete_old()
    assert (records.find("old"), records.find("new")) == (None, Record("b" * 24))


@pytest.mark.parametrize(("written", "kept"), [(None, False), ("/music/talk.mp3", True)])
def test_only_a_record_that_no_interrupted_conversion_needs_is_deleted(written, kept):
    records = Records(ACCOUNT)
    records.save("key", Record("a" * 24, written))
    records.delete_without_mp3("key")
    assert (records.find("key") is not None) == kept
