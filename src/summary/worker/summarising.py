"""Handles the messages of the queue `summary`."""

import contextlib
import logging
from collections.abc import Callable

from common.domain.leases import LeaseLost, Leases, without_lease
from common.domain.summaries import UNDER_WAY, Stage, Summaries, Summary, summary_from
from common.domain.transcripts import Transcripts
from common.errors import Failure, NewerRelease, PermanentError, TransientError
from common.messaging.handler import Busy, HandedBack
from common.messaging.message import InvalidMessage, SummaryMessage
from common.runtime.checkpoints import Point, checkpoint
from common.storage.bucket import Bucket
from summary.provider.client import Provider, ProviderRefused
from summary.settings import SummarySettings
from summary.worker.pipeline import Pipeline, SummaryLease, TimeSlice

log = logging.getLogger(__name__)

_UNAVAILABLE = "The summary failed: the AI provider is unavailable. Try again later."


class Summarising:
    """The handler; see common.messaging.handler."""

    def __init__(
        self,
        settings: SummarySettings,
        *,
        summaries: Summaries,
        transcripts: Transcripts,
        mp3s: Bucket,
        provider: Provider,
        must_stop: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._summaries = summaries
        self._must_stop = must_stop
        self._leases = Leases(summaries.collection, settings.claim_lease, UNDER_WAY)
        self._pipeline = Pipeline(settings, self._leases, transcripts, mp3s, provider)

    def handle(self, message: SummaryMessage) -> None:
        """Makes the summary, unless it has ended or is deleted."""
        if self._current(message) is None:
            return
        lease = self._acquire(message)
        if lease is None:
            self._check_ended(message)
            return
        checkpoint(Point.SUMMARY_LEASED)
        time_slice = TimeSlice(self._settings.summary_turn, self._must_stop)
        try:
            with self._leases.renewed(lease):
                self._pipeline.run(lease, time_slice)
        except LeaseLost as error:
            log.info("Lease lost: %s", error)
        except ProviderRefused as error:
            # The operator has to fix the configuration, and can then replay the dead letter.
            self._fail(lease, error)
            raise
        except PermanentError as error:
            log.warning("The summary failed: %s", error)
            self._fail(lease, error)
        except (Busy, HandedBack):
            self._release(lease)
            raise
        except TransientError as error:
            self._release(lease)
            if time_slice.progressed:
                raise Busy(str(error), retry_after=error.retry_after) from error
            raise
        else:
            log.info("Summary complete!")

    def give_up(self, message: SummaryMessage, reason: str) -> None:
        """Marks the summary as failed. Its owner can request it again."""
        log.error("No retries left: %s", reason)
        found = self._current(message)
        if found is None:
            return
        checkpoint(Point.SUMMARY_BEFORE_GIVE_UP)
        self._summaries.fail(
            message.summary_id, _UNAVAILABLE, Failure.PROVIDER_UNAVAILABLE, where={**found.this_run, **without_lease()}
        )
        # Nothing else continues a summary whose status a newer release has set.
        with contextlib.suppress(NewerRelease):
            self._check_ended(message)

    def _acquire(self, message: SummaryMessage) -> SummaryLease | None:
        found = self._leases.acquire(message.summary_id)
        if found is None:
            return None
        token, document = found
        return SummaryLease(message.summary_id, token, summary_from(document), document["attempts"])

    def _release(self, lease: SummaryLease) -> None:
        checkpoint(Point.SUMMARY_BEFORE_RELEASE)
        self._leases.release(lease)

    def _fail(self, lease: SummaryLease, error: PermanentError) -> None:
        checkpoint(Point.SUMMARY_BEFORE_FAIL)
        self._summaries.fail(lease.id, str(error), error.code, where={"claim.token": lease.token})

    def _current(self, message: SummaryMessage) -> Summary | None:
        """The summary of the message; None if it is deleted or in a later run. Raises InvalidMessage."""
        found = self._summaries.get(message.summary_id)
        if found is None:
            log.info("The summary was deleted")
            return None
        if found.username != message.username:
            raise InvalidMessage("no summary has this id and username")
        if message.outdated(found.run):
            log.info("The summary was queued again after this message was sent")
            return None
        return found

    def _check_ended(self, message: SummaryMessage) -> None:
        """Raises Busy if another worker holds the lease."""
        found = self._current(message)
        if found is not None and not found.status.known:
            raise NewerRelease(f"the summary is {found.status}, which this release does not know")
        if found is not None and found.status not in {Stage.COMPLETED, Stage.FAILED}:
            raise Busy("another worker holds the lease of this summary")
