"""What changes while a backup is taken: it shows one point in time, and every file that a job of it names."""

from collections.abc import Callable
from pathlib import Path

import pytest

from backup import creation, manifest, records
from backup.mysql import AccountsDatabase
from backup.programs import BackupError
from backup.settings import BackupSettings
from common.storage import mongo
from gateway.jobs.store import Store
from tests.integration.backup.conftest import Accounts, Command, Contents, complete, complete_job


class _Changing(AccountsDatabase):
    """Changes data at the moment when MongoDB's snapshot is taken and nothing has been read yet."""

    def __init__(self, settings: BackupSettings, changes: list[Callable[[], object]]) -> None:
        super().__init__(settings)
        self._changes = changes

    def dump(self, path: Path) -> None:
        if self._changes:
            self._changes.pop(0)()
        super().dump(path)


@pytest.fixture
def take(backup: Command, mongo_client: mongo.Client, tmp_path: Path) -> Callable[..., manifest.Manifest]:
    """Takes a backup into the folder `taken`, with a change during each attempt."""
    settings = BackupSettings(**{name.lower(): value for name, value in backup.environment.items()})
    folder = tmp_path / "taken"
    folder.mkdir()
    databases = {name: mongo_client[name] for name in (mongo.VIDEOS, mongo.MP3S)}

    def run(*changes: Callable[[], object]) -> manifest.Manifest:
        return creation.take(folder, mongo_client, databases, _Changing(settings, list(changes)))

    return run


def test_a_job_that_is_accepted_meanwhile_is_not_in_the_backup_and_its_account_may_be(
    take: Callable[..., manifest.Manifest], store: Store, accounts: Accounts, stored: Contents, tmp_path: Path
) -> None:
    def register_and_upload() -> None:
        accounts.add("second@example.com")
        complete_job(store, "second@example.com")

    taken = take(register_and_upload)

    assert taken.documents["videos.jobs"] == taken.documents["mp3s.fs.files"] == 1
    assert taken.rows["user"] == 2
    assert manifest.verify(tmp_path / "taken") == taken


def test_a_file_that_is_replaced_meanwhile_is_replaced_in_the_backup_too(
    take: Callable[..., manifest.Manifest], store: Store, stored: Contents, tmp_path: Path
) -> None:
    (job,) = store.jobs.collection.find()

    def convert_again() -> None:
        complete(store, job["_id"], b"another MP3")
        store.mp3s.delete(job["mp3_fid"])

    taken = take(convert_again)

    assert manifest.verify(tmp_path / "taken") == taken
    (row,) = records.read(tmp_path / "taken/videos/jobs.bson")
    assert row["mp3_fid"] != job["mp3_fid"]
    assert (tmp_path / f"taken/mp3s/files/{row['mp3_fid']}").read_bytes() == b"another MP3"
    assert not (tmp_path / f"taken/mp3s/files/{job['mp3_fid']}").exists()


def test_a_job_that_is_deleted_meanwhile_is_deleted_in_the_backup_too(
    take: Callable[..., manifest.Manifest], store: Store, stored: Contents, tmp_path: Path
) -> None:
    (job,) = store.jobs.collection.find()
    taken = take(lambda: store.delete(job["_id"]))
    assert taken.documents["videos.fs.files"] == taken.documents["mp3s.fs.files"] == 0
    (row,) = records.read(tmp_path / "taken/videos/jobs.bson")
    assert row["status"] == "deleted"


def test_a_backup_that_cannot_become_consistent_fails_and_is_not_complete(
    take: Callable[..., manifest.Manifest], store: Store, stored: Contents, tmp_path: Path
) -> None:
    def delete_one_and_store_another() -> None:
        for job in store.jobs.collection.find({"status": "completed"}):
            store.delete(job["_id"])
        complete_job(store, "first@example.com")

    with pytest.raises(BackupError, match="during each of 5 attempts"):
        take(*[delete_one_and_store_another] * 5)
    with pytest.raises(BackupError, match="incomplete"):
        manifest.verify(tmp_path / "taken")
