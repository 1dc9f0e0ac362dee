"""Uploads that may be interrupted: what the collection `uploads` knows until their last byte is there.

Their bytes are GridFS chunks of the video that they become. Any replica can take the next part: the offset and a lock
with a lease are in MongoDB. The lock's token fences: who has lost it can neither move the offset nor finish.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from bson import ObjectId
from pymongo import ReturnDocument

from common.errors import Locked
from common.runtime.clock import now
from common.storage.mongo import Db, Document, failures

# s. A replica that was killed holds its uploads for so long; clients try again for longer than that.
LEASE = 10.0
# Where the video's file keeps the header Upload-Metadata, which clients may ask for after the end of the upload.
HEADER = "upload_metadata"


@dataclass(frozen=True)
class Upload:
    """An unfinished upload as last seen; `id` is the video's."""

    id: ObjectId
    username: str
    filename: str
    length: int
    offset: int
    expires_at: datetime
    options: Mapping[str, Any] = field(default_factory=dict)
    # The header Upload-Metadata as it was sent.
    header: str = ""
    token: str = ""
    # How often it was locked: the bytes of a later request are not an earlier one's to replace.
    turn: int = 0
    # Whether its job is made.
    done: bool = False

    @property
    def expired(self) -> bool:
        """Whether it may not go on."""
        return self.expires_at <= now()

    @property
    def metadata(self) -> dict[str, str]:
        """What the video's file will carry."""
        return {"username": self.username, HEADER: self.header}


class Uploads:
    """The unfinished uploads; every method raises StorageUnavailable when MongoDB does not answer."""

    def __init__(self, db: Db, lifetime: float) -> None:
        self._collection = db["uploads"]
        self._lifetime = timedelta(seconds=lifetime)

    def ensure_indexes(self) -> None:
        """Creates the index of the search for expired uploads."""
        with failures():
            self._collection.create_index([("expires_at", 1)])

    def create(self, username: str, filename: str, length: int, options: Mapping[str, Any], header: str = "") -> Upload:
        """Begins an upload of `length` bytes."""
        document: Document = {
            "_id": ObjectId(), "username": username, "filename": filename, "length": length, "offset": 0,
            "options": dict(options), "header": header, "lock": None,
            "created_at": now(), "expires_at": now() + self._lifetime,
        }  # fmt: skip
        with failures():
            self._collection.insert_one(document)
        return _upload(document)

    def owned(self, upload_id: ObjectId, username: str) -> Upload | None:
        """The user's own upload, expired or not."""
        with failures():
            document = self._collection.find_one({"_id": upload_id, "username": username})
        return _upload(document) if document else None

    def lock(self, upload_id: ObjectId) -> Upload | None:
        """Takes the upload for one request; None when it is gone. Raises Locked while another request has it."""
        token, moment = uuid4().hex, now()
        free = [{"lock": None}, {"lock.until": {"$lt": moment}}]
        with failures():
            document = self._collection.find_one_and_update(
                {"_id": upload_id, "$or": free},
                {
                    "$set": {"lock": {"token": token, "until": moment + timedelta(seconds=LEASE)}},
                    "$inc": {"turn": 1},
                },
                return_document=ReturnDocument.AFTER,
            )
            if document is None and self._collection.find_one({"_id": upload_id}, {"_id": 1}):
                raise Locked("Another request is sending this upload. Try again in a few seconds.")
        return _upload(document, token) if document else None

    def advance(self, upload: Upload, offset: int, *, release: bool = False) -> None:
        """Notes that `offset` bytes are stored, renews or releases the lock; raises Locked when it was lost."""
        until = now() + timedelta(seconds=LEASE)
        change: Document = {"offset": offset, "expires_at": now() + self._lifetime, "lock.until": until}
        if release:
            del change["lock.until"]
            change["lock"] = None
        with failures():
            result = self._collection.update_one({"_id": upload.id, "lock.token": upload.token}, {"$set": change})
        if result.matched_count == 0:
            raise Locked("Another request has taken this upload over. Ask where it is and go on from there.")

    def release(self, upload: Upload) -> None:
        """Gives the lock back, if it is still ours."""
        with failures():
            self._collection.update_one({"_id": upload.id, "lock.token": upload.token}, {"$set": {"lock": None}})

    def expiry(self) -> datetime:
        """When an upload expires that gets a part now."""
        return now() + self._lifetime

    def exists(self, upload_id: ObjectId) -> bool:
        """Whether there is such an unfinished upload."""
        with failures():
            return self._collection.find_one({"_id": upload_id}, {"_id": 1}) is not None

    def forget(self, upload: Upload) -> bool:
        """Removes what is known, if the lock is still ours; tells whether it was. The chunks are the caller's."""
        with failures():
            return self._collection.delete_one({"_id": upload.id, "lock.token": upload.token}).deleted_count == 1

    def complete(self, grace: float) -> list[Upload]:
        """Those that have all their bytes, but whose request ended `grace` seconds ago before it made the job."""
        whole = {"$expr": {"$eq": ["$offset", "$length"]}, "expires_at": {"$lt": now() + self._lifetime - _s(grace)}}
        with failures():
            return [_upload(row) for row in self._collection.find(whole)]

    def expired(self) -> list[ObjectId]:
        """Those that nobody may continue."""
        with failures():
            return [row["_id"] for row in self._collection.find(self._abandoned(), {"_id": 1})]

    def forget_expired(self, upload_id: ObjectId) -> bool:
        """Removes what is known, unless somebody went on with it meanwhile; tells whether it did."""
        free = [{"lock": None}, {"lock.until": {"$lt": now()}}]
        with failures():
            return self._collection.delete_one({"_id": upload_id, **self._abandoned(), "$or": free}).deleted_count == 1

    @staticmethod
    def _abandoned() -> Document:
        # What has all its bytes is a job, or about to become one.
        return {"expires_at": {"$lte": now()}, "$expr": {"$lt": ["$offset", "$length"]}}


def _s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def _upload(document: Mapping[str, Any], lock: str | None = None) -> Upload:
    return Upload(
        id=document["_id"],
        username=document["username"],
        filename=document["filename"],
        length=document["length"],
        offset=document["offset"],
        expires_at=document["expires_at"],
        options=document.get("options") or {},
        header=document.get("header") or "",
        token=lock or "",
        turn=document.get("turn", 0),
    )
