"""A connection to RabbitMQ that can be used from any thread.

A pika BlockingConnection belongs to the thread that created it. This thread only runs the connection's loop, which
keeps the heartbeats; other threads submit work with `call`, which waits for the result up to a deadline.
"""

import functools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TypeVar

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, NackError, UnroutableError

from common.errors import TransientError
from common.messaging import queue_migration, topology
from common.messaging.topology import Consumption
from common.runtime import tls
from common.runtime.settings import RabbitSettings

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# s. How long one iteration of the loop waits for traffic; work from other threads wakes it at once.
_ITERATION = 1.0
# s. The delays between attempts to connect.
_BACKOFF = (0.2, 0.5, 1, 2, 5)


class BrokerUnavailable(TransientError):
    """RabbitMQ cannot be reached, or did not confirm in time: the work may or may not have been done."""


def connect(settings: RabbitSettings, name: str) -> pika.BlockingConnection:
    """Opens a connection that shows as `name` in the management UI, for use in one thread."""
    parameters = pika.URLParameters(settings.rabbitmq_url)
    if settings.rabbitmq_ca_file is not None:
        context = tls.context(settings.rabbitmq_ca_file, settings.rabbitmq_cert_file)
        parameters.ssl_options = pika.SSLOptions(context, parameters.host)
    parameters.heartbeat = settings.rabbitmq_heartbeat
    parameters.blocked_connection_timeout = settings.rabbitmq_timeout
    parameters.socket_timeout = settings.rabbitmq_timeout
    parameters.stack_timeout = settings.rabbitmq_timeout * 1.5
    parameters.client_properties = {"connection_name": name}
    return pika.BlockingConnection(parameters)


class BrokerConnection:
    """Connects, declares the queues of a consumer, and reconnects when the connection is lost."""

    def __init__(self, settings: RabbitSettings, name: str, consumption: Consumption | None = None) -> None:
        """With a `consumption`, it declares the consumer's queues, and migrates those of other kinds."""
        self._settings = settings
        self._name = name
        self._consumption = consumption
        self._declarations = list(consumption.declarations()) if consumption else []
        self._connection: pika.BlockingConnection | None = None
        self._channel: BlockingChannel | None = None
        self._lock = threading.Lock()
        self._waiting: set[Future[object]] = set()
        self._cancelled = False

    def run(
        self,
        stop: threading.Event,
        *,
        on_connect: Callable[[BlockingChannel], None] = lambda _: None,
        on_iteration: Callable[[], None] = lambda: None,
    ) -> None:
        """Runs the loop in this thread until `stop` is set."""

        def on_step() -> None:
            on_iteration()
            if stop.is_set():
                raise queue_migration.MigrationPending("the process stops; the next one continues")

        failures = 0
        while not stop.is_set():
            try:
                self._connect(on_connect, on_step)
                failures = 0
                while not stop.is_set() and not self._cancelled:
                    on_iteration()
                    self._iterate()
            except queue_migration.MigrationPending as error:
                log.warning("RabbitMQ: %s", error)
            except (AMQPError, OSError) as error:
                log.warning("RabbitMQ: %s: %s", type(error).__name__, error)
            finally:
                self._disconnect()
            on_iteration()
            stop.wait(_BACKOFF[min(failures, len(_BACKOFF) - 1)])
            failures += 1

    def start(self, stop: threading.Event) -> threading.Thread:
        """Runs the loop in a thread of its own."""
        thread = threading.Thread(target=self._run_until, args=(stop,), name="rabbitmq", daemon=True)
        thread.start()
        return thread

    def call(self, work: Callable[[BlockingChannel], Result]) -> Result:
        """Runs `work` with the channel in the connection's thread and returns its result.

        Raises BrokerUnavailable if there is no connection, it is lost, or RABBITMQ_TIMEOUT passes; UnroutableError and
        NackError if the broker rejects what `work` publishes.
        """
        future: Future[Result] = Future()
        with self._lock:
            connection, channel = self._connection, self._channel
            if connection is None or channel is None:
                raise BrokerUnavailable("RabbitMQ is not connected")
            self._waiting.add(future)  # type: ignore[arg-type]

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(work(channel))
            except BaseException as error:  # noqa: BLE001  raised again in the calling thread
                future.set_exception(error)

        try:
            connection.add_callback_threadsafe(run)
            return future.result(self._settings.rabbitmq_timeout)
        except TimeoutError as error:
            future.cancel()
            raise BrokerUnavailable("RabbitMQ did not answer in time") from error
        except CancelledError as error:
            raise BrokerUnavailable("The connection to RabbitMQ was lost") from error
        except (UnroutableError, NackError):
            raise  # about the message, not the connection
        except (AMQPError, OSError) as error:
            raise BrokerUnavailable(f"RabbitMQ: {type(error).__name__}: {error}") from error
        finally:
            with self._lock:
                self._waiting.discard(future)

    def declare(self) -> None:
        """Redeclares the consumer's queues, after one was deleted; raises BrokerUnavailable."""
        self.call(lambda channel: topology.declare(channel.connection, self._declarations))

    def renew(self) -> None:
        """Reconnects; unacknowledged messages are redelivered."""
        self._cancelled = True

    def check(self) -> None:
        """Raises BrokerUnavailable unless the connection is open and its thread responds."""
        self.call(lambda _: None)

    def _run_until(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                self.run(stop)
            except Exception:  # without this thread the process has no connection to the broker
                log.exception("Reconnecting to RabbitMQ after an unexpected error")
                stop.wait(_BACKOFF[-1])

    def _connect(self, on_connect: Callable[[BlockingChannel], None], on_step: Callable[[], None]) -> None:
        self._cancelled = False
        connection = connect(self._settings, self._name)
        with self._lock:
            self._connection = connection
        unfit = {declaration.name for declaration in topology.declare(connection, self._declarations)}
        if self._consumption is not None:
            another = functools.partial(connect, self._settings, f"{self._name} migration")
            queue_migration.migrate(another, self._consumption, unfit, on_step)
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_qos(prefetch_count=1)
        channel.add_on_cancel_callback(self._on_cancel)
        on_connect(channel)
        with self._lock:
            self._channel = channel
        log.info("Connected to RabbitMQ")

    def _on_cancel(self, _frame: object) -> None:
        log.warning("Reconnecting: RabbitMQ cancelled the subscription (was the queue deleted?)")
        self.renew()

    def _iterate(self) -> None:
        connection, channel = self._connection, self._channel
        if connection is not None:
            connection.process_data_events(time_limit=_ITERATION)
        # The broker closes a channel, not the connection, when a declaration or acknowledgement fails.
        if channel is not None and channel.is_closed:
            self.renew()

    def _disconnect(self) -> None:
        with self._lock:
            connection, self._connection, self._channel = self._connection, None, None
            waiting = list(self._waiting)
        if connection is not None and connection.is_open:
            # If the broker hangs, closing takes up to a heartbeat's time, which would block this thread for too long.
            closing = threading.Thread(target=_close, args=(connection,), name="rabbitmq-closing", daemon=True)
            closing.start()
            closing.join(self._settings.rabbitmq_timeout)
        for future in waiting:
            # Has no effect on work that has begun: it has already raised, as its connection is closed.
            future.cancel()


def _close(connection: pika.BlockingConnection) -> None:
    try:
        connection.close()
    except Exception as error:  # noqa: BLE001  pika fails in many ways when the peer is gone
        log.debug("Closing the connection: %s", error)
