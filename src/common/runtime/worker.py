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
from common.runtime import checkpoints, logs
from common.runtime.dependencies import Check, Dependencies
from common.runtime.health import HealthServer, Heartbeat, listen
from common.runtime.settings import WorkerSettings

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Envelope)


class Shutdown:
    """After a signal no more messages are taken; the current one has `grace` s left, or until a second signal."""

    def __init__(self, grace: float) -> None:
        self.requested = threading.Event()
        self._grace = grace
        self._deadline = float("inf")

    def request(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        self._deadline = time.monotonic() + (0 if self.requested.is_set() else self._grace)
        self.requested.set()

    def overdue(self) -> bool:
        """Whether the current message must be returned to the queue now."""
        return time.monotonic() >= self._deadline


def run(
    settings: WorkerSettings,
    queue: str,
    build: Callable[[Publisher, Shutdown], Handler[M]],
    checks: Mapping[str, Check],
    *,
    read: Callable[[bytes, int | None], M] = decode,  # type: ignore[assignment]  # the default, for the queues of jobs
    retries: RetryPolicy | None = None,
) -> int:
    """Consumes `queue` with the handler from `build` until SIGTERM or SIGINT; returns the exit code.

    `retries` applies to transient failures, by default with RETRY_DELAYS.
    """
    logs.configure(settings.log_level, settings.log_format)
    if settings.stop_at is not None:
        checkpoints.stop_process_at(settings.stop_at)
    shutdown = Shutdown(settings.shutdown_grace)
    signal.signal(signal.SIGTERM, shutdown.request)
    signal.signal(signal.SIGINT, shutdown.request)
    retries = retries or RetryPolicy(settings.retry_delays)
    consumption = Consumption(queue, (*retries.delays, *settings.retry_delays), settings.dead_letter_window)
    connection = BrokerConnection(settings, name=queue, consumption=consumption)
    publisher = Publisher(connection)
    heartbeat = Heartbeat(settings.health_stale_after)
    handler = build(publisher, shutdown)
    consumer = Consumer(
        queue,
        connection=connection,
        settlement=Settlement(settings, consumption, publisher=publisher, handler=handler, read=read, retries=retries),
        heartbeat=heartbeat,
        stop=shutdown.requested,
        probe_every=settings.dead_letter_probe,
    )
    dependencies = Dependencies({"rabbitmq": connection.check, **checks})
    with HealthServer(listen(settings.health_host, settings.health_port), dependencies, heartbeat.alive):
        consumer.run()
    log.info("Stopped")
    return 0
