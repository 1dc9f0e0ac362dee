"""What becomes of a message: handled, retried after a delay, or a dead letter.

A limit on dead letters keeps a bad release from turning everybody's messages into them: when DEAD_LETTER_LIMIT messages
of a queue have become dead letters for unexpected errors within DEAD_LETTER_WINDOW, the next one is delayed instead,
and the consumer pauses. Permanent failures, such as an address that the mail server refuses, do not count: a release
is not to blame for them.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from common.errors import PermanentError, TransientError
from common.messaging.handler import Busy, HandedBack, Handler
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
from common.runtime.logs import bound, bound_to_request
from common.runtime.settings import RabbitSettings

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Envelope)

# The consumer counts deliveries beyond this, well below the broker's own limit: see `topology`.
_BROKER_COUNTS = 10


class Outcome(StrEnum):
    """What became of a message; the label of the metric."""

    DONE = "done"
    BUSY = "busy"
    RETRIED = "retried"
    REQUEUED = "requeued"
    FAILED = "failed"
    REJECTED = "rejected"
    PAUSED = "paused"
    """Kept from becoming a dead letter: the consumer has to pause."""


class Settlement(Generic[M]):
    """Settles the messages of one queue, by what its handler does."""

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
        """Handles a message, and publishes it again where it has to go: then it can be acknowledged.

        Raises HandedBack, and BrokerUnavailable when the message has to stay where it is.
        """
        with bound_to_request(received.request):
            try:
                message = self._read(received.body, received.run)
            except PermanentError as error:
                log.warning("Rejected an invalid message: %s", error)
                if self._must_pause(received):
                    return self._postpone(received, str(error))
                self._dead_letter(received, str(error), unexpected=True)
                return Outcome.REJECTED
            with bound(str(message.subject)):
                if received.deliveries >= self._delivery_limit:
                    reason = f"{received.deliveries} deliveries ended without an answer"
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
            self._retry(received, self._usual.at_least(error.retry_after))
            return Outcome.BUSY
        except PermanentError as error:
            return self._give_up(message, received, str(error), unexpected=isinstance(error, InvalidMessage))
        except TransientError as error:
            delay = self._retries.delay(received.attempt, error.retry_after)
            return self._again(message, received, str(error), delay, {ATTEMPT: received.attempt + 1})
        except Exception as error:
            log.exception("Unexpected error")
            reason = f"{type(error).__name__}: {error}"
            if received.probing:
                return self._postpone(received, reason)
            delay = self._usual.delay(received.errors)
            return self._again(message, received, reason, delay, {ERRORS: received.errors + 1})
        return Outcome.DONE

    def _again(
        self, message: M, received: Received, reason: str, delay: float | None, count: dict[str, int]
    ) -> Outcome:
        attempts = received.attempt + received.errors + 1
        if delay is None:
            return self._give_up(message, received, f"after {attempts} attempts: {reason}", unexpected=True)
        log.warning("Attempt %d failed, again in %g s: %s", attempts, delay, reason)
        self._retry(received, delay, count)
        return Outcome.RETRIED

    def _give_up(self, message: M, received: Received, reason: str, *, unexpected: bool) -> Outcome:
        if unexpected and self._must_pause(received):
            return self._postpone(received, reason)
        log.error("Given up: %s", reason)
        try:
            self._handler.give_up(message, reason)
        except TransientError as error:
            log.warning("The reason could not be recorded, again later: %s", error)
            self._retry(received, self._usual.delays[-1])
            return Outcome.RETRIED
        except Exception:
            # Whatever is wrong with this job: its message must not stop all others.
            log.exception("Unexpected error while giving up")
        self._dead_letter(received, reason, unexpected=unexpected)
        return Outcome.FAILED

    def _must_pause(self, received: Received) -> bool:
        return received.probing or self._publisher.waiting(self._recent) >= self._limit

    def _postpone(self, received: Received, reason: str) -> Outcome:
        log.error("Not made a dead letter, as there are too many (DEAD_LETTER_LIMIT): %s", reason)
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
    """The header of a message that stays about the same run; a dead letter that is replayed is about any."""
    return {} if received.run is None else {RUN: received.run}
