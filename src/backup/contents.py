"""The contents of GridFS files as ordinary files, which are copied once: a stored file never changes."""

import contextlib
import hashlib
import itertools
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import bson
from bson import ObjectId
from bson.raw_bson import RawBSONDocument

from backup.programs import BackupError
from common.storage.bucket import Bucket, DamagedFile
from common.storage.mongo import Db, Document, failures
from common.storage.writer import MARKER

log = logging.getLogger(__name__)

# The folder of the contents, in that of a database.
CONTENTS = "files"
# s between two lines about the progress.
_REPORT_EVERY = 10.0
# Chunks that are inserted at once: 8 MB.
_INSERT = 32


def relative_path(database: str, file_id: object) -> str:
    """Where the content of a file is in a backup. Files of other software may have ids of any type."""
    name = str(file_id) if isinstance(file_id, ObjectId) else hashlib.sha256(bson.encode({"_id": file_id})).hexdigest()
    return f"{database}/{CONTENTS}/{name}"


@dataclass
class Progress:
    """Logs how many files are done, at most every _REPORT_EVERY seconds."""

    what: str
    total: int
    done: int = 0
    size: int = 0
    _next: float = field(default_factory=lambda: time.monotonic() + _REPORT_EVERY)

    def add(self, size: int) -> None:
        self.done += 1
        self.size += size
        if time.monotonic() >= self._next or self.done == self.total:
            self._next = time.monotonic() + _REPORT_EVERY
            log.info("%s: %d of %d files, %.1f MB", self.what, self.done, self.total, self.size / 1e6)


@dataclass(frozen=True)
class Copied:
    """Ids of files that were deleted meanwhile, and paths of those that are damaged in the database."""

    deleted: list[object]
    damaged: list[str]


def copy(
    bucket: Bucket, database: str, records: Sequence[RawBSONDocument], folder: Path, checksums: dict[str, str]
) -> Copied:
    """Copies the contents of these files that the folder lacks, and adds their checksums.

    Raises StorageUnavailable.
    """
    result = Copied([], [])
    new = [record for record in records if not _is_copied(folder, database, record, checksums)]
    progress = Progress(f"Copying new files of {database}", len(new))
    for record in new:
        path = relative_path(database, record["_id"])
        found = bucket.find(record["_id"])
        if found is None:
            result.deleted.append(record["_id"])
            continue
        try:
            checksums[path] = _write(folder / path, bucket.read(found))
        except DamagedFile:
            # Its record is deleted before its chunks.
            if bucket.find(record["_id"]) is None:
                result.deleted.append(record["_id"])
            else:
                result.damaged.append(path)
                log.error("File %s of %s is damaged: its content is not in the backup.", found.id, database)  # noqa: TRY400
        else:
            progress.add(found.length)
    return result


def _is_copied(folder: Path, database: str, record: RawBSONDocument, checksums: dict[str, str]) -> bool:
    path = relative_path(database, record["_id"])
    copied = folder / path
    if not copied.exists() or copied.stat().st_size != record["length"]:
        return False
    if path not in checksums:
        # Copied by a run that was interrupted.
        checksums[path] = sha256(copied)
    return True


def _write(path: Path, blocks: Iterator[bytes]) -> str:
    """Writes a whole file or none; returns its SHA-256."""
    digest = hashlib.sha256()
    draft = path.with_suffix(".part")
    with draft.open("wb") as file:
        for block in blocks:
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    return digest.hexdigest()


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(db: Db, database: str, records: Sequence[RawBSONDocument], folder: Path) -> None:
    """Inserts the contents of these files as chunks; raises StorageUnavailable."""
    progress = Progress(f"Restoring files of {database}", len(records))
    for record in records:
        chunks = _chunks(record, folder / relative_path(database, record["_id"]))
        with failures():
            while some := list(itertools.islice(chunks, _INSERT)):
                db["fs.chunks"].insert_many(some, ordered=False)
        progress.add(record["length"])


def verify(db: Db, database: str, records: Sequence[RawBSONDocument], checksums: Mapping[str, str]) -> None:
    """Reads restored files; raises BackupError when one differs from the backup, and StorageUnavailable."""
    bucket = Bucket(db)
    progress = Progress(f"Checking restored files of {database}", len(records))
    for record in records:
        found = bucket.find(record["_id"])
        digest = hashlib.sha256()
        with contextlib.suppress(DamagedFile):
            for block in bucket.read(found) if found else ():
                digest.update(block)
        if digest.hexdigest() != checksums[relative_path(database, record["_id"])]:
            raise BackupError(f"The restored file {record['_id']} of {database} differs from the backup.")
        progress.add(record["length"])


def _chunks(record: RawBSONDocument, path: Path) -> Iterator[Document]:
    metadata = record.get("metadata")
    ours = isinstance(metadata, Mapping) and all(metadata.get(name) == value for name, value in MARKER.items())
    marks = MARKER if ours else {}
    with path.open("rb") as file:
        blocks = iter(lambda: file.read(record["chunkSize"]), b"")
        for number, data in enumerate(blocks):
            yield {"files_id": record["_id"], "n": number, "data": data, **marks}
