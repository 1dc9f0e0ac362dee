"""What a dead letter is about: a job, or on the queue of the summaries a summary."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.domain.jobs import CANCELLED, Status
from common.errors import PermanentError
from common.messaging.message import Envelope, Message, SummaryMessage, decode, decode_summary
from gateway.jobs.store import Store
from gateway.settings import StoreSettings


@dataclass(frozen=True)
class Subject:
    """A message's job or summary; `record` is as the API shows it, None when there is none any more."""

    message: Envelope
    owner: str
    record: Mapping[str, Any] | None


def subject(settings: StoreSettings, store: Store, queue: str, body: str) -> Subject | None:
    """What a letter of that queue is about; None when it is no message."""
    try:
        if queue == settings.summary_queue:
            return _summary(store, decode_summary(body.encode()))
        return _job(store, decode(body.encode()))
    except PermanentError:
        return None


def reopen(settings: StoreSettings, store: Store, queue: str, found: Subject) -> None:
    """Queues again what failed, so that its message has something to do; not what its owner cancelled."""
    if queue == settings.summary_queue:
        store.summaries.reopen(found.message.subject)
    elif queue == settings.video_queue:
        store.jobs.reopen(found.message.subject, where={"error": {"$ne": CANCELLED}})


def _job(store: Store, message: Message) -> Subject:
    job = store.jobs.get(message.video_fid)
    there = job is not None and job.status is not Status.DELETED
    return Subject(message, message.username, job.public() if job and there else None)


def _summary(store: Store, message: SummaryMessage) -> Subject:
    found = store.summaries.get(message.summary_id)
    return Subject(message, message.username, found.public() if found else None)
