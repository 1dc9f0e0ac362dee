"""Consumes a queue: one message at a time, handled in a worker thread, acknowledged when it is settled.

When too many messages become dead letters, the consumer pauses: it cancels its subscription and tries one message every
DEAD_LETTER_PROBE seconds. When one succeeds, it resumes.
"""

import contextlib
import functools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pika import BasicProperties
from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic

from common.messaging.connection import BrokerConnection, BrokerUnavailable
from common.messaging.handler import HandedBack
from common.messaging.message import Received
from common.messaging.settlement import Outcome, Settlement
from common.runtime import metrics
from common.runtime.health import Heartbeat

log = logging.getLogger(__name__)

# These outcomes of a probe do not show whether other messages would succeed.
_INCONCLUSIVE = {Outcome.BUSY, Outcome.RETRIED, Outcome.REQUEUED, Outcome.PAUSED}


class Consumer:
    def __init__(
        self,
        queue: str,
        *,
        connection: BrokerConnection,
        settlement: Settlement[Any],
        heartbeat: Heartbeat,
        stop: threading.Event,
        probe_every: float,
        on_subscribe: Callable[[], object] | None = None,
    ) -> None:
        """A paused consumer tries a message every `probe_every` s.

        `on_subscribe` runs in the worker's thread after each subscription, also after a reconnect.
        """
        self._queue = queue
        self._connection = connection
        self._settlement = settlement
        self._heartbeat = heartbeat
        self._probe_every = probe_every
        self._on_subscribe = on_subscribe
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="worker")
        self._stop = stop
        self._channel: BlockingChannel | None = None
        self._subscription: str | None = None
        # Whether `on_subscribe` must run for it.
        self._is_new = False
        # When a paused consumer tries the next message.
        self._probe_at: float | None = None
        metrics.CONSUMER_PAUSED.labels(queue).set(0)

    def run(self) -> None:
        """Consumes until `stop` is set and the current message is settled."""
        finished = threading.Event()
        self._finish_when_idle(finished)
        self._connection.run(finished, on_connect=self._connected, on_iteration=self._iterate)
        self._worker.shutdown(wait=True)

    def _finish_when_idle(self, finished: threading.Event) -> None:
        # The connection is needed to acknowledge the current message.
        def wait() -> None:
            self._stop.wait()
            self._worker.shutdown(wait=True)
            finished.set()

        threading.Thread(target=wait, name="shutdown", daemon=True).start()

    def _connected(self, channel: BlockingChannel) -> None:
        self._channel, self._subscription = channel, None
        self._subscribe_if_due()

    def _iterate(self) -> None:
        self._heartbeat.beat()
        self._subscribe_if_due()
        self._act_if_new()

    def _subscribe_if_due(self) -> None:
        channel = self._channel
        if channel is None or not channel.is_open or self._subscription is not None or self._stop.is_set():
            return
        if self._probe_at is not None and time.monotonic() < self._probe_at:
            return
        self._subscription = channel.basic_consume(self._queue, self._on_message)
        log.info("Waiting for messages..." if self._probe_at is None else "Paused: trying one message...")
        self._is_new = self._probe_at is None

    def _act_if_new(self) -> None:
        """Not when it subscribes: then others cannot use the connection yet."""
        if not self._is_new or self._on_subscribe is None:
            return
        self._is_new = False
        # The worker is shut down when the process stops.
        with contextlib.suppress(RuntimeError):
            self._worker.submit(self._act, self._on_subscribe)

    def _act(self, on_subscribe: Callable[[], object]) -> None:
        try:
            on_subscribe()
        except Exception:
            log.exception("An unexpected error after the subscription")

    def _on_message(
        self, channel: BlockingChannel, method: Basic.Deliver, properties: BasicProperties, body: bytes
    ) -> None:
        tag = method.delivery_tag
        if self._stop.is_set():
            channel.basic_nack(tag, requeue=True)
            return
        received = Received.read(properties, body, probing=self._probe_at is not None)
        try:
            self._worker.submit(self._work, channel, tag, received)
        except RuntimeError:  # the worker was shut down between the check and here
            channel.basic_nack(tag, requeue=True)

    def _work(self, channel: BlockingChannel, tag: int, received: Received) -> None:
        started = time.monotonic()
        metrics.BUSY.labels(self._queue).set(1)
        try:
            outcome = self._settlement.settle(received)
        except HandedBack:
            log.info("Returned the message to the queue")
            self._answer(channel, functools.partial(channel.basic_nack, tag, requeue=True))
            return
        except BrokerUnavailable as error:
            # The outcome could not be published. The message is redelivered: at once, or after a reconnect.
            log.warning("The message will be redelivered: %s", error)
            self._answer(channel, functools.partial(channel.basic_nack, tag, requeue=True))
            return
        except Exception:
            log.exception("The message will be redelivered after an unexpected error")
            self._connection.renew()
            return
        finally:
            metrics.BUSY.labels(self._queue).set(0)
            metrics.DELIVERY_SECONDS.labels(self._queue).observe(time.monotonic() - started)
        metrics.DELIVERIES.labels(self._queue, outcome).inc()
        self._answer(channel, functools.partial(self._acknowledge, channel, tag, outcome, probing=received.probing))

    def _acknowledge(self, channel: BlockingChannel, tag: int, outcome: Outcome, *, probing: bool) -> None:
        if outcome is Outcome.PAUSED or (probing and outcome in _INCONCLUSIVE):
            self._pause(channel)
        elif probing:
            self._resume()
        channel.basic_ack(tag)

    def _pause(self, channel: BlockingChannel) -> None:
        if self._probe_at is None:
            log.error(
                'Paused consuming "%s": too many messages became dead letters for unexpected errors (see '
                "DEAD_LETTER_LIMIT). One message is tried every %g s until one succeeds. Check the dead letters, and "
                "whether the last update is the cause",
                self._queue,
                self._probe_every,
            )
        self._probe_at = time.monotonic() + self._probe_every
        metrics.CONSUMER_PAUSED.labels(self._queue).set(1)
        # Before the acknowledgement, after which the broker would deliver the next message.
        if self._subscription is not None:
            channel.basic_cancel(self._subscription)
            self._subscription = None

    def _resume(self) -> None:
        log.warning('Resumed consuming "%s"', self._queue)
        self._probe_at = None
        metrics.CONSUMER_PAUSED.labels(self._queue).set(0)

    def _answer(self, channel: BlockingChannel, answer: Callable[[], None]) -> None:
        def send(current: BlockingChannel) -> None:
            # A delivery tag is only valid on its own channel.
            if current is channel:
                answer()

        try:
            self._connection.call(send)
        except BrokerUnavailable as error:
            # With a prefetch count of 1, the broker delivers no other message until this one is answered.
            log.warning("The message will be redelivered: %s", error)
            self._connection.renew()
