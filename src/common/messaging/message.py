"""The messages of the contract, as JSON, and what travels with them in the headers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bson import ObjectId

from common.errors import PermanentError
from common.logs import is_request_id

# Headers: how often this message was tried before, the id of the request that caused it, and the run that it is about.
ATTEMPT = "x-attempt"
REQUEST = "x-request-id"
RUN = "x-run"
# Headers of a dead letter, for the operator.
REASON = "x-reason"
DIED_AT = "x-died-at"

Headers = Mapping[str, Any] | None

_MAX_BYTES = 16 * 1024


class InvalidMessage(PermanentError):
    """Raised when a message is not one of the contract, or names what does not exist."""


class Envelope(Protocol):
    """What all messages have."""

    @property
    def subject(self) -> ObjectId:
        """What it is about; marks the lines of the log."""

    @property
    def headers(self) -> Mapping[str, int]:
        """What travels with it beside the JSON."""

    def encode(self) -> bytes:
        """The JSON of the contract."""


@dataclass(frozen=True)
class _OfRun:
    """A message about one run of a job or a summary: its owner may have it run again after it has ended."""

    run: int | None = field(default=None, kw_only=True)
    """Counted from 0; None when the sender did not say: a replayed dead letter, or the previous release."""

    @property
    def headers(self) -> Mapping[str, int]:
        """The run, if it is known."""
        return {} if self.run is None else {RUN: self.run}

    def outdated(self, run: int) -> bool:
        """Whether the record, which is in that run by now, has had a later run since, which has its own message."""
        return self.run is not None and self.run < run


@dataclass(frozen=True)
class Message(_OfRun):
    """A job on its way: to the converter without, to the notification with or without an MP3."""

    video_fid: ObjectId
    mp3_fid: ObjectId | None
    username: str

    @property
    def subject(self) -> ObjectId:
        """The job."""
        return self.video_fid

    def encode(self) -> bytes:
        """The JSON of the contract."""
        return json.dumps(
            {
                "video_fid": str(self.video_fid),
                "mp3_fid": str(self.mp3_fid) if self.mp3_fid else None,
                "username": self.username,
            },
            ensure_ascii=False,
        ).encode()


@dataclass(frozen=True)
class SummaryMessage(_OfRun):
    """A summary that is to be made."""

    summary_id: ObjectId
    username: str

    @property
    def subject(self) -> ObjectId:
        """The summary."""
        return self.summary_id

    def encode(self) -> bytes:
        """The JSON of the contract."""
        return json.dumps({"summary_id": str(self.summary_id), "username": self.username}, ensure_ascii=False).encode()


def decode(body: bytes, headers: Headers = None) -> Message:
    """Reads a message; raises InvalidMessage that says what is wrong with it."""
    fields, username = _fields(body)
    video_fid = _object_id(fields, "video_fid")
    if video_fid is None:
        raise InvalidMessage("video_fid is missing")
    return Message(video_fid=video_fid, mp3_fid=_object_id(fields, "mp3_fid"), username=username, run=run_of(headers))


def decode_summary(body: bytes, headers: Headers = None) -> SummaryMessage:
    """Reads a message of the queue `summary`; raises InvalidMessage that says what is wrong with it."""
    fields, username = _fields(body)
    summary_id = _object_id(fields, "summary_id")
    if summary_id is None:
        raise InvalidMessage("summary_id is missing")
    return SummaryMessage(summary_id=summary_id, username=username, run=run_of(headers))


def _fields(body: bytes) -> tuple[dict[str, Any], str]:
    """The message's fields and the username that each has."""
    if len(body) > _MAX_BYTES:
        raise InvalidMessage(f"the message has {len(body)} bytes; {_MAX_BYTES} are allowed")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidMessage("the message is not JSON") from error
    if not isinstance(fields, dict):
        raise InvalidMessage("the message is not a JSON object")
    username = fields.get("username")
    if not isinstance(username, str) or not username.isprintable() or not 0 < len(username) <= 320:
        raise InvalidMessage("username is missing or not a mail address")
    return fields, username


def attempt_of(headers: Headers) -> int:
    """How often the message was tried before; a strange header counts as never."""
    value = (headers or {}).get(ATTEMPT, 0)
    return value if isinstance(value, int) and value >= 0 else 0


def run_of(headers: Headers) -> int | None:
    """The run that the message is about; a strange header counts as none."""
    value = (headers or {}).get(RUN)
    return value if isinstance(value, int) and value >= 0 else None


def request_of(headers: Headers) -> str | None:
    """The id of the request that caused the message; a strange header counts as none."""
    value = (headers or {}).get(REQUEST)
    return value if isinstance(value, str) and is_request_id(value) else None


def _object_id(fields: Mapping[str, Any], name: str) -> ObjectId | None:
    value = fields.get(name)
    if value is None:
        return None
    # ObjectId() also takes 12 bytes and other types: the contract is 24 hexadecimal digits.
    if not isinstance(value, str) or not ObjectId.is_valid(value):
        raise InvalidMessage(f"{name} is not a file id")
    return ObjectId(value)
