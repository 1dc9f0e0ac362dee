"""What a backup consists of, and whether it is complete: `manifest.json`, which is written last, and `SHA256SUMS`."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from bson.errors import InvalidBSON

from backup import contents, mysql, records
from backup.programs import BackupError

# Of the files of a backup. A release that cannot restore an older format must say so.
FORMAT = 1
# The version in pyproject.toml, which the images do not contain.
RELEASE = "0.1.0"
MANIFEST = "manifest.json"
# `sha256sum --check` reads it.
CHECKSUMS = "SHA256SUMS"
ACCOUNTS = "mysql.sql"


@dataclass(frozen=True)
class Manifest:
    format: int
    release: str
    # The time of the snapshot of MongoDB; that of MySQL is up to some seconds later.
    taken_at: str
    # The versions of the schemas: the last migrations of `mysql` and `mongodb`.
    schema: Mapping[str, int]
    # Rows of each table, and documents of each collection, such as `videos.jobs`.
    rows: Mapping[str, int]
    documents: Mapping[str, int]
    # Bytes in all files.
    size: int
    # Paths of files whose content was incomplete in the database.
    damaged: list[str]
    # SHA-256 of SHA256SUMS.
    checksums: str

    def summary(self) -> str:
        files = sum(count for name, count in self.documents.items() if name.endswith(f".{records.FILES}"))
        jobs = sum(count for name, count in self.documents.items() if name.endswith(f".{records.JOBS}"))
        accounts = self.rows.get("user", 0)
        return f"{self.taken_at}: {accounts} accounts, {jobs} jobs, {files} files of {self.size / 1e6:.1f} MB"

    def write(self, folder: Path) -> None:
        (folder / MANIFEST).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def read_checksums(folder: Path) -> dict[str, str]:
    """SHA-256 by path; empty when there is no such file."""
    path = folder / CHECKSUMS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def write_checksums(folder: Path, checksums: Mapping[str, str]) -> str:
    """Returns the SHA-256 of the file."""
    lines = [f"{digest}  {name}\n" for name, digest in sorted(checksums.items())]
    draft = folder / f"{CHECKSUMS}.new"
    draft.write_text("".join(lines), encoding="utf-8")
    draft.rename(folder / CHECKSUMS)
    return contents.sha256(folder / CHECKSUMS)


def verify(folder: Path) -> Manifest:
    """The manifest of a complete and undamaged backup that this release can restore; otherwise raises BackupError."""
    manifest = _read(folder)
    if manifest.format != FORMAT or _version(manifest.release) > _version(RELEASE):
        raise BackupError(
            f"The backup is of release {manifest.release}, format {manifest.format}. This is release {RELEASE}, which"
            f" restores backups of this and earlier releases in format {FORMAT}. Restore it with the newer release."
        )
    if not (folder / CHECKSUMS).exists() or contents.sha256(folder / CHECKSUMS) != manifest.checksums:
        raise BackupError(f"The backup is damaged: {CHECKSUMS} does not match {MANIFEST}.")
    for name, digest in read_checksums(folder).items():
        path = folder / name
        if not path.exists() or contents.sha256(path) != digest:
            raise BackupError(f"The backup is damaged: {name} is missing or changed.")
    verify_counts(folder, manifest)
    return manifest


def require_schema(taken: Manifest, target: Mapping[str, int]) -> None:
    """Raises BackupError when the target, which has been migrated, has an older schema than the backup."""
    older = [name for name, version in target.items() if 0 < version < taken.schema[name]]
    if older:
        raise BackupError(
            f"The backup is of a newer release: it has schema versions {dict(taken.schema)}, and this deployment has"
            f" {dict(target)}. Update the deployment first."
        )


def _read(folder: Path) -> Manifest:
    try:
        return Manifest(**json.loads((folder / MANIFEST).read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise BackupError(f"The backup is incomplete: it has no {MANIFEST}.") from None
    except (TypeError, ValueError):
        raise BackupError(f"The backup is damaged, or of a newer release: {MANIFEST} cannot be read.") from None


def verify_counts(folder: Path, manifest: Manifest) -> None:
    """Raises BackupError when the dumps and files are not those that the manifest counts."""
    if mysql.dumped_rows(folder / ACCOUNTS) != manifest.rows:
        raise BackupError("The backup is damaged: the rows in the dump of MySQL are not those that were counted.")
    checksums = read_checksums(folder)
    for name, count in manifest.documents.items():
        database, _, collection = name.partition(".")
        try:
            rows = list(records.read(folder / database / f"{collection}.bson"))
        except InvalidBSON:
            rows = []
        if len(rows) != count:
            raise BackupError(f"The backup is damaged: {name} has {len(rows)} documents instead of {count}.")
        for row in rows if collection == records.FILES else ():
            path = contents.relative_path(database, row["_id"])
            complete = path in checksums and (folder / path).stat().st_size == row["length"]
            if not complete and path not in manifest.damaged:
                raise BackupError(f"The backup is damaged: {path} is missing or has the wrong length.")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
