"""The collection `uploads`: resumable uploads, until their last byte is stored.

The bytes themselves are GridFS chunks of the video. Any replica can receive the next part, because the offset and a
lock with a lease, which expires by MongoDB's clock, are in MongoDB. The lock's token is a fencing token: a request that
has lost the lock can neither move the offset nor complete the upload.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from bson import ObjectId
from pymongo import ReturnDocument

from common.domain.owners import Owner
from common.domain.quotas import Amounts
from common.errors import Locked
from common.runtime.clock import now
from common.storage.mongo import NOW, Db, Document, failures, in_seconds, incremented, passed

# s. The uploads of a replica that was killed stay locked for this long; clients retry for longer than that.
LEASE = 10.0
# The field of the video's metadata with the header Upload-Metadata, which HEAD returns after the upload too.
HEADER = "upload_metadata"
LOCK_LOST = "Another request is writing to this upload. Get the current offset with HEAD, then resume."


@dataclass(frozen=True)
class Upload:
    """An upload as last seen; `id` is the video's."""

    id: ObjectId
    username: str
    filename: str
    length: int
    offset: int
    expires_at: datetime
    options: Mapping[str, Any] = field(default_factory=dict)
    # The header Upload-Metadata as it was sent.
    header: str = ""
    # Of the lock; empty when this request does not hold it.
    token: str = ""
    # How often the upload was locked: an earlier request must not replace the bytes of a later one.
    turn: int = 0
    # The day (YYYY-MM-DD) on which it was added to the account's usage; None for those of earlier releases.
    charged: str | None = None
    # Whether it has its job.
    done: bool = False
    # The id of its owner's account; None for those of releases that did not store it: see `owners`.
    account: str | None = None

    @property
    def expired(self) -> bool:
        return self.expires_at <= now()

    @property
    def owner(self) -> str:
        """The key of its account."""
        return self.account or self.username

    @property
    def cost(self) -> Amounts:
        """What it has added to the account's usage."""
        return replace(Amounts.of_upload(self.length), unfinished=1) if self.charged else Amounts()

    @property
    def metadata(self) -> dict[str, str | None]:
        return {"username": self.username, "account": self.account, HEADER: self.header}


