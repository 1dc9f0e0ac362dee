"""Restores a verified backup into empty databases."""

import logging
from collections.abc import Mapping
from pathlib import Path

from backup import contents, creation, manifest, records
from backup.manifest import Manifest
from backup.mysql import AccountsDatabase
from backup.programs import BackupError
from common.storage.mongo import VIDEOS, Db

log = logging.getLogger(__name__)


def require_empty(databases: Mapping[str, Db], accounts: AccountsDatabase) -> None:
    """Raises BackupError when there is an account, a job, a file or an unfinished upload; and StorageUnavailable."""
    found = [name for name, db in databases.items() if not records.is_empty(db)]
    if accounts.rows().get("user"):
        found.append("MySQL")
    if found:
        raise BackupError(f"These databases are not empty: {', '.join(found)}. --force deletes what they contain.")


def require_compatible(taken: Manifest, databases: Mapping[str, Db], accounts: AccountsDatabase) -> None:
    """Raises BackupError when a newer release than that of the databases has taken the backup."""
    manifest.require_schema(taken, creation.schema_versions(databases, accounts))


def restore(folder: Path, taken: Manifest, databases: Mapping[str, Db], accounts: AccountsDatabase) -> None:
    """Replaces what the databases contain by the backup; raises BackupError and StorageUnavailable.

    The jobs are loaded last, when everything that they refer to is there and has been checked.
    """
    log.info("Restoring accounts...")
    accounts.load(folder / manifest.ACCOUNTS)
    if (rows := accounts.rows()) != taken.rows:
        raise BackupError(f"MySQL has other rows than the backup: {rows} instead of {dict(taken.rows)}.")
    for name, db in databases.items():
        records.clear(db, folder / name)
        _load_files(folder, taken, name, db)
    # "videos", with the jobs, comes last.
    for name in sorted(databases, key=lambda name: name == VIDEOS):
        for collection in records.names(folder / name):
            if collection != records.FILES:
                log.info("Restoring %s.%s...", name, collection)
                _load(folder, taken, name, databases[name], collection)


def _load_files(folder: Path, taken: Manifest, name: str, db: Db) -> None:
    checksums = manifest.read_checksums(folder)
    rows = records.read(folder / name / f"{records.FILES}.bson")
    # The others are damaged: only their records can be restored.
    whole = [row for row in rows if contents.relative_path(name, row["_id"]) in checksums]
    contents.load(db, name, whole, folder)
    _load(folder, taken, name, db, records.FILES)
    contents.verify(db, name, whole, checksums)


def _load(folder: Path, taken: Manifest, name: str, db: Db, collection: str) -> None:
    loaded = records.load(db, folder / name / f"{collection}.bson")
    if loaded != (expected := taken.documents.get(f"{name}.{collection}", 0)):
        raise BackupError(f"{loaded} of {expected} documents of {name}.{collection} were restored.")
