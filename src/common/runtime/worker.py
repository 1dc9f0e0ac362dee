"""Runs a worker process: health port, signals, and the consumer in the main thread."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TypeVar

from common.messaging.connection import BrokerConnection
from common.messaging.consumer import Consumer
from common.messaging.handler import Handler
from common.messaging.message import Envelope, decode
from common.messaging.publisher import Publisher
from common.messaging.retries import RetryPolicy
from common.messaging.settlement import Settlement
from common.messaging.topology import Consumption
from common.runtime import checkpoints, health, logs
from common.runtime.dependencies import Check, Dependencies
from common.runtime.settings import WorkerSettings

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Envelope)


class Worker:
    """The process of a worker, which consumes `queue`.

    After SIGTERM or SIGINT it takes no more messages; the current one has SHUTDOWN_GRACE s left, or until a second
    signal.
    """

    def __init__(self, settings: WorkerSettings, queue: str, retries: RetryPolicy | None = None) -> None:
        """`retries` applies to transient failures, by default with RETRY_DELAYS."""
        logs.configure(settings.log_level, settings.log_format)
        self._settings = settings
        self._retries = retries or RetryPolicy(settings.retry_delays)
        self._consumption = self._consumption_of(queue)
        self._connection = BrokerConnection(settings, name=queue, consumption=self._consumption)
        self.publisher = Publisher(self._connection)
        self._others: list[Consumer] = []
        self._heartbeats: list[health.Heartbeat] = []
        self.stopping = threading.Event()
        self._deadline = float("inf")

    def overdue(self) -> bool:
        """Whether the current message must be returned to the queue now."""
        return time.monotonic() >= self._deadline

    def also(self, queue: str, handler: Handler[M], read: Callable[[bytes, int | None], M]) -> None:
        """Makes `run` consume another queue too, one message at a time beside those of the first queue."""
        consumption = self._consumption_of(queue)
        connection = BrokerConnection(self._settings, name=queue, consumption=consumption)
        self._others.append(self._consumer(consumption, connection, handler, read))

    def run(
        self,
        handler: Handler[M],
        checks: Mapping[str, Check],
        read: Callable[[bytes, int | None], M] = decode,  # type: ignore[assignment]  # for the queues of jobs
        *,
        on_subscribe: Callable[[], object] | None = None,
    ) -> int:
        """Handles messages until a signal; returns the exit code. `on_subscribe`: see `Consumer`."""
        settings = self._settings
        if settings.stop_at is not None:
            checkpoints.stop_process_at(settings.stop_at)
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        consumer = self._consumer(self._consumption, self._connection, handler, read, on_subscribe)
        dependencies = Dependencies({"rabbitmq": self._connection.check, **checks})
        with health.listen(settings.health_host, settings.health_port) as listener:
            health.serve(listener, dependencies, lambda: all(heartbeat.alive() for heartbeat in self._heartbeats))
            others = [threading.Thread(target=other.run, name="other queue", daemon=True) for other in self._others]
            for other in others:
                other.start()
            consumer.run()
            for other in others:
                other.join(settings.shutdown_grace)
        log.info("Stopped")
        return 0

    def _consumption_of(self, queue: str) -> Consumption:
        delays = (*self._retries.delays, *self._settings.retry_delays)
        return Consumption(queue, delays, self._settings.dead_letter_window)

    def _consumer(
        self,
        consumption: Consumption,
        connection: BrokerConnection,
        handler: Handler[M],
        read: Callable[[bytes, int | None], M],
        on_subscribe: Callable[[], object] | None = None,
    ) -> Consumer:
        heartbeat = health.Heartbeat(self._settings.health_stale_after)
        self._heartbeats.append(heartbeat)
        settlement = Settlement(
            self._settings,
            consumption,
            publisher=Publisher(connection),
            handler=handler,
            read=read,
            retries=self._retries,
        )
        return Consumer(
            consumption.queue,
            connection=connection,
            settlement=settlement,
            heartbeat=heartbeat,
            stop=self.stopping,
            probe_every=self._settings.dead_letter_probe,
            on_subscribe=on_subscribe,
        )

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._deadline = time.monotonic() + (0 if self.stopping.is_set() else self._settings.shutdown_grace)
        self.stopping.set()
