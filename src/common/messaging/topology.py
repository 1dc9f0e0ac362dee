"""Declares the queues: each with a queue of its dead letters and one queue per retry delay.

A queue is declared by its consumers only: RabbitMQ's users of the services that publish to it may neither configure nor
read it (manifests/rabbitmq/definitions.json).

A delayed retry waits in `<queue>.retry.<ms>`, from where it expires to `<queue>`: the delay survives any restart. All
are quorum queues; at-least-once dead-lettering (RabbitMQ 3.10) needs `reject-publish`.

The arguments of an existing queue cannot be changed, so none depends on a setting: settings are applied by the consumer
(DELIVERY_LIMIT), or are part of the queue's name (RETRY_DELAYS, DEAD_LETTER_WINDOW).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pika import BlockingConnection
from pika.exceptions import ChannelClosedByBroker

from common.runtime.settings import RabbitSettings

# AMQP's reply codes.
NOT_FOUND = 404
_PRECONDITION_FAILED = 406
# RabbitMQ 4 has "-1" for this, which 3.10 does not support.
_UNLIMITED = 1_000_000
# The broker's limit, for messages that crash their worker before it can count them (DELIVERY_LIMIT). All releases have
# declared their queues with it.
_BROKER_DELIVERY_LIMIT = 30

QUORUM = {"x-queue-type": "quorum", "x-delivery-limit": _UNLIMITED}


@dataclass(frozen=True)
class Declaration:
    """A durable queue."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Consumption:
    """A queue with the delays of its retries (s) and the window in which its dead letters are counted (s)."""

    queue: str
    delays: tuple[float, ...]
    window: float

    def declarations(self) -> Iterator[Declaration]:
        """Its queues, the main one last, so that a migration can move its messages to the others."""
        for delay in sorted(set(self.delays)):
            arguments = {"x-message-ttl": int(delay * 1000), **_dead_lettering_to(self.queue)}
            yield Declaration(retry_queue(self.queue, delay), arguments)
        yield Declaration(recent_queue(self.queue, self.window), {**QUORUM, "x-message-ttl": int(self.window * 1000)})
        dead = dead_queue(self.queue)
        # RabbitMQ 4 drops messages after 20 deliveries by default, and each look at a dead letter counts as one.
        yield Declaration(dead, QUORUM)
        yield Declaration(self.queue, {**_dead_lettering_to(dead), "x-delivery-limit": _BROKER_DELIVERY_LIMIT})


def dead_queue(queue: str) -> str:
    return f"{queue}.dead"


def retry_queue(queue: str, delay: float) -> str:
    """The queue in which a message waits `delay` seconds for its retry."""
    return f"{queue}.retry.{int(delay * 1000)}"


def holding_queue(queue: str) -> str:
    """The queue that keeps a queue's messages while it is replaced: see `queue_migration`."""
    return f"{queue}.migration"


def recent_queue(queue: str, window: float) -> str:
    """The queue whose length is the number of unexpected dead letters in the last `window` seconds."""
    return f"{dead_queue(queue)}.recent.{int(window * 1000)}"


def queues(settings: RabbitSettings) -> tuple[str, ...]:
    """The main queues; `summary` and `mail` only where they are configured."""
    optional = (settings.summary_queue, settings.mail_queue)
    return (settings.video_queue, settings.mp3_queue, *(name for name in optional if name))


def declare(connection: BlockingConnection, declarations: Iterable[Declaration]) -> list[Declaration]:
    """Declares queues; returns those that exist with another kind or other arguments."""
    return [declaration for declaration in declarations if not _declared(connection, declaration)]


def _declared(connection: BlockingConnection, declaration: Declaration) -> bool:
    # The broker closes the channel if an existing queue has another kind or other arguments.
    channel = connection.channel()
    try:
        channel.queue_declare(declaration.name, durable=True, arguments=declaration.arguments)
    except ChannelClosedByBroker as error:
        if error.reply_code != _PRECONDITION_FAILED:
            raise
        return False
    channel.close()
    return True


def _dead_lettering_to(queue: str) -> dict[str, Any]:
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
