"""Consuming: one message at a time, handled off the connection's thread, acknowledged when its fate is settled.

A handler returns (acknowledged), or raises: `Busy` and `TransientError` bring the message back after a delay that
waits in the broker, `PermanentError` makes it a dead letter at once. What a handler did before it raised must be
harmless to repeat: a message comes at least once.
"""

import functools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Generic, Protocol, TypeVar

from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic

from common import metrics
from common.errors import PermanentError, TransientError
from common.health import Heartbeat
from common.logs import bound, bound_to_request
from common.messaging.connection import BrokerConnection, BrokerUnavailable
from common.messaging.message import ATTEMPT, DIED_AT, REASON, Envelope, Headers, attempt_of, decode, request_of
from common.messaging.publisher import Publisher
from common.messaging.topology import dead_queue, retry_queue
from common.settings import RabbitSettings

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Envelope)
Handled_contra = TypeVar("Handled_contra", bound=Envelope, contravariant=True)


class Busy(TransientError):
    """Raised when another worker holds the job, or this one got on with it and has to pause.

    The message comes back later, and it counts as no attempt.
    """


class HandedBack(TransientError):
    """Raised when the worker is asked to stop: the message goes back to its queue at once."""


class Handler(Protocol[Handled_contra]):
    """What a service does with a message."""

    def handle(self, message: Handled_contra) -> None:
        """Does the work, or finds that it is done."""

    def give_up(self, message: Handled_contra, reason: str) -> None:
        """Called once before the message becomes a dead letter, when no attempt is left or none can help."""