class UploadRepository:
    """Every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db, lifetime: float) -> None:
        """An upload expires `lifetime` seconds after its last part."""
        self._collection = db["uploads"]
        self._lifetime = timedelta(seconds=lifetime)

    def ensure_indexes(self) -> None:
        with failures():
            self._collection.create_index([("expires_at", 1)])
            self._collection.create_index([("account", 1)])
            # For uploads of earlier releases, which have no account: see `owners`.
            self._collection.create_index([("username", 1), ("account", 1), ("_id", 1)])
            self._collection.create_index([("owner", 1)])

    def create(
        self,
        username: str,
        filename: str,
        length: int,
        options: Mapping[str, Any],
        header: str = "",
        *,
        account: str | None = None,
        charged: str | None = None,
    ) -> Upload:
        """`charged` is the day on which it was added to the account's usage, if it was."""
        document: Document = {
            "_id": ObjectId(), "username": username, "account": account, "owner": account or username,
            "filename": filename, "length": length, "offset": 0, "options": dict(options), "header": header,
            "lock": None, "charged": charged,
            "created_at": now(), "expires_at": now() + self._lifetime,
        }  # fmt: skip
        with failures():
            self._collection.insert_one(document)
        return _upload(document)

    def owned(self, upload_id: ObjectId, owner: Owner) -> Upload | None:
        """The account's own upload, expired or not."""
        with failures():
            document = self._collection.find_one({"_id": upload_id})
        upload = _upload(document) if document else None
        return upload if upload and owner.owns(upload.id, upload.account, upload.username) else None

    def exists(self, upload_id: ObjectId) -> bool:
        with failures():
            return self._collection.find_one({"_id": upload_id}, {"_id": 1}) is not None

    def lock(self, upload_id: ObjectId) -> Upload | None:
        """Locks the upload for one request; None when it does not exist. Raises Locked while another has the lock."""
        token = uuid4().hex
        change = {"lock": {"token": token, "until": in_seconds(LEASE)}, "turn": incremented("turn")}
        with failures():
            document = self._collection.find_one_and_update(
                {"_id": upload_id, **_unlocked()}, [{"$set": change}], return_document=ReturnDocument.AFTER
            )
        if document is None and self.exists(upload_id):
            raise Locked("Another request is writing to this upload. Try again in a few seconds.")
        return _upload(document, token) if document else None

    def advance(self, upload: Upload, offset: int, *, release: bool = False) -> None:
        """Records that `offset` bytes are stored, and renews or releases the lock; raises Locked when it was lost."""
        lock = {"lock": None} if release else {"lock.until": in_seconds(LEASE)}
        change: Document = {"offset": offset, "expires_at": in_seconds(self._lifetime.total_seconds()), **lock}
        with failures():
            result = self._collection.update_one(_locked(upload), [{"$set": change}])
        if result.matched_count == 0:
            raise Locked(LOCK_LOST)

    def release(self, upload: Upload) -> None:
        """Releases the lock if `upload` still has it."""
        with failures():
            self._collection.update_one(_locked(upload), {"$set": {"lock": None}})

    def delete(self, upload: Upload) -> bool:
        """Deletes the record, not the chunks; False when the lock was lost."""
        with failures():
            return self._collection.delete_one(_locked(upload)).deleted_count == 1

    def ids(self, owner: Owner) -> list[ObjectId]:
        """The account's uploads."""
        with failures():
            return [row["_id"] for row in self._collection.find(owner.records, {"_id": 1})]

    def delete_all(self, upload_ids: Sequence[ObjectId]) -> None:
        """Deletes the records, not the chunks. A request that is writing to one of the uploads has lost its lock then.

        Call `OrphanedChunks.expect` before you delete a record: nothing else names the chunks.
        """
        with failures():
            self._collection.delete_many({"_id": {"$in": list(upload_ids)}})

    def expiry(self) -> datetime:
        """When an upload expires that receives a part now."""
        return now() + self._lifetime

    def complete(self, grace: float) -> list[Upload]:
        """Uploads that have all bytes but no job yet, `grace` seconds after the last part."""
        before = now() + self._lifetime - timedelta(seconds=grace)
        query = {"$expr": {"$eq": ["$offset", "$length"]}, "expires_at": {"$lt": before}}
        with failures():
            return [_upload(row) for row in self._collection.find(query)]

    def expired(self) -> list[ObjectId]:
        with failures():
            # By this process's clock too, which can use the index; `delete_expired` decides.
            due = {"expires_at": {"$lte": now()}, **_expired()}
            return [row["_id"] for row in self._collection.find(due, {"_id": 1})]

    def delete_expired(self, upload_id: ObjectId) -> Upload | None:
        """Deletes the record, not the chunks, and returns it; None when a request has continued the upload."""
        with failures():
            document = self._collection.find_one_and_delete({"_id": upload_id, **_expired(), **_unlocked()})
        return _upload(document) if document else None

    def reserved(self, owner: str) -> tuple[int, int]:
        """Bytes and number of the account's uploads that were added to its usage."""
        match = {"owner": owner, "charged": {"$ne": None}}
        group = {"_id": None, "bytes": {"$sum": "$length"}, "number": {"$sum": 1}}
        with failures():
            found = list(self._collection.aggregate([{"$match": match}, {"$group": group}]))
        return (int(found[0]["bytes"]), int(found[0]["number"])) if found else (0, 0)


def _locked(upload: Upload) -> Document:
    return {"_id": upload.id, "lock.token": upload.token}


def _unlocked() -> Document:
    return {"$or": [{"lock": None}, passed("lock.until")]}


def _expired() -> Document:
    # An upload that has all its bytes does not expire: it is about to become a job.
    return {"$expr": {"$and": [{"$lt": ["$offset", "$length"]}, {"$lte": ["$expires_at", NOW]}]}}


def _upload(document: Mapping[str, Any], token: str | None = None) -> Upload:
    return Upload(
        id=document["_id"],
        username=document["username"],
        filename=document["filename"],
        length=document["length"],
        offset=document["offset"],
        expires_at=document["expires_at"],
        options=document.get("options") or {},
        header=document.get("header") or "",
        token=token or "",
        turn=document.get("turn", 0),
        account=document.get("account"),
        charged=document.get("charged"),
    )
