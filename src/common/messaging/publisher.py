"""Publishing that is certain: persistent, mandatory and confirmed, or an error."""

import logging
from collections.abc import Mapping
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import NackError, UnroutableError

from common.messaging import topology
from common.messaging.connection import BrokerConnection, BrokerUnavailable
from common.messaging.message import Message
from common.settings import RabbitSettings

log = logging.getLogger(__name__)


class Publisher:
    """Publishes through a connection, from any thread."""

    def __init__(self, settings: RabbitSettings, connection: BrokerConnection) -> None:
        self._settings = settings
        self._connection = connection

    def publish(self, queue: str, message: Message, headers: Mapping[str, Any] | None = None) -> None:
        """Returns when RabbitMQ has confirmed the message; raises BrokerUnavailable otherwise."""
        self.publish_raw(queue, message.encode(), headers)

    def publish_raw(self, queue: str, body: bytes, headers: Mapping[str, Any] | None = None) -> None:
        """As `publish`, for a body that may be no message at all (dead letters)."""

        def send(channel: BlockingChannel) -> None:
            try:
                _send(channel, queue, body, headers)
            except UnroutableError:
                # Somebody deleted the queue under us: it is ours to declare.
                log.warning('The queue "%s" was gone and is declared anew', queue)
                topology.declare(channel, self._settings)
                _send(channel, queue, body, headers)

        try:
            self._connection.call(send)
        except (UnroutableError, NackError) as error:
            raise BrokerUnavailable(f'RabbitMQ did not take a message for "{queue}"') from error


def _send(channel: BlockingChannel, queue: str, body: bytes, headers: Mapping[str, Any] | None) -> None:
    properties = pika.BasicProperties(
        content_type="application/json",
        delivery_mode=pika.DeliveryMode.Persistent,
        headers=dict(headers or {}),
    )
    channel.basic_publish("", queue, body, properties, mandatory=True)
