"""A backup that is damaged, incomplete or of a newer release is refused."""

import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bson
import pytest

from backup import contents, manifest
from backup.manifest import Manifest
from backup.programs import BackupError

_ROOT = Path(__file__).resolve().parents[3]
_FILE = bson.ObjectId("64a1f0c2d3e4b5a697887766")
_PATH = contents.relative_path("mp3s", _FILE)
_DUMP = "INSERT INTO `user` VALUES\n(1,'a@example.com','x');\n-- Dump completed on 2026-01-01\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A complete backup of one account and one file."""
    (tmp_path / "mp3s/files").mkdir(parents=True)
    (tmp_path / "mysql.sql").write_text(_DUMP)
    (tmp_path / "mp3s/fs.files.bson").write_bytes(bson.encode({"_id": _FILE, "length": 3}))
    (tmp_path / _PATH).write_bytes(b"mp3")
    seal(tmp_path)
    return tmp_path


def seal(folder: Path) -> None:
    """Writes checksums and manifest for what is there now."""
    paths = [path for path in folder.rglob("*") if path.is_file() and path.name not in {"manifest.json", "SHA256SUMS"}]
    sums = {str(path.relative_to(folder)): contents.sha256(path) for path in paths}
    Manifest(
        format=manifest.FORMAT, release=manifest.RELEASE, taken_at="2026-01-01T00:00:00Z",
        schema={"mysql": 2, "mongodb": 3}, rows={"user": 1},
        documents={"mp3s.fs.files": 1}, size=3, damaged=[], checksums=manifest.write_checksums(folder, sums),
    ).write(folder)  # fmt: skip


def test_a_complete_backup_is_accepted(folder: Path) -> None:
    assert "1 accounts, 0 jobs, 1 files" in manifest.verify(folder).summary()


def test_the_release_is_that_of_the_project() -> None:
    versions = {
        tomllib.loads(path.read_text())["project"]["version"]
        for path in (_ROOT / "pyproject.toml", _ROOT / "src/backup/pyproject.toml")
    }
    assert versions == {manifest.RELEASE}


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["mysql.sql", "mp3s/fs.files.bson", _PATH, "SHA256SUMS"])
@pytest.mark.parametrize("damage", [_flip, Path.unlink], ids=["changed", "missing"])
def test_a_changed_or_missing_file_is_found(folder: Path, name: str, damage: Callable[[Path], None]) -> None:
    damage(folder / name)
    with pytest.raises(BackupError, match="damaged"):
        manifest.verify(folder)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("mysql.sql", _DUMP.rpartition("--")[0].encode()),
        ("mysql.sql", b"-- Dump completed on 2026-01-01\n"),
        ("mp3s/fs.files.bson", b""),
        ("mp3s/fs.files.bson", bson.encode({"_id": _FILE, "length": 3})[:-2]),
        ("mp3s/fs.files.bson", bson.encode({"_id": bson.ObjectId(), "length": 3})),
        (_PATH, b"longer"),
    ],
    ids=["dump without end", "no row", "no document", "half a document", "no content", "other length"],
)
def test_checksums_of_wrong_content_do_not_make_it_complete(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    seal(folder)
    with pytest.raises(BackupError, match=r"damaged|incomplete"):
        manifest.verify(folder)


def test_a_backup_without_its_manifest_is_incomplete(folder: Path) -> None:
    (folder / "manifest.json").unlink()
    with pytest.raises(BackupError, match="incomplete"):
        manifest.verify(folder)


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 2}', '{"unknown": 1}'])
def test_a_manifest_that_cannot_be_read_is_refused(folder: Path, content: str) -> None:
    (folder / "manifest.json").write_text(content)
    with pytest.raises(BackupError, match="cannot be read"):
        manifest.verify(folder)


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        ({"release": "0.0.9"}, True),
        ({"release": "0.1.1"}, False),
        ({"release": "0.10"}, False),
        ({"release": "1.0.0"}, False),
        ({"format": manifest.FORMAT + 1}, False),
    ],
)
def test_a_backup_of_a_newer_release_is_refused(folder: Path, change: dict[str, object], *, accepted: bool) -> None:
    taken = Manifest(**json.loads((folder / "manifest.json").read_text()))
    replace(taken, **change).write(folder)
    if accepted:
        manifest.verify(folder)
        return
    with pytest.raises(BackupError, match=re.escape(f"This is release {manifest.RELEASE}")):
        manifest.verify(folder)


@pytest.mark.parametrize(
    ("target", "accepted"),
    [
        ({"mysql": 2, "mongodb": 3}, True),
        ({"mysql": 3, "mongodb": 4}, True),
        # Servers on which no release has run yet.
        ({"mysql": 0, "mongodb": 0}, True),
        ({"mysql": 1, "mongodb": 3}, False),
        ({"mysql": 2, "mongodb": 2}, False),
    ],
)
def test_a_backup_with_a_newer_schema_than_the_deployments_is_refused(
    folder: Path, target: dict[str, int], *, accepted: bool
) -> None:
    taken = manifest.verify(folder)
    if accepted:
        manifest.require_schema(taken, target)
        return
    with pytest.raises(BackupError, match="Update the deployment first"):
        manifest.require_schema(taken, target)
