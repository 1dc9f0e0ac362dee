"""The collections of a database as files of BSON, in the format of mongodump: mongorestore and bsondump read them."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import bson
from bson import json_util
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database

from common.storage.mongo import BATCH, Db, Document, batches, failures

# Not decoded, so that a document is stored and restored byte by byte, whatever wrote it.
_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)
FILES = "fs.files"
JOBS = "jobs"
# The contents of files are copied apart. Uploads in progress are not accepted yet, and have no complete content.
_LEFT_OUT = ("fs.chunks", "uploads")


def dump(db: Db, folder: Path, session: ClientSession) -> dict[str, int]:
    """Writes all collections as they are in the session's snapshot; returns their numbers of documents.

    Raises StorageUnavailable.
    """
    counts = {}
    for old in [*folder.glob("*.bson"), *folder.glob("*.metadata.json")]:
        old.unlink()
    with failures():
        for name, options in sorted(_collections(db)):
            indexes = [dict(index) for index in db[name].list_indexes()]
            # As mongodump writes it.
            metadata = {"options": options, "indexes": indexes, "collectionName": name, "type": "collection"}
            (folder / f"{name}.metadata.json").write_text(json_util.dumps(metadata), encoding="utf-8")
            if name not in _LEFT_OUT:
                rows = _raw(db)[name].find({}, session=session).sort("_id", 1).batch_size(BATCH)
                counts[name] = _write(folder / f"{name}.bson", rows)
    return counts


def _collections(db: Db) -> list[tuple[str, Document]]:
    found = db.list_collections(filter={"type": "collection"})
    return [(info["name"], info["options"]) for info in found if not info["name"].startswith("system.")]


def _write(path: Path, rows: Iterable[RawBSONDocument]) -> int:
    count = 0
    with path.open("wb") as file:
        for row in rows:
            file.write(row.raw)
            count += 1
    return count


def read(path: Path) -> Iterator[RawBSONDocument]:
    """A dumped collection; none if there was no such collection. Raises bson.errors.InvalidBSON for a damaged file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        yield from bson.decode_file_iter(file, _RAW)


def names(folder: Path) -> list[str]:
    """The dumped collections in the order in which they are loaded.

    Jobs come last: housekeeping, which may be running, must not publish a job whose files are not loaded yet.
    """
    return sorted(
        (path.name.removesuffix(".bson") for path in folder.glob("*.bson")), key=lambda name: (name == JOBS, name)
    )


def clear(db: Db, folder: Path) -> None:
    """Drops all collections and creates those of the dump, empty and with their indexes; raises StorageUnavailable."""
    with failures():
        for name, _ in _collections(db):
            db.drop_collection(name)
        for path in folder.glob("*.metadata.json"):
            metadata: Document = json_util.loads(path.read_text(encoding="utf-8"))
            collection = db.create_collection(metadata["collectionName"], **metadata["options"])
            for index in metadata["indexes"]:
                options = {key: value for key, value in index.items() if key not in {"key", "v", "ns"}}
                if options["name"] != "_id_":
                    collection.create_index(list(index["key"].items()), **options)


def load(db: Db, path: Path) -> int:
    """Inserts a dumped collection; returns its number of documents. Raises StorageUnavailable."""
    collection = _raw(db)[path.name.removesuffix(".bson")]
    count = 0
    with failures():
        for rows in batches(read(path)):
            # Raises an error unless all are inserted; `inserted_ids` of its result lacks undecoded documents.
            collection.insert_many(rows, ordered=False)
            count += len(rows)
    return count


def is_empty(db: Db) -> bool:
    """Whether there are neither jobs nor files, not even the first part of an upload; raises StorageUnavailable."""
    with failures():
        return all(db[name].find_one({}, {"_id": 1}) is None for name in (JOBS, FILES, *_LEFT_OUT))


def schema_version(db: Db) -> int:
    """The last step of `gateway.migrations`; 0 before the first one. Raises StorageUnavailable."""
    with failures():
        last = db["migrations"].find_one({"_id": {"$type": "number"}}, sort=[("_id", -1)])
    return int(last["_id"]) if last else 0


def _raw(db: Db) -> Database[RawBSONDocument]:
    return db.with_options(codec_options=_RAW)
