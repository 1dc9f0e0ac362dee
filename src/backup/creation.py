"""Takes a backup: one consistent state of MySQL and MongoDB, in a folder."""

import logging
from collections.abc import Mapping
from pathlib import Path

from backup import contents, manifest, mysql, records
from backup.manifest import Manifest
from backup.mysql import AccountsDatabase
from backup.programs import BackupError
from common.runtime.clock import iso, now
from common.storage.bucket import Bucket
from common.storage.mongo import VIDEOS, Client, Db, StorageUnavailable, failures

log = logging.getLogger(__name__)

# How often the records are read again because files were deleted meanwhile. Each attempt copies only what is new.
_ATTEMPTS = 5
# MongoDB's error codes SnapshotUnavailable and SnapshotTooOld.
_SNAPSHOT_LOST = {246, 239}


def take(folder: Path, client: Client, databases: Mapping[str, Db], accounts: AccountsDatabase) -> Manifest:
    """Brings the folder, which may have an earlier backup, to the present state of the databases.

    It is a complete backup when it has its manifest, which is written last. Raises BackupError and StorageUnavailable.
    """
    _require_replica_set(client)
    (folder / manifest.MANIFEST).unlink(missing_ok=True)
    for name in databases:
        (folder / name / contents.CONTENTS).mkdir(parents=True, exist_ok=True)
    checksums = manifest.read_checksums(folder)
    for _ in range(_ATTEMPTS):
        taken_at = iso(now())
        documents = _read_records(folder, client, databases, accounts)
        if documents is None:
            continue
        copied = {name: _copy(folder, name, db, checksums) for name, db in databases.items()}
        deleted = sum(len(each.deleted) for each in copied.values())
        if not deleted:
            damaged = [path for each in copied.values() for path in each.damaged]
            schema = schema_versions(databases, accounts)
            return _complete(folder, taken_at, documents, checksums, damaged=damaged, schema=schema)
        log.info("%d files were deleted while files were copied: the records are read again", deleted)
    raise BackupError(
        f"Files were deleted or collections changed during each of {_ATTEMPTS} attempts. Try again later."
    )


def schema_versions(databases: Mapping[str, Db], accounts: AccountsDatabase) -> dict[str, int]:
    """The last migrations of MySQL and MongoDB; 0 before the first one. Raises BackupError and StorageUnavailable."""
    return {"mysql": accounts.schema_version(), "mongodb": records.schema_version(databases[VIDEOS])}


def _require_replica_set(client: Client) -> None:
    with failures():
        answer = client.admin.command("hello")
    if "setName" not in answer and answer.get("msg") != "isdbgrid":
        raise BackupError(
            "MongoDB is a standalone server, which has no snapshot of several collections. Make it a replica set of one"
            " member (replication.replSetName in its configuration, then rs.initiate())."
        )


def _read_records(
    folder: Path, client: Client, databases: Mapping[str, Db], accounts: AccountsDatabase
) -> dict[str, int] | None:
    """Dumps MySQL and all records of MongoDB; None if MongoDB could not keep its snapshot."""
    documents = {}
    try:
        with client.start_session(snapshot=True) as session:
            # The first read determines the time of the snapshot.
            with failures():
                next(iter(databases.values()))[records.JOBS].find_one({}, {"_id": 1}, session=session)
            # After it, so that each job in the backup has its account.
            accounts.dump(folder / manifest.ACCOUNTS)
            for name, db in databases.items():
                counts = records.dump(db, folder / name, session)
                documents.update({f"{name}.{collection}": count for collection, count in counts.items()})
    except StorageUnavailable as error:
        if getattr(error.__cause__, "code", None) not in _SNAPSHOT_LOST:
            raise
        log.info("MongoDB did not keep its snapshot (%s): the records are read again", error)
        return None
    return documents


def _copy(folder: Path, name: str, db: Db, checksums: dict[str, str]) -> contents.Copied:
    rows = list(records.read(folder / name / f"{records.FILES}.bson"))
    return contents.copy(Bucket(db), name, rows, folder, checksums)


def _complete(
    folder: Path,
    taken_at: str,
    documents: Mapping[str, int],
    checksums: Mapping[str, str],
    *,
    damaged: list[str],
    schema: Mapping[str, int],
) -> Manifest:
    """Deletes what does not belong to the backup, and writes its checksums and its manifest."""
    dumps = [folder / manifest.ACCOUNTS]
    kept = {}
    size = 0
    for name in {name.partition(".")[0] for name in documents}:
        dumps += [*(folder / name).glob("*.bson"), *(folder / name).glob("*.metadata.json")]
        for row in records.read(folder / name / f"{records.FILES}.bson"):
            path = contents.relative_path(name, row["_id"])
            size += row["length"]
            if path not in damaged:
                kept[path] = checksums[path]
        for copied in (folder / name / contents.CONTENTS).iterdir():
            if str(copied.relative_to(folder)) not in kept:
                copied.unlink()
    kept.update({str(path.relative_to(folder)): contents.sha256(path) for path in dumps})
    taken = Manifest(
        format=manifest.FORMAT,
        release=manifest.RELEASE,
        taken_at=taken_at,
        schema=schema,
        rows=mysql.dumped_rows(folder / manifest.ACCOUNTS),
        documents=documents,
        size=size,
        damaged=damaged,
        checksums=manifest.write_checksums(folder, kept),
    )
    manifest.verify_counts(folder, taken)
    taken.write(folder)
    return taken
