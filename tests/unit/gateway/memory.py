"""Stands in for MongoDB and RabbitMQ where a test is about the gateway's own rules.

The collections understand the operators that the repositories of jobs, summaries and uploads use, and fail for all
others. What MongoDB does about them (indexes, concurrent updates) is in tests/integration.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from bson import ObjectId
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from common.domain.jobs import NOTIFIED, Job
from common.domain.outbox import Outbox
from common.domain.owners import Owner
from common.domain.quotas import Amounts, Quotas
from common.messaging.connection import BrokerUnavailable
from common.messaging.message import Envelope
from common.messaging.publisher import QueueState
from common.storage.bucket import StoredFile
from common.storage.suspected_chunks import ChunkGroup
from common.storage.suspected_files import OwnFile
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings

OWNER = "owner@example.com"
OPERATORS = {
    "$in": lambda value, expected: value in expected,
    "$ne": lambda value, expected: value != expected,
    "$lt": lambda value, expected: value is not None and value < expected,
    "$lte": lambda value, expected: value is not None and value <= expected,
    "$gt": lambda value, expected: value is not None and value > expected,
    "$gte": lambda value, expected: value is not None and value >= expected,
    "$not": lambda value, expected: not fulfils(value, expected),
    "$exists": lambda value, expected: (value is not None) == expected,
}


# Null is less than everything else.
EXPRESSIONS: Mapping[str, Callable[..., Any]] = {
    "$eq": lambda left, right: left == right,
    "$lt": lambda left, right: right is not None and (left is None or left < right),
    "$lte": lambda left, right: left is None or (right is not None and left <= right),
    "$and": lambda *parts: all(parts),
    "$ifNull": lambda value, default: default if value is None else value,
    "$max": lambda *values: max((value for value in values if value is not None), default=None),
    "$add": lambda left, right: left + timedelta(milliseconds=right) if isinstance(left, datetime) else left + right,
}


def server_time() -> datetime:
    """The clock of the database, which no test shifts."""
    return datetime.now(UTC)


def evaluate(expression: Any, document: Mapping[str, Any]) -> Any:
    """An aggregation expression."""
    if expression == "$$NOW":
        return server_time()
    if isinstance(expression, str) and expression.startswith("$"):
        return field(document, expression[1:])
    if not isinstance(expression, dict):
        return expression
    (name, operand), *more = expression.items()
    if not name.startswith("$"):
        return {name: evaluate(value, document) for name, value in expression.items()}
    assert more == []
    if name == "$literal":
        return operand
    return EXPRESSIONS[name](*(evaluate(value, document) for value in operand))


def fulfils(value: object, condition: object) -> bool:
    if isinstance(condition, dict):
        return all(OPERATORS[name](value, expected) for name, expected in condition.items())
    return value == condition


def matches(document: Mapping[str, Any], query: Mapping[str, Any]) -> bool:
    for name, condition in query.items():
        if name == "$or":
            found = any(matches(document, part) for part in condition)
        elif name == "$and":
            found = all(matches(document, part) for part in condition)
        elif name == "$expr":
            found = evaluate(condition, document)
        else:
            found = fulfils(field(document, name), condition)
        if not found:
            return False
    return True


def field(document: Mapping[str, Any], name: str) -> Any:
    value: Any = document
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


class Rows(list[dict[str, Any]]):
    """The result of a query."""

    def sort(self, name: str, direction: int) -> "Rows":  # type: ignore[override]
        return Rows(sorted(self, key=lambda row: row[name], reverse=direction < 0))

    def limit(self, number: int) -> "Rows":
        return Rows(self[:number])

    def batch_size(self, _number: int) -> "Rows":
        return self


class Collection:
    def __init__(self) -> None:
        self.documents: dict[ObjectId, dict[str, Any]] = {}

    def find(self, query: Mapping[str, Any], _fields: object = None) -> Rows:
        return Rows(dict(document) for document in self.documents.values() if matches(document, query))

    def distinct(self, name: str, query: Mapping[str, Any]) -> list[Any]:
        return list(dict.fromkeys(field(document, name) for document in self.find(query)))

    def count_documents(self, query: Mapping[str, Any], limit: int) -> int:
        return len(self.find(query).limit(limit))

    def find_one(self, query: Mapping[str, Any], _fields: object = None) -> dict[str, Any] | None:
        return next(iter(self.find(query)), None)

    def estimated_document_count(self) -> int:
        return len(self.documents)

    def insert_one(self, document: dict[str, Any]) -> None:
        assert document["_id"] not in self.documents
        self.documents[document["_id"]] = dict(document)

    def replace_one(self, query: Mapping[str, Any], document: Mapping[str, Any], *, upsert: bool) -> None:
        assert upsert
        self.documents[query["_id"]] = {**query, **document}

    def find_one_and_update(
        self,
        query: Mapping[str, Any],
        change: Any,
        *,
        upsert: bool = False,
        return_document: bool = ReturnDocument.BEFORE,
        **_: object,
    ) -> dict[str, Any] | None:
        found = self.find_one(query)
        self.update_one(query, change, upsert=upsert)
        if return_document == ReturnDocument.BEFORE:
            return found
        return dict(self.documents[found["_id"] if found else query["_id"]]) if found or upsert else None

    def update_one(self, query: Mapping[str, Any], change: Any, *, upsert: bool = False) -> Any:
        found = self.find_one(query)
        if isinstance(change, list):
            if found is not None:
                self._run_pipeline(self.documents[found["_id"]], change)
            return SimpleNamespace(matched_count=int(found is not None))
        assert change.keys() <= {"$set", "$inc", "$max", "$unset", "$setOnInsert", "$currentDate"}
        if found is None and upsert:
            if query["_id"] in self.documents:
                raise DuplicateKeyError("_id")
            self.documents[query["_id"]] = {"_id": query["_id"], **change.get("$setOnInsert", {})}
        if found is not None or upsert:
            self._change(self.documents[found["_id"] if found else query["_id"]], change)
        return SimpleNamespace(matched_count=int(found is not None))

    def update_many(self, query: Mapping[str, Any], change: Any) -> Any:
        found = self.find(query)
        for row in found:
            if isinstance(change, list):
                self._run_pipeline(self.documents[row["_id"]], change)
            else:
                self._change(self.documents[row["_id"]], change)
        return SimpleNamespace(matched_count=len(found), modified_count=len(found))

    def _run_pipeline(self, document: dict[str, Any], stages: list[dict[str, Any]]) -> None:
        for stage in stages:
            if "$unset" in stage:
                self._change(document, {"$unset": {stage["$unset"]: ""}})
            else:
                self._change(document, {"$set": {n: evaluate(value, document) for n, value in stage["$set"].items()}})

    def _change(self, document: dict[str, Any], change: Mapping[str, Any]) -> None:
        for name, value in change.get("$set", {}).items():
            parent, _, last = name.rpartition(".")
            (document[parent] if parent else document)[last] = value
        for name, value in change.get("$inc", {}).items():
            document[name] = document.get(name, 0) + value
        for name, value in change.get("$max", {}).items():
            document[name] = max(document.get(name, value), value)
        document.update(dict.fromkeys(change.get("$currentDate", {}), server_time()))
        for name in change.get("$unset", {}):
            document.pop(name, None)

    def delete_one(self, query: Mapping[str, Any]) -> Any:
        found = self.find_one(query)
        if found is not None:
            del self.documents[found["_id"]]
        return SimpleNamespace(deleted_count=int(found is not None))

    def find_one_and_delete(self, query: Mapping[str, Any]) -> dict[str, Any] | None:
        found = self.find_one(query)
        if found is not None:
            del self.documents[found["_id"]]
        return found

    def delete_many(self, query: Mapping[str, Any]) -> Any:
        found = self.find(query)
        for row in found:
            del self.documents[row["_id"]]
        return SimpleNamespace(deleted_count=len(found))


class Database(dict[str, Collection]):
    def __missing__(self, name: str) -> Collection:
        self[name] = Collection()
        return self[name]


class Bucket:
    """The files and chunks of one database, without their bytes; also the suspicions about them."""

    def __init__(self) -> None:
        self.files: dict[ObjectId, OwnFile] = {}
        self.chunks: set[ObjectId] = set()
        self.suspected_chunks: set[ObjectId] = set()
        self.kept_chunks: set[ObjectId] = set()
        self.orphans = Orphans(self)
        self.orphaned_chunks = OrphanedChunks(self)

    def put(self, video_fid: ObjectId | None = None) -> ObjectId:
        fid = ObjectId()
        self.files[fid] = OwnFile(fid, video_fid, had_job=False, reason=None, since=None)
        self.chunks.add(fid)
        return fid

    def find(self, fid: ObjectId) -> StoredFile | None:
        return StoredFile(fid, "talk", 1, 1, datetime.now(UTC), {}) if fid in self.files else None

    def publish(self, fid: ObjectId, *_: object) -> None:
        self.files.setdefault(fid, OwnFile(fid, None, had_job=False, reason=None, since=None))

    def accept(self, *fids: ObjectId) -> bool:
        for fid in self.files.keys() & set(fids):
            self.files[fid] = replace(self.files[fid], had_job=True, reason=None)
        return self.files.keys() >= set(fids)

    def ids_of_video(self, *video_fids: ObjectId) -> list[ObjectId]:
        return [file.id for file in self.files.values() if file.video_fid in video_fids]

    def delete(self, *fids: ObjectId) -> None:
        for fid in fids:
            self.files.pop(fid, None)
            self.chunks.discard(fid)


class Orphans:
    """`common.storage.suspected_files`, for an ORPHAN_GRACE of 0."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def ours_between(self, _since: datetime, _before: datetime) -> Iterator[list[OwnFile]]:
        yield list(self._bucket.files.values())

    def ours_among(self, ids: Sequence[ObjectId], _before: datetime) -> list[OwnFile]:
        return [self._bucket.files[fid] for fid in ids if fid in self._bucket.files]

    def ours_of_videos(self, video_fids: Sequence[ObjectId], _before: datetime) -> list[OwnFile]:
        return [file for file in self._bucket.files.values() if file.video_fid in video_fids]

    def ids_after(self, after: ObjectId, _before: datetime, limit: int) -> list[ObjectId]:
        return sorted(fid for fid in self._bucket.files if fid > after)[:limit]

    def suspect(self, reason: str | None, files: Iterable[OwnFile]) -> int:
        unchanged = [file for file in files if self._bucket.files.get(file.id) == file]
        for file in unchanged:
            self._bucket.files[file.id] = replace(file, reason=reason)
        return len(unchanged)

    def count(self, reasons: Iterable[str], _grace: float = 0) -> int:
        return len(self.due(reasons))

    def due(self, reasons: Iterable[str], _grace: float = 0, limit: int = 500) -> list[OwnFile]:
        return [file for file in self._bucket.files.values() if file.reason in set(reasons)][:limit]

    def delete(self, file: OwnFile) -> bool:
        if self._bucket.files.get(file.id) != file:
            return False
        self._bucket.delete(file.id)
        return True


