"""Publishes the summaries that are to be made, and leaves what cannot be published now for housekeeping."""

import logging

from common.domain.summaries import Summaries, Summary
from common.errors import TransientError
from common.messaging.message import SummaryMessage
from common.messaging.publisher import Publisher

log = logging.getLogger(__name__)


class SummaryOutbox:
    """Publishes the messages that summaries owe to the queue."""

    def __init__(self, queue: str, summaries: Summaries, publisher: Publisher) -> None:
        self._queue = queue
        self._summaries = summaries
        self._publisher = publisher

    def announce(self, summary: Summary) -> bool:
        """Publishes the summary to the workers; False when that has to wait. A second message does nothing."""
        try:
            self._publisher.publish(self._queue, SummaryMessage(summary.id, summary.username, run=summary.run))
            self._summaries.confirm_published(summary)
        except TransientError as error:
            log.warning("Summary %s is left for housekeeping: %s", summary.id, error)
            return False
        return True
