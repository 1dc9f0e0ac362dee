"""What `POST /summaries` does: a short text at once, the rest through the queue; a recording has one summary."""

from dataclasses import dataclass

from common.domain.jobs import Jobs
from common.domain.outbox import Outbox
from common.domain.summaries import Recording, Stage, Summaries, Summary
from common.errors import TransientError, Unavailable
from summary.api import synchronous
from summary.api.asked import Asked
from summary.api.recordings import job_of, recording_of
from summary.provider.client import Provider, ProviderRefused
from summary.settings import SummarySettings


@dataclass(frozen=True)
class Orders:
    """Takes orders; answers with the summary and a status: 201 made, 202 to be made, 200 it was there."""

    settings: SummarySettings
    jobs: Jobs
    summaries: Summaries
    provider: Provider
    outbox: Outbox

    def check(self) -> None:
        """Raises Unavailable, with the names of the variables, when there is no provider."""
        try:
            self.provider.check_configured()
        except ProviderRefused as error:
            raise Unavailable(str(error), retry_after=3600) from error

    def take(self, asked: Asked, username: str) -> tuple[Summary, int]:
        """A text's or a recording's summary."""
        if asked.file_id is not None:
            job = job_of(self.jobs, asked.file_id, username)
            return self._recording(username, asked.filename or job.filename, recording_of(job, asked.file_id))
        text = asked.text or ""
        if len(text) > self.settings.ai_summary_max_chars:
            return self._later(self.summaries.create(username, asked.filename, text))
        digest = synchronous.summarise(self.provider, text, self.settings.ai_summary_timeout)
        done = {"status": Stage.COMPLETED.value, "progress": 100, "text": None, "published": True}
        return _there(self.summaries.create(username, asked.filename, "", **digest.model_dump(), **done)), 201

    def _recording(self, username: str, filename: str, recording: Recording) -> tuple[Summary, int]:
        summaries = self.summaries
        found = summaries.of_mp3(recording.mp3_fid) or summaries.create(username, filename, recording)
        # Another request of the same caller was quicker.
        found = found or summaries.of_mp3(recording.mp3_fid)
        if found is not None and found.status is Stage.FAILED:
            summaries.reopen(found.id)
            found = summaries.get(found.id)
        if found is not None and found.status is Stage.COMPLETED:
            return found, 200
        return self._later(found)

    def _later(self, found: Summary | None) -> tuple[Summary, int]:
        summary = _there(found)
        if summary.status is Stage.QUEUED:
            self.outbox.publish_summary(summary)
        return summary, 202


def _there(found: Summary | None) -> Summary:
    if found is None:
        raise TransientError("the summary was deleted at once")
    return found
