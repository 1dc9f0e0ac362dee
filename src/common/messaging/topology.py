"""The queues, declared by code: each with its dead letters, and for its consumer one queue a retry delay.

A delayed retry waits in `<queue>.retry.<ms>`, whose messages expire back into `<queue>`: the delay survives a restart
of everything. All are quorum queues; at-least-once dead-lettering (RabbitMQ 3.10) needs `reject-publish`.

The arguments of an existing queue cannot be changed, so none depends on a setting: what can be configured is the
consumer's work (DELIVERY_LIMIT), or part of the queue's name (RETRY_DELAYS, DEAD_LETTER_WINDOW).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pika import BlockingConnection
from pika.exceptions import ChannelClosedByBroker

from common.runtime.settings import RabbitSettings

_PRECONDITION_FAILED = 406
# RabbitMQ 3.10 does not know 4's "-1".
_UNLIMITED = 1_000_000
# The broker's own limit, for messages that end their worker before it can count (DELIVERY_LIMIT). All releases have
# declared their queues with it.
_BROKER_DELIVERY_LIMIT = 30

QUORUM = {"x-queue-type": "quorum", "x-delivery-limit": _UNLIMITED}


@dataclass(frozen=True)
class Declaration:
    """A durable queue as it should be."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Consumption:
    """What the consumer of a queue needs besides the queue: the delays of its retries, and the dead letters' window."""

    queue: str
    delays: tuple[float, ...]
    window: float

    def declarations(self) -> Iterator[Declaration]:
        """Its queues, the main one last: what messages are moved to from there is then declared."""
        for delay in sorted(set(self.delays)):
            arguments = {"x-message-ttl": int(delay * 1000), **_dead_lettering_to(self.queue)}
            yield Declaration(retry_queue(self.queue, delay), arguments)
        yield Declaration(recent_queue(self.queue, self.window), {**QUORUM, "x-message-ttl": int(self.window * 1000)})
        yield from _published(self.queue)


def dead_queue(queue: str) -> str:
    """The queue that holds a queue's dead letters."""
    return f"{queue}.dead"


def retry_queue(queue: str, delay: float) -> str:
    """The queue in which a message waits `delay` seconds before it comes back."""
    return f"{queue}.retry.{int(delay * 1000)}"


def holding_queue(queue: str) -> str:
    """The queue in which a queue's messages wait while it is replaced: see `migration`."""
    return f"{queue}.migration"


def recent_queue(queue: str, window: float) -> str:
    """The queue whose length is the number of the last `window` seconds' unexpected dead letters."""
    return f"{dead_queue(queue)}.recent.{int(window * 1000)}"


def queues(settings: RabbitSettings) -> tuple[str, ...]:
    """The queues that a service talks through."""
    ours = (settings.video_queue, settings.mp3_queue)
    return (*ours, settings.summary_queue) if settings.summary_queue else ours


def published(settings: RabbitSettings) -> Iterator[Declaration]:
    """What everybody may publish to or look at."""
    for queue in queues(settings):
        yield from _published(queue)


def declare(connection: BlockingConnection, declarations: Iterable[Declaration]) -> list[Declaration]:
    """Declares queues; returns those that exist with another kind or other arguments."""
    return [declaration for declaration in declarations if not _declared(connection, declaration)]


def _declared(connection: BlockingConnection, declaration: Declaration) -> bool:
    # The broker closes the channel of a declaration that does not fit.
    channel = connection.channel()
    try:
        channel.queue_declare(declaration.name, durable=True, arguments=declaration.arguments)
    except ChannelClosedByBroker as error:
        if error.reply_code != _PRECONDITION_FAILED:
            raise
        return False
    channel.close()
    return True


def _published(queue: str) -> Iterator[Declaration]:
    dead = dead_queue(queue)
    # RabbitMQ 4 drops after 20 deliveries what has no limit of its own, and each look at a dead letter is one.
    yield Declaration(dead, QUORUM)
    yield Declaration(queue, {**_dead_lettering_to(dead), "x-delivery-limit": _BROKER_DELIVERY_LIMIT})


def _dead_lettering_to(queue: str) -> dict[str, Any]:
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