class OrphanedChunks:
    """`common.storage.suspected_chunks`, for an ORPHAN_GRACE of 0."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def _groups(self, fids: Iterable[ObjectId]) -> list[ChunkGroup]:
        return [ChunkGroup(fid, fid, ours=True) for fid in fids]

    def between(self, _since: datetime, _before: datetime) -> Iterator[list[ChunkGroup]]:
        yield self.without_file(list(self._bucket.chunks))

    def ids_beside(self, file_ids: Sequence[ObjectId], after: ObjectId, until: ObjectId, limit: int) -> list[ObjectId]:
        return sorted(fid for fid in self._bucket.chunks - set(file_ids) if after < fid <= until)[:limit]

    def without_file(self, fids: Sequence[ObjectId]) -> list[ChunkGroup]:
        return self._groups((self._bucket.chunks & set(fids)) - self._bucket.files.keys())

    def expect(self, fids: Sequence[ObjectId]) -> None:
        self._bucket.suspected_chunks |= set(fids)

    def keep(self, groups: Iterable[ChunkGroup]) -> None:
        self._bucket.kept_chunks |= {group.file_id for group in groups}
        self._bucket.suspected_chunks -= self._bucket.kept_chunks

    def kept(self, limit: int) -> list[ChunkGroup]:
        return self._groups(self._bucket.kept_chunks)[:limit]

    def count_kept(self) -> int:
        return len(self._bucket.kept_chunks)

    def suspect(self, groups: Iterable[ChunkGroup]) -> int:
        new = {group.file_id for group in groups} - self._bucket.suspected_chunks
        self._bucket.suspected_chunks |= new
        self._bucket.kept_chunks -= new
        return len(new)

    def due(self, _: float) -> Iterator[list[ChunkGroup]]:
        yield self._groups(self._bucket.suspected_chunks)

    def acquit(self, groups: Sequence[ChunkGroup]) -> None:
        for suspected in (self._bucket.suspected_chunks, self._bucket.kept_chunks):
            suspected -= {group.file_id for group in groups}

    def delete(self, group: ChunkGroup) -> None:
        self._bucket.chunks.discard(group.file_id)
        self.acquit([group])


class Publisher:
    def __init__(self) -> None:
        self.published: list[tuple[str, Envelope]] = []
        self.available = True

    def check(self) -> None:
        if not self.available:
            raise BrokerUnavailable("RabbitMQ is down")

    def publish(self, queue: str, message: Envelope) -> None:
        self.check()
        self.published.append((queue, message))

    def state(self, _queue: str) -> QueueState:
        if not self.available:
            raise BrokerUnavailable("RabbitMQ is down")
        return QueueState(ready=0, consumers=0)

    def known_state(self, queue: str) -> QueueState | None:
        # As RabbitMQ, for the gateway's user.
        return self.state(queue) if queue == "video" or queue.endswith(".dead") else None


class Unused:
    """The usage of an account that has done nothing."""

    def open(self, _owner: Owner) -> None:
        pass

    def used(self, _owner: str) -> Amounts:
        return Amounts()

    def quotas(self, _owner: str, defaults: Quotas) -> Quotas:
        return defaults


class World:
    """A store with its databases, and an outbox."""

    def __init__(self) -> None:
        self.db: Any = Database()
        self.videos: Any = Bucket()
        self.mp3s: Any = Bucket()
        in_database = Store.in_databases(self.db, Database())  # type: ignore[arg-type]
        self.store = replace(in_database, videos=self.videos, mp3s=self.mp3s)
        self.publisher: Any = Publisher()
        self.outbox = Outbox(settings(), self.store.jobs, self.store.summaries, self.publisher)

    @property
    def jobs(self) -> dict[ObjectId, dict[str, Any]]:
        return self.db["jobs"].documents  # type: ignore[no-any-return]

    def job(self, **changes: object) -> Job:
        """A queued job with its video, which does not wait for its turn, changed in the database."""
        fid = self.videos.put()
        self.store.jobs.create(fid, OWNER, "talk.mp4", {})
        self.videos.accept(fid)
        self.jobs[fid].update({"waiting": False, **changes})
        return self.reloaded(fid)

    def completed(self, **changes: object) -> Job:
        """A completed job with its files, whose owner was notified."""
        fid = self.job().video_fid
        done = {"status": "completed", "mp3_fid": self.mp3s.put(fid), "published": True, "notice_sent": True}
        self.jobs[fid].update({**done, NOTIFIED: True, **changes})
        return self.reloaded(fid)

    def reloaded(self, fid: ObjectId) -> Job:
        job = self.store.jobs.get(fid)
        assert job is not None
        return job


def ago(**units: float) -> datetime:
    return datetime.now(UTC) - timedelta(**units)


def settings(**changes: object) -> HousekeepingSettings:
    """Without any grace."""
    values: dict[str, Any] = {
        "mongo_uri": "mongodb://127.0.0.1",
        "rabbitmq_uri": "amqp://127.0.0.1",
        "auth_svc_address": "127.0.0.1:9",
        "summary_queue": "summary",
        "publish_grace": 0,
        "orphan_grace": 0,
    }
    return HousekeepingSettings(**{**values, **changes})
