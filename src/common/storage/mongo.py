"""The connection to MongoDB, its timeouts, and its failures as TransientError."""

import itertools
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import pymongo
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import BulkWriteError, ConnectionFailure, PyMongoError

from common.errors import TransientError
from common.runtime.logs import Sparse
from common.runtime.settings import MongoSettings

log = logging.getLogger(__name__)

Document = dict[str, Any]
Client = MongoClient[Document]
Db = Database[Document]

T = TypeVar("T")

VIDEOS = "videos"
MP3S = "mp3s"
# Documents in a batch.
BATCH = 500
# s between attempts to create the indexes.
_RETRY = 2.0
# In the texts of pymongo's errors.
_ADDED = re.compile(r"\[Errno -?\d+\] | \(configured timeouts: [^)]*\)")


class StorageUnavailable(TransientError):
    """MongoDB does not answer, or not in time."""


def connect(settings: MongoSettings) -> Client:
    """Returns a client that connects on first use; each process needs its own, created after the fork.

    Writes are acknowledged when a majority has them in its journal: they survive a failover, and a `kill -9` of mongod,
    which may otherwise lose the last 100 ms (MongoDB manual, "Journaling"). Reads come from the primary, which has all
    of these writes; see docs/decisions/0027.
    """
    milliseconds = int(settings.mongodb_timeout * 1000)
    return MongoClient(
        settings.mongo_url,
        w="majority",
        journal=True,
        wTimeoutMS=milliseconds,
        readConcernLevel="local",
        readPreference="primary",
        # Once each. With a standalone server, pymongo does not retry writes.
        retryWrites=True,
        retryReads=True,
        connectTimeoutMS=milliseconds,
        serverSelectionTimeoutMS=milliseconds,
        socketTimeoutMS=milliseconds * 2,
        waitQueueTimeoutMS=milliseconds,
        tz_aware=True,
        appname="video2mp3",
        **tls_options(settings),
    )


def tls_options(settings: MongoSettings) -> dict[str, Any]:
    """Options of MongoClient, beside those of the connection string."""
    if settings.mongodb_ca_file is None:
        return {}
    certificate = settings.mongodb_cert_file
    return {
        "tls": True,
        "tlsCAFile": str(settings.mongodb_ca_file),
        **({"tlsCertificateKeyFile": str(certificate)} if certificate else {}),
    }


@contextmanager
def failures() -> Iterator[None]:
    """Raises StorageUnavailable for every failure of MongoDB inside the block."""
    try:
        yield
    except BulkWriteError as error:
        # Its text contains the documents: with those of GridFS, the bytes of users' files.
        details = error.details or {}
        found = [*details.get("writeErrors", []), *details.get("writeConcernErrors", [])]
        texts = dict.fromkeys(str(each.get("errmsg")) for each in found)
        raise StorageUnavailable(f"MongoDB: BulkWriteError: {'; '.join(texts)}") from None
    except ConnectionFailure as error:
        raise StorageUnavailable(f"MongoDB unavailable: {_reason(error)}") from error
    except PyMongoError as error:
        raise StorageUnavailable(f"MongoDB: {type(error).__name__}: {error}") from error


def _reason(error: ConnectionFailure) -> str:
    """Its text without the timeouts and the description of the topology that pymongo adds: hundreds of characters."""
    text = str(error).partition(", Timeout: ")[0]
    return _ADDED.sub("", text) or type(error).__name__


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(itertools.islice(rest, size)):
        yield batch


# MongoDB's time, in pipeline updates and in `$expr`: the clocks of processes that set and compare a time may differ.
NOW = "$$NOW"


def in_seconds(seconds: float) -> Document:
    """That many seconds from now by MongoDB's clock, for pipeline updates."""
    return {"$add": [NOW, int(seconds * 1000)]}


def passed(*fields: str) -> Document:
    """Matches if the latest of these times has passed by MongoDB's clock, or none is set.

    It uses no index: the query must have another condition that does.
    """
    return {"$expr": {"$lt": [{"$max": [f"${field}" for field in fields]}, NOW]}}


def literals(fields: Mapping[str, Any]) -> Document:
    """The fields for a pipeline update, in which a text such as "$5" would be an expression."""
    return {name: {"$literal": value} for name, value in fields.items()}


def incremented(field: str, by: int = 1) -> Document:
    """For pipeline updates."""
    return {"$add": [{"$ifNull": [f"${field}", 0]}, by]}


def older_than(grace: float, field: str) -> Document:
    """Matches documents whose `field` is a time at least `grace` seconds ago by MongoDB's clock."""
    limit = {"$subtract": [NOW, int(grace * 1000)]}
    return {field: {"$type": "date"}, "$expr": {"$lte": [f"${field}", limit]}}


def create_indexes(*create: Callable[[], None]) -> None:
    """Calls these functions in a thread, each again until MongoDB is available."""

    def run() -> None:
        sparse = Sparse(log)
        for step in create:
            while True:
                try:
                    step()
                    break
                except StorageUnavailable as error:
                    sparse.warning("The indexes are not created yet: %s", error)
                    time.sleep(_RETRY)

    threading.Thread(target=run, name="indexes", daemon=True).start()


def ping(client: Client, timeout: float = 3.0) -> Callable[[], None]:
    """Returns a check that MongoDB answers within `timeout` seconds."""

    def check() -> None:
        with failures(), pymongo.timeout(timeout):
            client.admin.command("ping")

    return check
