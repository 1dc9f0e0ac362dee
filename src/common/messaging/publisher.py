"""Publishes persistent messages, mandatory and with confirms."""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, NackError, UnroutableError

from common.messaging.connection import BrokerConnection, BrokerUnavailable
from common.messaging.message import REQUEST, Envelope
from common.messaging.topology import NOT_FOUND, holding_queue
from common.runtime import logs

log = logging.getLogger(__name__)

Result = TypeVar("Result")

# How often something is tried while the queue does not exist.
_ATTEMPTS = 4
# s between them. RabbitMQ (seen with 3.10) does not cancel the consumers of a deleted quorum queue if one of the same
# name is declared at once: they would wait for messages of the deleted one.
_CANCELLATION = 1.0


@dataclass(frozen=True)
class QueueState:
    ready: int
    """Messages that no consumer has."""
    consumers: int


class Publisher:
    """Publishes through a connection, from any thread."""

    def __init__(self, connection: BrokerConnection) -> None:
        self._connection = connection

    def check(self) -> None:
        """Raises BrokerUnavailable unless RabbitMQ is connected."""
        self._connection.check()

    def publish(self, queue: str, message: Envelope, headers: Mapping[str, Any] | None = None) -> None:
        """Returns when RabbitMQ has confirmed the message; raises BrokerUnavailable otherwise."""
        self.publish_raw(queue, message.encode(), {**message.headers, **(headers or {})})

    def publish_raw(self, queue: str, body: bytes, headers: Mapping[str, Any] | None = None) -> None:
        """As `publish`, for a body that may be invalid (dead letters)."""
        self._again_while_missing(queue, lambda: self._send(queue, body, headers))

    def waiting(self, queue: str) -> int:
        """How many messages of the queue are ready for delivery; raises BrokerUnavailable."""
        return self.state(queue).ready

    def state(self, queue: str) -> QueueState:
        """Raises BrokerUnavailable."""
        return self._again_while_missing(queue, lambda: self._connection.call(lambda channel: _state(channel, queue)))

    def known_state(self, queue: str) -> QueueState | None:
        """As `state`, at once: None if the queue does not exist, or if this user may not count its messages."""
        return self._connection.call(lambda channel: _known_state(channel, queue))

    def _again_while_missing(self, queue: str, act: Callable[[], Result]) -> Result:
        """Tries again if the queue does not exist: its consumers declare it again when it was deleted."""
        for attempt in range(_ATTEMPTS):
            if attempt:
                log.warning('The queue "%s" does not exist; trying again', queue)
                time.sleep(_CANCELLATION)
                self._connection.declare()
            with contextlib.suppress(UnroutableError):
                return act()
        raise BrokerUnavailable(f'RabbitMQ has no queue "{queue}"')

    def _send(self, queue: str, body: bytes, headers: Mapping[str, Any] | None) -> None:
        cause = logs.REQUEST.get()
        # BCC adds a second queue, which only exists while queues are replaced (see `queue_migration`).
        copy: dict[str, Any] = {"BCC": [holding_queue(queue)]}
        properties = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=pika.DeliveryMode.Persistent,
            headers={**({REQUEST: cause} if cause else {}), **(headers or {}), **copy},
        )
        try:
            self._connection.call(lambda channel: channel.basic_publish("", queue, body, properties, mandatory=True))
        except NackError as error:
            raise BrokerUnavailable(f'RabbitMQ rejected a message for "{queue}"') from error


def _state(channel: BlockingChannel, queue: str) -> QueueState:
    """Raises UnroutableError if the queue does not exist."""
    # The broker closes the channel if there is no such queue.
    own = channel.connection.channel()
    try:
        declared = own.queue_declare(queue, passive=True).method
    except ChannelClosedByBroker as error:
        if error.reply_code == NOT_FOUND:
            raise UnroutableError([]) from error
        raise
    own.close()
    return QueueState(int(declared.message_count), int(declared.consumer_count))


def _known_state(channel: BlockingChannel, queue: str) -> QueueState | None:
    try:
        return _state(channel, queue)
    except (UnroutableError, ChannelClosedByBroker):
        return None
