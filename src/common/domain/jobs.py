"""The job: the one source of truth about a conversion.

queued → converting → completed | failed; a deleted job leaves a tombstone for a week, so that messages about it are
recognised.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bson import ObjectId

from common.domain.open_enums import OpenStrEnum
from common.domain.originals import Original
from common.domain.results import Result
from common.errors import Failure
from common.runtime.clock import iso
from common.storage.mongo import Document

# The error text of a job that its owner cancelled.
CANCELLED = "Cancelled by you."


class Status(OpenStrEnum):
    """An unknown one counts as in progress; its owner can delete the job, and nothing else changes it."""

    QUEUED = "queued"
    CONVERTING = "converting"
    COMPLETED = "completed"
    FAILED = "failed"
    DELETED = "deleted"

    @property
    def terminal(self) -> bool:
        return self in (Status.COMPLETED, Status.FAILED, Status.DELETED)


# The stored name of `Job.notified`, as in the first release: workers of two releases run together during an update.
NOTIFIED = "told"
# The states of jobs that have not ended.
UNDER_WAY = [Status.QUEUED.value, Status.CONVERTING.value]
ENDED = [Status.COMPLETED.value, Status.FAILED.value]


@dataclass(frozen=True)
class Job:
    """A conversion as last seen."""

    video_fid: ObjectId
    username: str
    filename: str
    status: Status
    progress: int
    mp3_fid: ObjectId | None
    error: str | None
    created_at: datetime
    updated_at: datetime
    error_code: Failure | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    # The key of the account whose turns it takes (common.domain.scheduling).
    owner: str = ""
    # Bytes of the video that count for the account's usage; None for a job of an earlier release that does not yet.
    size: int | None = None
    # Bytes of the MP3 if it has no `result`.
    mp3_size: int = 0
    # How often a worker has taken a lease on it.
    attempts: int = 0
    # Whether the broker has confirmed the notice, and the mail server the email.
    notice_sent: bool = False
    notified: bool = False
    # How often it was queued again after it had ended; each run has its own messages and emails. Stored as `round`.
    run: int = 0
    # The run in which a conversion stalled and is tried once more.
    stalled_run: int | None = None
    # About the MP3 that `mp3_fid` names; None for those of releases that did not store it.
    result: Result | None = None
    # The video of which only the sound was uploaded; None for a whole one.
    original: Original | None = None
    # The id of its owner's account; None for those of releases that did not store it: see `owners`.
    account: str | None = None
    # Whether its video can be converted again: it is deleted KEEP_VIDEOS_DAYS after the end of the conversion.
    video_stored: bool = True
    # Whether the owner has chosen to keep the MP3 after RETENTION_DAYS.
    kept: bool = False

    @property
    def this_run(self) -> Document:
        """Matches its record, unless it was queued again since it was read."""
        return {"_id": self.video_fid, "round": stored_run(self.run)}

    @property
    def stored(self) -> int:
        """Bytes of its files that count for the account's usage."""
        return 0 if self.size is None else self.size + self.stored_mp3

    @property
    def stored_mp3(self) -> int:
        """Bytes of its MP3; 0 if it has none."""
        if self.mp3_fid is None:
            return 0
        return self.result.sound.size if self.result else self.mp3_size

    def public(self) -> dict[str, Any]:
        """The job in the API."""
        return {
            "video_fid": str(self.video_fid),
            "filename": self.filename,
            "status": self.status.value,
            "progress": self.progress,
            "mp3_fid": str(self.mp3_fid) if self.mp3_fid else None,
            "error": self.error,
            "error_code": self.error_code.value if self.error_code else None,
            "options": dict(self.options),
            "result": self.result.public() if self.result else None,
            "original": self.original.as_document() if self.original else None,
            "video_stored": self.video_stored,
            "keep": self.kept,
            "created_at": iso(self.created_at),
            "updated_at": iso(self.updated_at),
        }


def stored_run(run: int) -> int | Document:
    """Matches a job's run; the first release did not store it."""
    return run or {"$in": [0, None]}


def failure_from(document: Mapping[str, Any]) -> Failure | None:
    """Why a job or summary failed, None if it did not. Records of earlier releases have a text and no code."""
    if document["status"] != Status.FAILED.value:
        return None
    known = Failure.CANCELLED if document.get("error") == CANCELLED else Failure.FAILED
    code = document.get("error_code")
    # A later release may know more codes.
    return Failure(code) if code in set(Failure) else known


def owner_of(document: Mapping[str, Any]) -> str:
    """The account whose turns a stored job takes; the previous release did not store it."""
    return str(document.get("owner") or document.get("account") or document["username"])


def job_from(document: Mapping[str, Any]) -> Job:
    return Job(
        video_fid=document["_id"],
        username=document["username"],
        filename=document["filename"],
        status=Status(document["status"]),
        progress=document.get("progress", 0),
        mp3_fid=document.get("mp3_fid"),
        error=document.get("error"),
        error_code=failure_from(document),
        created_at=document["created_at"],
        updated_at=document["updated_at"],
        options=document.get("options") or {},
        owner=owner_of(document),
        size=document.get("size"),
        mp3_size=document.get("mp3_size", 0),
        attempts=document.get("attempts", 0),
        notice_sent=document.get("notice_sent", False),
        notified=document.get(NOTIFIED, False),
        run=document.get("round", 0),
        stalled_run=document.get("stalled_run"),
        result=Result.from_document(document.get("result")),
        original=Original.from_document(document.get("original")),
        account=document.get("account"),
        video_stored=document.get("video") is None,
        kept=document.get("kept") is True,
    )
