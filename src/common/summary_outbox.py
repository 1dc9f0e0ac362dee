"""Tells the workers about a summary that is to be made, and leaves what can't be told now to housekeeping."""

import logging

from common.errors import TransientError
from common.messaging.message import SummaryMessage
from common.messaging.publisher import Publisher
from common.summaries import Summaries, Summary

log = logging.getLogger(__name__)


class SummaryOutbox:
    """Publishes the messages that summaries owe to the queue."""

    def __init__(self, queue: str, summaries: Summaries, publisher: Publisher) -> None:
        self._queue = queue
        self._summaries = summaries
        self._publisher = publisher

    def announce(self, summary: Summary) -> bool:
        """Publishes the summary to the workers; False when that has to wait. Twice is harmless: one takes it once."""
        try:
            self._publisher.publish(self._queue, SummaryMessage(summary.id, summary.username))
            # Unless it was queued again since it was read.
            self._summaries.update(summary.id, {"updated_at": summary.updated_at}, {"published": True})
        except TransientError as error:
            log.warning("Summary %s waits for housekeeping: %s", summary.id, error)
            return False
        return True
