"""Handles `POST /summaries`: short texts are summarised in the request, everything else by the worker."""

import time
from dataclasses import dataclass
from typing import Any

from bson import ObjectId

from common.domain.job_repository import Jobs
from common.domain.jobs import Job, Status
from common.domain.outbox import Outbox
from common.domain.owners import Owner
from common.domain.summaries import Recording, Stage, Summaries, Summary
from common.errors import Conflict, Invalid, NotFound, PermanentError, TransientError, Unavailable
from common.http.validation import json_object, object_id
from summary.provider.answers import Digest
from summary.provider.client import Provider, ProviderRefused, ProviderUnavailable
from summary.settings import SummarySettings

_MEGABYTE = 1_000_000
# Characters, as for the name of an upload.
_MAX_NAME = 400
_USAGE = 'Send a JSON object: {"file_id": "<id of your video or MP3>"}, or {"text": "…", "filename": "<optional>"}.'
# s before the second, third, … request to the provider, unless the provider asks for a longer delay.
_BACKOFF = (0.5, 1.0, 2.0)


@dataclass(frozen=True)
class SummaryRequest:
    """The body of a request. Exactly one of `text` and `file_id` is set."""

    text: str | None
    file_id: ObjectId | None
    filename: str | None

    @classmethod
    def read(cls, max_mb: int) -> "SummaryRequest":
        """Reads the body of the current request; raises RejectedError if it is invalid."""
        fields = json_object(max_mb * _MEGABYTE, _USAGE) or {}
        unknown = fields.keys() - {"text", "file_id", "filename"}
        if unknown:
            raise Invalid(f"{min(unknown)[:60]}: there is no such field. {_USAGE}")
        for name, value in fields.items():
            if value is not None and not isinstance(value, str):
                raise Invalid(f"{name} must be a string. {_USAGE}")
        text, file_id, filename = (_encodable(fields.get(name)) for name in ("text", "file_id", "filename"))
        if (text is None) == (file_id is None):
            raise Invalid(f"Either text or file_id is required. {_USAGE}")
        if text is not None and not any(c.isalnum() for c in text):
            raise Invalid("text has no words to summarise.")
        return cls(
            text=text,
            file_id=object_id(file_id, "file_id") if file_id is not None else None,
            filename=(filename or "").strip()[:_MAX_NAME] or None,
        )


def _encodable(value: str | None) -> str | None:
    # JSON can contain lone surrogates, which UTF-8 cannot encode.
    return value.encode(errors="replace").decode() if value is not None else None


def job_of_file(jobs: Jobs, file_id: ObjectId, owner: Owner) -> Job:
    """The account's job with this video or MP3; raises NotFound."""
    job = jobs.owned_file(file_id, owner)
    if job is None:
        raise NotFound("You have no file with this id. The id is in the email and in GET /jobs.")
    return job


@dataclass(frozen=True)
class SummaryRequests:
    """Creates summaries, or finds the summary that a recording has already."""

    settings: SummarySettings
    jobs: Jobs
    summaries: Summaries
    provider: Provider
    outbox: Outbox

    def check_configured(self) -> None:
        """Raises Unavailable, with the names of the missing variables, if there is no provider."""
        try:
            self.provider.check_configured()
        except ProviderRefused as error:
            raise Unavailable(str(error), retry_after=3600) from error

    def handle(self, request: SummaryRequest, owner: Owner) -> tuple[Summary, int]:
        """Returns the summary and the HTTP status: 200 for an existing one, 201 for a new one, 202 for a queued one."""
        if request.file_id is not None:
            job = job_of_file(self.jobs, request.file_id, owner)
            return self._of_recording(owner, request.filename or job.filename, _recording(job, request.file_id))
        text = request.text or ""
        if len(text) > self.settings.ai_summary_max_chars:
            return self._queue(self._create(owner, request.filename, text))
        digest = summarise_now(self.provider, text, self.settings.ai_summary_timeout)
        done = {"status": Stage.COMPLETED.value, "progress": 100, "text": None, "published": True}
        return _existing(self._create(owner, request.filename, "", **digest.model_dump(), **done)), 201

    def _create(self, owner: Owner, filename: str | None, source: Recording | str, **values: Any) -> Summary | None:
        return self.summaries.create(owner.username, filename, source, account=owner.account, **values)

    def _of_recording(self, owner: Owner, filename: str, recording: Recording) -> tuple[Summary, int]:
        summaries = self.summaries
        found = summaries.of_mp3(recording.mp3_fid) or self._create(owner, filename, recording)
        # A concurrent request may have created it in between.
        found = found or summaries.of_mp3(recording.mp3_fid)
        if found is not None and found.status is Stage.FAILED:
            summaries.reopen(found.id)
            found = summaries.get(found.id)
        if found is not None and found.status is Stage.COMPLETED:
            return found, 200
        return self._queue(found)

    def _queue(self, found: Summary | None) -> tuple[Summary, int]:
        summary = _existing(found)
        if summary.status is Stage.QUEUED:
            self.outbox.publish_summary(summary)
        return summary, 202


def summarise_now(provider: Provider, text: str, timeout: float) -> Digest:
    """Summarises a short text with a few retries; raises Unavailable if there is no summary after `timeout` s."""
    deadline = time.monotonic() + timeout
    failure = ProviderUnavailable("the provider was too slow")
    for backoff in (*_BACKOFF, None):
        left = deadline - time.monotonic()
        if left <= 0:
            break
        try:
            return provider.summarise(text, left)
        except ProviderUnavailable as error:
            failure = error
        except PermanentError as error:
            raise Unavailable(str(error), retry_after=60) from error
        delay = max(backoff or 0, failure.retry_after or 0)
        if backoff is None or time.monotonic() + delay >= deadline:
            break
        time.sleep(delay)
    raise Unavailable(
        f"The text cannot be summarised right now: {failure}. Try again later.",
        retry_after=round(failure.retry_after or 30),
    ) from failure


def _recording(job: Job, file_id: ObjectId) -> Recording:
    if job.status is Status.FAILED:
        raise Conflict("The conversion of this file failed: there is no audio to summarise.", code="conversion_failed")
    if job.status is not Status.COMPLETED or job.mp3_fid is None:
        raise Conflict(
            "This file is not converted yet. Wait until its job is completed: GET /jobs/<id>.", code="not_completed"
        )
    return Recording(file_id=file_id, mp3_fid=job.mp3_fid, video_fid=job.video_fid)


def _existing(found: Summary | None) -> Summary:
    if found is None:
        raise TransientError("the summary was deleted by another request")
    return found
