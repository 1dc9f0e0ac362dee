"""The messages of the contract, as JSON, and what travels with them in the headers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bson import ObjectId
from pika import BasicProperties

from common.errors import PermanentError
from common.logs import is_request_id

# Headers, see `Received`.
ATTEMPT = "x-attempt"
ERRORS = "x-errors"
DELIVERIES = "x-deliveries"
REQUEST = "x-request-id"
# The broker's own count of deliveries without an answer, of a quorum queue.
DELIVERY_COUNT = "x-delivery-count"
# Headers of a dead letter, for the operator.
REASON = "x-reason"
DIED_AT = "x-died-at"

_MAX_BYTES = 16 * 1024


class InvalidMessage(PermanentError):
    """Raised when a message is not one of the contract, or names what does not exist."""


class Envelope(Protocol):
    """What all messages have."""

    @property
    def subject(self) -> ObjectId:
        """What it is about; marks the lines of the log."""

    def encode(self) -> bytes:
        """The JSON of the contract."""


@dataclass(frozen=True)
class Message:
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
class SummaryMessage:
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
            probing=probing,
        )


def decode(body: bytes) -> Message:
    """Reads a message; raises InvalidMessage that says what is wrong with it."""
    fields, username = _fields(body)
    video_fid = _object_id(fields, "video_fid")
    if video_fid is None:
        raise InvalidMessage("video_fid is missing")
    return Message(video_fid=video_fid, mp3_fid=_object_id(fields, "mp3_fid"), username=username)


def decode_summary(body: bytes) -> SummaryMessage:
    """Reads a message of the queue `summary`; raises InvalidMessage that says what is wrong with it."""
    fields, username = _fields(body)
    summary_id = _object_id(fields, "summary_id")
    if summary_id is None:
        raise InvalidMessage("summary_id is missing")
    return SummaryMessage(summary_id=summary_id, username=username)


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


def count_of(headers: Mapping[str, Any] | None, name: str) -> int:
    """The count in a header; a strange one counts as 0."""
    value = (headers or {}).get(name, 0)
    return value if isinstance(value, int) and value >= 0 else 0


def request_of(headers: Mapping[str, Any] | None) -> str | None:
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
