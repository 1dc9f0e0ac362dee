"""Settles messages: each is handled, retried after a delay, or dead-lettered.

The number of dead letters is limited, so that a bad release does not dead-letter all messages: when DEAD_LETTER_LIMIT
messages of a queue were dead-lettered for unexpected errors within DEAD_LETTER_WINDOW, the next one is delayed instead,
and the consumer pauses. Permanent failures do not count, such as an address that the mail server refuses: a release
does not cause them.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from common.errors import PermanentError, TransientError
from common.messaging.handler import Busy, HandedBack, Handler, NotDue
from common.messaging.message import (
    ATTEMPT,
    DELIVERIES,
    DIED_AT,
    ERRORS,
    REASON,
    RUN,
    Envelope,
    InvalidMessage,
    Received,
)
from common.messaging.publisher import Publisher
from common.messaging.retries import RetryPolicy
from common.messaging.topology import Consumption, dead_queue, recent_queue, retry_queue
from common.runtime.logs import JOB, REQUEST, bound
from common.runtime.settings import RabbitSettings

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Envelope)

# From this number of deliveries on, the consumer counts them itself, well below the broker's limit: see `topology`.
_BROKER_COUNTS = 10


class Outcome(StrEnum):
    """The values of the metric's label."""

    DONE = "done"
    BUSY = "busy"
    RETRIED = "retried"
    REQUEUED = "requeued"
    FAILED = "failed"
    REJECTED = "rejected"
    PAUSED = "paused"
    """Not dead-lettered, because of the limit: the consumer has to pause."""


class Settlement(Generic[M]):
    def __init__(
        self,
        settings: RabbitSettings,
        consumption: Consumption,
        *,
        publisher: Publisher,
        handler: Handler[M],
        read: Callable[[bytes, int | None], M],
        retries: RetryPolicy,
    ) -> None:
        self._queue = consumption.queue
        self._publisher = publisher
        self._handler = handler
        self._read = read
        self._retries = retries
        self._usual = RetryPolicy(settings.retry_delays)
        self._delivery_limit = settings.delivery_limit
        self._limit = settings.dead_letter_limit
        self._recent = recent_queue(consumption.queue, consumption.window)

    def settle(self, received: Received) -> Outcome:
        """Handles a message and, if needed, publishes it to another queue; then it can be acknowledged.

        Raises HandedBack or BrokerUnavailable if the message must stay in its queue.
        """
        with bound(REQUEST, received.request):
            try:
                message = self._read(received.body, received.run)
            except PermanentError as error:
                log.warning("Rejected invalid message: %s", error)
                if self._must_pause(received):
                    return self._postpone(received, str(error))
                self._dead_letter(received, str(error), unexpected=True)
                return Outcome.REJECTED
            with bound(JOB, str(message.subject)):
                if received.deliveries >= self._delivery_limit:
                    reason = f"{received.deliveries} deliveries ended without an acknowledgement"
                    return self._give_up(message, received, reason, unexpected=True)
                if received.uncounted >= _BROKER_COUNTS:
                    self._publish(self._queue, received, {**_run(received), DELIVERIES: received.deliveries})
                    return Outcome.REQUEUED
                return self._handle(message, received)

    def _handle(self, message: M, received: Received) -> Outcome:
        log.info("Received message: %s", received.body.decode(errors="replace"))
        try:
            self._handler.handle(message)
        except HandedBack:
            raise
        except Busy as error:
            log.info("Deferred: %s", error)
            nearest = self._usual.at_most if isinstance(error, NotDue) else self._usual.at_least
            self._retry(received, nearest(error.retry_after))
            return Outcome.BUSY
        except PermanentError as error:
            return self._give_up(message, received, str(error), unexpected=isinstance(error, InvalidMessage))
        except TransientError as error:
            delay = self._retries.delay(received.attempt, error.retry_after)
            return self._retry_or_give_up(message, received, str(error), delay, {ATTEMPT: received.attempt + 1})
        except Exception as error:
            log.exception("Unexpected error")
            reason = f"{type(error).__name__}: {error}"
            if received.probing:
                return self._postpone(received, reason)
            delay = self._usual.delay(received.errors)
            return self._retry_or_give_up(message, received, reason, delay, {ERRORS: received.errors + 1})
        return Outcome.DONE

    def _retry_or_give_up(
        self, message: M, received: Received, reason: str, delay: float | None, count: dict[str, int]
    ) -> Outcome:
        attempts = received.attempt + received.errors + 1
        if delay is None:
            return self._give_up(message, received, f"after {attempts} attempts: {reason}", unexpected=True)
        log.warning("Attempt %d failed, retrying in %g s: %s", attempts, delay, reason)
        self._retry(received, delay, count)
        return Outcome.RETRIED

    def _give_up(self, message: M, received: Received, reason: str, *, unexpected: bool) -> Outcome:
        if unexpected and self._must_pause(received):
            return self._postpone(received, reason)
        log.error("No retries left: %s", reason)
        try:
            self._handler.give_up(message, reason)
        except TransientError as error:
            log.warning("The failure could not be recorded and will be retried: %s", error)
            self._retry(received, self._usual.delays[-1])
            return Outcome.RETRIED
        except Exception:
            # A bug that one job triggers must not block all messages.
            log.exception("Unexpected error while giving up")
        self._dead_letter(received, reason, unexpected=unexpected)
        return Outcome.FAILED

    def _must_pause(self, received: Received) -> bool:
        return received.probing or self._publisher.waiting(self._recent) >= self._limit

    def _postpone(self, received: Received, reason: str) -> Outcome:
        log.error("Not dead-lettered, because DEAD_LETTER_LIMIT is reached: %s", reason)
        self._retry(received, self._usual.delays[-1])
        return Outcome.PAUSED

    def _retry(self, received: Received, delay: float, counts: Mapping[str, int] = MappingProxyType({})) -> None:
        self._publish(retry_queue(self._queue, delay), received, {**_run(received), **counts})

    def _dead_letter(self, received: Received, reason: str, *, unexpected: bool) -> None:
        if unexpected:
            self._publisher.publish_raw(self._recent, b"")
        died_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._publish(dead_queue(self._queue), received, {REASON: reason[:500], DIED_AT: died_at})

    def _publish(self, queue: str, received: Received, headers: Mapping[str, Any]) -> None:
        counts = {ATTEMPT: received.attempt, ERRORS: received.errors}
        self._publisher.publish_raw(queue, received.body, {**counts, **headers})


def _run(received: Received) -> dict[str, int]:
    """The header that keeps the run of a message. Dead letters do not have it: replayed, they are about any run."""
    return {} if received.run is None else {RUN: received.run}
