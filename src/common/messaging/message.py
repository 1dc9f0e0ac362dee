"""The messages, as JSON, and their headers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId
from pika import BasicProperties

from common.domain.account_links import AccountMail
from common.errors import PermanentError
from common.runtime.logs import is_request_id

# Headers, see `Received`.
ATTEMPT = "x-attempt"
ERRORS = "x-errors"
DELIVERIES = "x-deliveries"
REQUEST = "x-request-id"
RUN = "x-run"
# The broker's own count of deliveries without an acknowledgement, for quorum queues.
DELIVERY_COUNT = "x-delivery-count"
# Headers of a dead letter, for the operator.
REASON = "x-reason"
DIED_AT = "x-died-at"

Headers = Mapping[str, Any] | None

_MAX_BYTES = 16 * 1024


class InvalidMessage(PermanentError):
    """The message violates the contract, or names something that does not exist."""


@dataclass(frozen=True)
class Envelope:
    """A message about one run of a job or a summary, which its owner may retry after it has ended."""

    run: int | None = field(default=None, kw_only=True)
    """Counted from 0; None if unknown: a replayed dead letter, or a message of the previous release."""

    @property
    def subject(self) -> ObjectId | str:
        """The id of the job, the summary or the account, for log lines."""
        raise NotImplementedError

    @property
    def headers(self) -> Mapping[str, int]:
        return {} if self.run is None else {RUN: self.run}

    def outdated(self, run: int) -> bool:
        """Whether the record, now in `run`, was retried since: the later run has its own message."""
        return self.run is not None and self.run < run

    def encode(self) -> bytes:
        """All fields except the run, which is a header."""
        fields = {name: value for name, value in vars(self).items() if name != "run"}
        return json.dumps(fields, ensure_ascii=False, default=str).encode()


@dataclass(frozen=True)
class Message(Envelope):
    """About a job: to the converter without an MP3, to the notification service (the notice) with or without one."""

    video_fid: ObjectId
    mp3_fid: ObjectId | None
    username: str

    @property
    def subject(self) -> ObjectId:
        return self.video_fid


@dataclass(frozen=True)
class SummaryMessage(Envelope):
    summary_id: ObjectId
    username: str

    @property
    def subject(self) -> ObjectId:
        return self.summary_id


@dataclass(frozen=True)
class AccountMessage(Envelope):
    """A request for an email about an account. It contains no secret: the link is signed when the email is sent."""

    kind: AccountMail
    account: str
    username: str
    version: int
    """Of the account's tokens: the link in the email ends with it."""

    @property
    def subject(self) -> str:
        return self.account


@dataclass(frozen=True)
class Received:
    body: bytes
    attempt: int = 0
    """How many earlier attempts ended with a transient failure."""
    errors: int = 0
    """How many earlier attempts ended with an unexpected error."""
    deliveries: int = 0
    """How many earlier deliveries ended without an acknowledgement."""
    uncounted: int = 0
    """How many of these deliveries are counted by the broker only."""
    request: str | None = None
    """The id of the request that caused it."""
    run: int | None = None
    probing: bool = False
    """Whether the consumer is paused and tries this message: then an unexpected error only delays it."""

    @classmethod
    def read(cls, properties: BasicProperties, body: bytes, *, probing: bool) -> "Received":
        headers = properties.headers
        uncounted = count_of(headers, DELIVERY_COUNT)
        request = (headers or {}).get(REQUEST)
        return cls(
            body,
            attempt=count_of(headers, ATTEMPT),
            errors=count_of(headers, ERRORS),
            deliveries=count_of(headers, DELIVERIES) + uncounted,
            uncounted=uncounted,
            request=request if isinstance(request, str) and is_request_id(request) else None,
            run=run_of(headers),
            probing=probing,
        )


def decode(body: bytes, run: int | None = None) -> Message:
    """Raises InvalidMessage with the reason."""
    fields, username = _fields(body)
    video_fid = _object_id(fields, "video_fid")
    mp3_fid = _object_id(fields, "mp3_fid") if fields.get("mp3_fid") is not None else None
    return Message(video_fid, mp3_fid, username, run=run)


def decode_summary(body: bytes, run: int | None = None) -> SummaryMessage:
    """Reads a message of the queue `summary`; raises InvalidMessage with the reason."""
    fields, username = _fields(body)
    return SummaryMessage(_object_id(fields, "summary_id"), username, run=run)


def decode_account(body: bytes, run: int | None = None) -> AccountMessage:
    """Reads a message of the queue `mail`; raises InvalidMessage with the reason."""
    fields, username = _fields(body)
    kind, account, version = fields.get("kind"), fields.get("account"), fields.get("version")
    kinds = [each.value for each in AccountMail]
    if kind not in kinds or not isinstance(account, str) or not isinstance(version, int):
        raise InvalidMessage("kind, account or version is missing or invalid")
    return AccountMessage(AccountMail(kind), account, username, version, run=run)


def _fields(body: bytes) -> tuple[dict[str, Any], str]:
    """The message's fields, and the username, which all messages have."""
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
    """The run of the job or summary; None if the header is missing or invalid."""
    value = (headers or {}).get(RUN)
    return value if isinstance(value, int) and value >= 0 else None


def _object_id(fields: Mapping[str, Any], name: str) -> ObjectId:
    value = fields.get(name)
    if value is None:
        raise InvalidMessage(f"{name} is missing")
    # ObjectId() also takes 12 bytes and other types: the contract is 24 hexadecimal digits.
    if not isinstance(value, str) or not ObjectId.is_valid(value):
        raise InvalidMessage(f"{name} is not a file id")
    return ObjectId(value)
