"""The backups in a restic repository: encrypted, deduplicated, in a folder or in a bucket."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from backup.programs import BackupError, run
from backup.settings import BackupSettings

# Marks our snapshots: a repository may have others. The host is fixed because each pod has another name.
_TAG = "video2mp3"
# Digits of a short id.
_ID = 8
_OURS = ("--tag", _TAG, "--host", _TAG)


@dataclass(frozen=True)
class Snapshot:
    id: str
    time: str


class Repository:
    """Every method raises BackupError."""

    def __init__(self, settings: BackupSettings) -> None:
        self._settings = settings
        self._variables = {
            "RESTIC_REPOSITORY": settings.restic_repository,
            "RESTIC_PASSWORD": settings.restic_password.get_secret_value(),
            "RESTIC_CACHE_DIR": str(settings.backup_folder / "cache"),
        }

    def prepare(self) -> None:
        """Creates the repository if there is none, and removes the locks of runs that were interrupted."""
        try:
            self._run("unlock")
        except BackupError as error:
            try:
                # Fails if there is one, such as with another password.
                self._run("init")
            except BackupError:
                raise error from None

    def save(self, folder: Path) -> str:
        """Adds the folder's content, and returns the id of the snapshot; an interrupted call adds none."""
        # Relative, so that the paths in the repository do not depend on the folder.
        output = self._run("backup", *_OURS, "--json", "--quiet", ".", cwd=folder)
        return str(json.loads(output.splitlines()[-1])["snapshot_id"])[:_ID]

    def check(self) -> None:
        """Reads the structure of the repository, and a part of its data."""
        self._run("check", f"--read-data-subset={self._settings.backup_check_subset}")

    def forget(self) -> None:
        """Deletes all but the last snapshot of each of the last days, and the data that no snapshot needs."""
        keep = f"--keep-daily={self._settings.backup_keep_daily}"
        self._run("forget", *_OURS, "--group-by", "tags", keep, "--prune")

    def snapshots(self) -> list[Snapshot]:
        """Oldest first."""
        found = json.loads(self._run("snapshots", *_OURS, "--json")) or []
        return sorted((Snapshot(each["short_id"], each["time"]) for each in found), key=lambda each: each.time)

    def find(self, snapshot_id: str | None) -> Snapshot:
        """The snapshot with this id, or the last one."""
        found = [each for each in self.snapshots() if snapshot_id is None or snapshot_id[:_ID] == each.id]
        if not found:
            raise BackupError(f"There is no backup {snapshot_id or ''} in {self._settings.restic_repository}.")
        return found[-1]

    def restore(self, snapshot: Snapshot, folder: Path) -> None:
        """Replaces the folder by the snapshot's content."""
        shutil.rmtree(folder, ignore_errors=True)
        self._run("restore", snapshot.id, "--target", str(folder))

    def _run(self, *arguments: str, cwd: Path | None = None) -> str:
        timeout = self._settings.backup_step_timeout
        return run(["restic", *arguments], self._variables, timeout=timeout, cwd=cwd)
