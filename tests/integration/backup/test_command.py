"""`python -m backup` on real servers: a backup is consistent, complete and restorable, or it is refused."""

from pathlib import Path

from bson import ObjectId

from common.storage import mongo
from gateway.jobs.store import Store
from gateway.uploads.repository import UploadRepository
from tests.integration.backup.conftest import Accounts, Command, Contents, complete_job, mongod, snapshot
from tests.waiting import eventually


def _empty(client: mongo.Client, accounts: Accounts) -> None:
    for name in (mongo.VIDEOS, mongo.MP3S):
        client.drop_database(name)
    accounts.clear()


def test_a_restored_backup_has_the_same_accounts_records_indexes_and_files(
    backup: Command, mongo_client: mongo.Client, accounts: Accounts, stored: Contents
) -> None:
    before = snapshot(mongo_client)
    accounts.add_key("0" * 64)
    output = backup.run("create")
    assert "1 accounts, 1 jobs, 2 files of 0.4 MB" in output
    _empty(mongo_client, accounts)

    assert "Restored in" in backup.run("restore")

    assert snapshot(mongo_client) == before
    assert accounts.emails() == ["first@example.com"]
    assert accounts.keys() == ["0" * 64]


def test_a_second_backup_copies_new_files_only_and_replaces_the_first_of_the_day(
    backup: Command, store: Store, accounts: Accounts, stored: Contents
) -> None:
    assert "2 of 2 files" not in backup.run("create", BACKUP_KEEP_DAILY="1")
    size = sum(path.stat().st_size for path in backup.packs())
    complete_job(store, "first@example.com")

    assert "Copying new files of videos: 1 of 1 files" in backup.run("create", BACKUP_KEEP_DAILY="1")

    assert sum(path.stat().st_size for path in backup.packs()) < 2.2 * size
    assert len(backup.run("list").splitlines()) == 1
    assert "1 accounts, 2 jobs, 4 files" in backup.run("verify")


def test_an_unfinished_upload_is_not_in_a_backup(
    backup: Command, mongo_client: mongo.Client, store: Store, accounts: Accounts, stored: Contents
) -> None:
    uploads = UploadRepository(mongo_client[mongo.VIDEOS], 3600)
    upload = uploads.create("first@example.com", "second.mp4", 600_000, {})
    writer = store.videos.resume(upload.id, 0, "second.mp4", "video/mp4", upload.metadata)
    writer.write(bytes(300_000))
    assert writer.suspend() == 300_000
    before = snapshot(mongo_client)
    backup.run("create")
    _empty(mongo_client, accounts)

    backup.run("restore")

    after = snapshot(mongo_client)
    assert [name for name in before if before[name] != after[name]] == ["videos.fs.chunks", "videos.uploads"]
    assert after["videos.uploads"] == []
    assert upload.id not in [row["files_id"] for row in after["videos.fs.chunks"]]


def test_databases_that_are_not_empty_are_replaced_only_with_force(
    backup: Command, mongo_client: mongo.Client, store: Store, accounts: Accounts, stored: Contents
) -> None:
    before = snapshot(mongo_client)
    backup.run("create")
    complete_job(store, "second@example.com")
    accounts.add("second@example.com")
    # A table of a newer release.
    accounts.execute(f"CREATE TABLE {accounts.environment['MYSQL_DB']}.later (id INT PRIMARY KEY)")
    changed = snapshot(mongo_client)

    refused = backup.run("restore", code=1)

    assert "not empty: videos, mp3s, MySQL. --force" in refused
    assert snapshot(mongo_client) == changed
    backup.run("restore", "--force")
    assert snapshot(mongo_client) == before
    assert accounts.emails() == ["first@example.com"]
    tables = accounts.execute(f"SHOW TABLES IN {accounts.environment['MYSQL_DB']}")
    assert tables == [("api_key",), ("identity",), ("schema_migrations",), ("user",)]


def test_a_file_that_is_damaged_in_the_database_does_not_prevent_a_backup_of_the_others(
    backup: Command, mongo_client: mongo.Client, store: Store, accounts: Accounts, stored: Contents
) -> None:
    complete_job(store, "first@example.com")
    damaged: ObjectId = mongo_client.mp3s["fs.files"].find_one({}, sort=[("_id", 1)])["_id"]
    mongo_client.mp3s["fs.chunks"].delete_one({"files_id": damaged})

    # 3: the backup is complete but for damaged files.
    assert f"File {damaged} of mp3s is damaged" in backup.run("create", code=3)

    before = snapshot(mongo_client)
    _empty(mongo_client, accounts)
    backup.run("restore")
    assert snapshot(mongo_client) == before


def test_a_damaged_repository_is_refused_before_anything_is_changed(
    backup: Command, mongo_client: mongo.Client, accounts: Accounts, stored: Contents
) -> None:
    backup.run("create")
    _empty(mongo_client, accounts)
    largest = max(backup.packs(), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.chmod(0o600)
    largest.write_bytes(content)

    backup.run("verify", code=1)
    backup.run("restore", code=1)

    assert accounts.emails() == []
    assert mongo_client.mp3s.list_collection_names() == []
    # The next backup reads it and reports it.
    backup.run("create", code=1, BACKUP_CHECK_SUBSET="100%")


def test_an_interrupted_backup_leaves_nothing_that_looks_complete(
    backup: Command, mongo_client: mongo.Client, accounts: Accounts, stored: Contents
) -> None:
    with backup.start("create") as process:
        eventually((backup.folder / "current/mysql.sql").exists, pause=0.01, what="the beginning of the backup")
        process.kill()
        process.communicate()
    assert backup.run("list") == ""
    assert "There is no backup" in backup.run("restore", code=1)

    before = snapshot(mongo_client)
    backup.run("create")
    _empty(mongo_client, accounts)
    backup.run("restore")
    assert snapshot(mongo_client) == before


def test_a_wrong_password_is_reported_and_no_secret_is_printed(backup: Command, stored: Contents) -> None:
    output = backup.run("create")
    output += backup.run("list", code=1, RESTIC_PASSWORD="another password of the tests")
    output += backup.run("create", code=1, RESTIC_PASSWORD="another password of the tests")
    assert output.count("wrong password") == 2
    for name in ("MYSQL_PASSWORD", "RESTIC_PASSWORD"):
        assert backup.environment[name] not in output


def test_a_standalone_mongodb_is_refused(backup: Command, tmp_path: Path) -> None:
    folder = tmp_path / "standalone"
    folder.mkdir()
    with mongod(folder) as uri:
        assert "MongoDB is a standalone server" in backup.run("create", code=1, MONGO_URI=uri)
    assert backup.run("list") == ""
