"""`python -m backup COMMAND`: creates, lists, verifies and restores backups; a CronJob and a Job in Kubernetes."""

import argparse
import fcntl
import logging
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backup import creation, manifest, restoring
from backup.mysql import AccountsDatabase
from backup.programs import BackupError
from backup.repository import Repository, Snapshot
from backup.settings import BackupSettings
from common.errors import Video2MP3Error
from common.runtime import logs
from common.runtime.settings import load_settings
from common.storage import mongo

log = logging.getLogger("backup")

# The backup is complete but for files that are damaged in the database; restic has the same code for this.
EXIT_INCOMPLETE = 3


def main(arguments: list[str] | None = None) -> int:
    """Backs up accounts, jobs and files, and restores them. Exits with 1 after a failure."""
    options = _parser().parse_args(arguments)
    settings = load_settings(BackupSettings)
    logs.configure(settings.log_level, settings.log_format)
    # Raises SystemExit, which ends restic too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with _locked(settings.backup_folder):
            repository = Repository(settings)
            if options.command == "create":
                return _create(settings, repository)
            if options.command == "list":
                return _list(repository)
            snapshot = repository.find(options.snapshot)
            with _fetched(settings, repository, snapshot) as folder:
                taken = manifest.verify(folder)
                log.info("Backup %s is complete: %s", snapshot.id, taken.summary())
                if options.command == "restore":
                    _restore(settings, folder, taken, force=options.force)
    except (Video2MP3Error, OSError) as error:
        log.error("%s failed: %s", options.command, error)  # noqa: TRY400  the text says what to do
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m backup", description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "create", help="back up, verify, and delete old backups; exits with 3 if stored files are damaged"
    )
    commands.add_parser("list", help="list the backups")
    one = argparse.ArgumentParser(add_help=False)
    one.add_argument("snapshot", nargs="?", metavar="ID", help="default: the last backup")
    commands.add_parser("verify", parents=[one], help="fetch a backup and verify all of it, without databases")
    restore = commands.add_parser("restore", parents=[one], help="verify a backup and restore it into empty databases")
    restore.add_argument("--force", action="store_true", help="delete what the databases contain")
    return parser


def _create(settings: BackupSettings, repository: Repository) -> int:
    started = time.monotonic()
    repository.prepare()
    folder = settings.backup_folder / "current"
    folder.mkdir(exist_ok=True)
    with mongo.connect(settings) as client:
        taken = creation.take(folder, client, _databases(client), AccountsDatabase(settings))
    log.info("Storing %s", taken.summary())
    snapshot_id = repository.save(folder)
    repository.check()
    repository.forget()
    log.info(
        "Backup %s is complete and verified, in %.0f s: %s", snapshot_id, time.monotonic() - started, taken.summary()
    )
    if taken.damaged:
        log.error("Backup %s lacks %d files that are damaged in the database.", snapshot_id, len(taken.damaged))
        return EXIT_INCOMPLETE
    return 0


def _list(repository: Repository) -> int:
    for snapshot in repository.snapshots():
        print(f"{snapshot.id}  {snapshot.time}")
    return 0


def _restore(settings: BackupSettings, folder: Path, taken: manifest.Manifest, *, force: bool) -> None:
    started = time.monotonic()
    accounts = AccountsDatabase(settings)
    with mongo.connect(settings) as client:
        databases = _databases(client)
        restoring.require_compatible(taken, databases, accounts)
        if not force:
            restoring.require_empty(databases, accounts)
        restoring.restore(folder, taken, databases, accounts)
    log.info("Restored in %.0f s: %s", time.monotonic() - started, taken.summary())


def _databases(client: mongo.Client) -> dict[str, mongo.Db]:
    return {name: client[name] for name in (mongo.VIDEOS, mongo.MP3S)}


@contextmanager
def _fetched(settings: BackupSettings, repository: Repository, snapshot: Snapshot) -> Iterator[Path]:
    """A folder with the content of a snapshot, deleted afterwards."""
    folder = settings.backup_folder / "fetched"
    log.info("Fetching backup %s of %s...", snapshot.id, snapshot.time)
    try:
        repository.restore(snapshot, folder)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the lock of the working folder; raises BackupError when another run holds it."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupError(f"Another backup or restore is running in {folder}.") from None
        yield


if __name__ == "__main__":
    sys.exit(main())
