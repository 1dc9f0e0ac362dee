"""How a worker process runs: health server, signals, and the consumer in the main thread."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import TypeVar

from common import logs
from common.dependencies import Check, Dependencies
from common.errors import ConfigurationError
from common.health import HealthServer, Heartbeat
from common.messaging.connection import BrokerConnection
from common.messaging.consumer import Consumer, Handler
from common.messaging.message import Envelope, decode
from common.messaging.publisher import Publisher
from common.settings import WorkerSettings
from common.startup import EXIT_CONFIGURATION

log = logging.getLogger(__name__)

M = TypeVar("M", bound=Envelope)


class Shutdown:
    """What a signal asks for: at first to take no more work, after a grace (or a second signal) to drop it."""

    def __init__(self, grace: float) -> None:
        self.requested = threading.Event()
        self._grace = grace
        self._deadline = float("inf")

    def request(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """A signal handler."""
        self._deadline = time.monotonic() + (0 if self.requested.is_set() else self._grace)
        self.requested.set()

    def overdue(self) -> bool:
        """Whether the work at hand must be handed back now."""
        return time.monotonic() >= self._deadline


def run(
    settings: WorkerSettings,
    queue: str,
    build: Callable[[Publisher, Shutdown], Handler[M]],
    checks: Mapping[str, Check],
    read: Callable[[bytes], M] = decode,  # type: ignore[assignment]  # the queues of jobs need not say so
) -> int:
    """Consumes `queue` with the handler that `build` makes until SIGTERM or SIGINT; returns the exit code."""
    logs.configure(settings.log_level, settings.log_format)
    shutdown = Shutdown(settings.shutdown_grace)
    signal.signal(signal.SIGTERM, shutdown.request)
    signal.signal(signal.SIGINT, shutdown.request)
    connection = BrokerConnection(settings, name=queue)
    publisher = Publisher(settings, connection)
    heartbeat = Heartbeat(settings.health_stale_after)
    consumer = Consumer(
        settings,
        queue,
        connection=connection,
        publisher=publisher,
        handler=build(publisher, shutdown),
        heartbeat=heartbeat,
        stop=shutdown.requested,
        read=read,
    )
    dependencies = Dependencies({"rabbitmq": connection.check, **checks})
    try:
        with HealthServer(settings.health_host, settings.health_port, dependencies, heartbeat.alive):
            consumer.run()
    except ConfigurationError as error:
        log.critical("%s", error)
        return EXIT_CONFIGURATION
    log.info("Stopped")
    return 0
