"""The messages of the contract, as JSON, and what travels with them in the headers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bson import ObjectId
from pika import BasicProperties

from common.errors import PermanentError
from common.runtime.logs import is_request_id

# Headers, see `Received`.
ATTEMPT = "x-attempt"
ERRORS = "x-errors"
DELIVERIES = "x-deliveries"
REQUEST = "x-request-id"
RUN = "x-run"
# The broker's own count of deliveries without an answer, of a quorum queue.
DELIVERY_COUNT = "x-delivery-count"
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


@dataclass(frozen=True)
class Received:
    """A message as it was delivered."""

    body: bytes
    attempt: int = 0
    """How often it failed before, for the fault of something else."""
    errors: int = 0
    """How often it failed before with an unexpected error."""
    deliveries: int = 0
    """How often it was delivered before without an answer."""
    uncounted: int = 0
    """How many of these deliveries only the broker has counted."""
    request: str | None = None
    """The id of the request that caused it."""
    run: int | None = None
    """The run of the job or summary that it is about, see `Message.run`."""
    probing: bool = False
    """Whether the consumer is paused and tries this one: an unexpected error only delays it, however often."""

    @classmethod
    def read(cls, properties: BasicProperties, body: bytes, *, probing: bool) -> "Received":
        """Reads the headers."""
        headers = properties.headers
        uncounted = count_of(headers, DELIVERY_COUNT)
        return cls(
            body,
            attempt=count_of(headers, ATTEMPT),
            errors=count_of(headers, ERRORS),
            deliveries=count_of(headers, DELIVERIES) + uncounted,
            uncounted=uncounted,
            request=request_of(headers),
            run=run_of(headers),
            probing=probing,
        )


def decode(body: bytes, run: int | None = None) -> Message:
    """Reads a message; raises InvalidMessage that says what is wrong with it."""
    fields, username = _fields(body)
    video_fid = _object_id(fields, "video_fid")
    if video_fid is None:
        raise InvalidMessage("video_fid is missing")
    return Message(video_fid=video_fid, mp3_fid=_object_id(fields, "mp3_fid"), username=username, run=run)


def decode_summary(body: bytes, run: int | None = None) -> SummaryMessage:
    """Reads a message of the queue `summary`; raises InvalidMessage that says what is wrong with it."""
    fields, username = _fields(body)
    summary_id = _object_id(fields, "summary_id")
    if summary_id is None:
        raise InvalidMessage("summary_id is missing")
    return SummaryMessage(summary_id=summary_id, username=username, run=run)


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


def count_of(headers: Headers, name: str) -> int:
    """The count in a header; an invalid one counts as 0."""
    value = (headers or {}).get(name, 0)
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