class Consumer(Generic[M]):
    """Feeds a queue's messages to a handler, one at a time, until `stop` is set."""

    def __init__(
        self,
        settings: RabbitSettings,
        queue: str,
        *,
        connection: BrokerConnection,
        publisher: Publisher,
        handler: Handler[M],
        heartbeat: Heartbeat,
        stop: threading.Event,
        read: Callable[[bytes, Headers], M] = decode,  # type: ignore[assignment]  # the queues of jobs need not say so
    ) -> None:
        self._settings = settings
        self._queue = queue
        self._connection = connection
        self._publisher = publisher
        self._handler = handler
        self._read = read
        self._heartbeat = heartbeat
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="worker")
        self._stop = stop

    def run(self) -> None:
        """Consumes until `stop` is set and the message at hand is settled.

        Raises ConfigurationError when the queues are not usable.
        """
        finished = threading.Event()
        self._finish_when_idle(finished)
        self._connection.run(finished, on_connect=self._subscribe, on_turn=self._heartbeat.beat)
        self._worker.shutdown(wait=True)

    def _finish_when_idle(self, finished: threading.Event) -> None:
        # The connection has to outlive the message at hand, whose acknowledgement goes through it.
        def wait() -> None:
            self._stop.wait()
            self._worker.shutdown(wait=True)
            finished.set()

        threading.Thread(target=wait, name="shutdown", daemon=True).start()

    def _subscribe(self, channel: BlockingChannel) -> None:
        if self._stop.is_set():
            return
        channel.basic_consume(self._queue, self._on_message)
        log.info("Waiting for messages...")

    def _on_message(
        self, channel: BlockingChannel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        tag = method.delivery_tag
        if self._stop.is_set():
            channel.basic_nack(tag, requeue=True)
            return
        try:
            self._worker.submit(self._work, channel, tag, body, properties.headers)
        except RuntimeError:  # the worker was shut down between the check and here
            channel.basic_nack(tag, requeue=True)

    def _work(self, channel: BlockingChannel, tag: int, body: bytes, headers: Headers) -> None:
        started = time.monotonic()
        metrics.BUSY.labels(self._queue).set(1)
        try:
            with bound_to_request(request_of(headers)):
                outcome = self._settle(body, headers)
        except HandedBack:
            log.info("Handed the message back to the queue")
            self._answer(channel, functools.partial(channel.basic_nack, tag, requeue=True))
            return
        except BrokerUnavailable as error:
            # Its fate could not be written down: unacknowledged, it comes again by itself with a new connection,
            # or at once when the connection still stands.
            log.warning("The message stays in the queue: %s", error)
            self._answer(channel, functools.partial(channel.basic_nack, tag, requeue=True))
            return
        except Exception:
            log.exception("The message comes again after an unexpected error")
            self._connection.renew()
            return
        finally:
            metrics.BUSY.labels(self._queue).set(0)
            metrics.DELIVERY_SECONDS.labels(self._queue).observe(time.monotonic() - started)
        metrics.DELIVERIES.labels(self._queue, outcome).inc()
        self._answer(channel, functools.partial(channel.basic_ack, tag))

    def _answer(self, channel: BlockingChannel, answer: Any) -> None:
        def send(current: BlockingChannel) -> None:
            # A tag means nothing on another channel than its own.
            if current is channel:
                answer()

        try:
            self._connection.call(send)
        except BrokerUnavailable as error:
            # A message without an answer would be the last one that this worker gets.
            log.warning("The message will come again: %s", error)
            self._connection.renew()

    def _settle(self, body: bytes, headers: Headers) -> str:
        """Decides what becomes of a message and makes it so; returns the outcome's name."""
        attempt = attempt_of(headers)
        try:
            message = self._read(body, headers)
        except PermanentError as error:
            log.warning("Received a message that is none: %s", error)
            self._bury(body, str(error), attempt)
            return "rejected"
        with bound(str(message.subject)):
            return self._attempt(message, body, attempt)

    def _attempt(self, message: M, body: bytes, attempt: int) -> str:
        log.info("Received message: %s", body.decode(errors="replace"))
        try:
            self._handler.handle(message)
        except HandedBack:
            raise
        except Busy as error:
            log.info("Later: %s", error)
            self._retry(message, body, attempt, self._delay(0, error.retry_after))
            return "busy"
        except PermanentError as error:
            return self._give_up(message, body, attempt, str(error))
        except TransientError as error:
            return self._again(message, body, attempt, str(error), error.retry_after)
        except Exception as error:
            log.exception("Unexpected error")
            return self._again(message, body, attempt, f"{type(error).__name__}: {error}")
        return "done"

    def _again(self, message: M, body: bytes, attempt: int, reason: str, retry_after: float | None = None) -> str:
        if attempt >= len(self._settings.retry_delays):
            return self._give_up(message, body, attempt, f"after {attempt + 1} attempts: {reason}")
        delay = self._delay(attempt, retry_after)
        log.warning("Attempt %d failed, again in %g s: %s", attempt + 1, delay, reason)
        self._retry(message, body, attempt + 1, delay)
        return "retried"

    def _delay(self, attempt: int, at_least: float | None) -> float:
        """The attempt's delay, or the first one that is long enough: each delay has a queue of its own."""
        delays = self._settings.retry_delays
        enough = (delay for delay in delays if delay >= max(at_least or 0, delays[attempt]))
        return next(enough, delays[-1])

    def _give_up(self, message: M, body: bytes, attempt: int, reason: str) -> str:
        log.error("Given up: %s", reason)
        try:
            self._handler.give_up(message, reason)
        except TransientError as error:
            log.warning("Could not record it, later: %s", error)
            self._retry(message, body, attempt, self._settings.retry_delays[-1])
            return "retried"
        except Exception:
            # Whatever is wrong with this job: its message must not stop all others.
            log.exception("Unexpected error while giving up")
        self._bury(body, reason, attempt)
        return "failed"

    def _retry(self, message: M, body: bytes, attempt: int, delay: float) -> None:
        headers = {**message.headers, ATTEMPT: attempt}
        self._publisher.publish_raw(retry_queue(self._queue, delay), body, headers)

    def _bury(self, body: bytes, reason: str, attempt: int) -> None:
        headers = {
            REASON: reason[:500],
            DIED_AT: datetime.now(UTC).isoformat(timespec="seconds"),
            ATTEMPT: attempt,
        }
        self._publisher.publish_raw(dead_queue(self._queue), body, headers)
