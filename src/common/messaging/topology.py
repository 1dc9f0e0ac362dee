"""The queues, declared by code: for each queue its dead letters and one queue a retry delay.

A delayed retry waits in `<queue>.retry.<ms>`, whose messages expire back into `<queue>`: the delay survives a restart
of everything. All are quorum queues; at-least-once dead-lettering (RabbitMQ 3.10) needs `reject-publish`.
"""

from collections.abc import Iterator
from typing import Any

from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from common.errors import ConfigurationError
from common.settings import RabbitSettings

_PRECONDITION_FAILED = 406
# RabbitMQ 3.10 does not know 4's "-1".
_UNLIMITED = 1_000_000


def dead_queue(queue: str) -> str:
    """The queue that holds a queue's dead letters."""
    return f"{queue}.dead"


def retry_queue(queue: str, delay: float) -> str:
    """The queue in which a message waits `delay` seconds before it comes back."""
    return f"{queue}.retry.{int(delay * 1000)}"


def queues(settings: RabbitSettings) -> tuple[str, ...]:
    """The queues that a service talks through."""
    ours = (settings.video_queue, settings.mp3_queue)
    return (*ours, settings.summary_queue) if settings.summary_queue else ours


def declare(channel: BlockingChannel, settings: RabbitSettings) -> None:
    """Declares everything; raises ConfigurationError when a queue exists with another kind or arguments."""
    for name, arguments in _declarations(settings):
        try:
            channel.queue_declare(name, durable=True, arguments=arguments)
        except ChannelClosedByBroker as error:
            if error.reply_code != _PRECONDITION_FAILED:
                raise
            raise ConfigurationError(
                f'The queue "{name}" exists with another kind or other settings ({error.reply_text}). '
                f"Stop the services that write to it, let its messages be consumed or move them away with the "
                f'management UI ("Move messages"), delete it (rabbitmqctl delete_queue {name}) and start again: '
                f"it is then declared anew."
            ) from error


def _declarations(settings: RabbitSettings) -> Iterator[tuple[str, dict[str, Any]]]:
    for queue in queues(settings):
        dead = dead_queue(queue)
        # RabbitMQ 4 drops after 20 deliveries what has no limit of its own, and each look at a dead letter is one.
        yield dead, {"x-queue-type": "quorum", "x-delivery-limit": _UNLIMITED}
        for delay in settings.retry_delays:
            yield retry_queue(queue, delay), {"x-message-ttl": int(delay * 1000), **_dead_lettering_to(queue)}
        yield queue, {"x-delivery-limit": settings.delivery_limit, **_dead_lettering_to(dead)}


def _dead_lettering_to(queue: str) -> dict[str, Any]:
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": queue,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }
