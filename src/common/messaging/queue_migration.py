"""Replaces queues that exist with another kind or other arguments, without losing a message.

Neither can be changed on an existing queue. So its messages are moved to another one, each confirmed before it is
acknowledged; the queue is deleted and declared; the messages are moved back. Each step can be repeated: wherever a
process ends, every message is in one of the queues, and the next consumer that connects continues.

No message is lost while others publish, or still work on one:
- A classic queue is deleted only if it is empty and has no consumers, which the broker checks as it deletes. But it
  confirms and drops messages that arrive at that moment: so publishers send a copy to `<queue>.migration` (see
  `publisher`), which exists before the first message is moved.
- Quorum queues have no such deletion. An existing main queue, which all services publish to, is then used unchanged:
  none of its arguments is essential (see `topology`). Only the main queue's consumers publish to the others, which are
  replaced while there are no consumers.
- Only one process at a time replaces the queues of a consumer: it declares an exclusive queue on its connection, which
  the broker deletes with that connection.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from pika import BasicProperties, BlockingConnection, DeliveryMode
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, ConnectionClosedByBroker

from common.errors import TransientError
from common.messaging.message import DELIVERY_COUNT
from common.messaging.topology import (
    NOT_FOUND,
    QUORUM,
    Consumption,
    Declaration,
    dead_queue,
    declare,
    holding_queue,
    recent_queue,
)

log = logging.getLogger(__name__)

_RESOURCE_LOCKED = 405
_PRECONDITION_FAILED = 406
_NOT_IMPLEMENTED = 540

Connect = Callable[[], BlockingConnection]
Step = Callable[[], None]


class MigrationPending(TransientError):
    """A queue cannot be used yet: others still consume it, or another process is replacing it."""


def migrate(connect: Connect, consumption: Consumption, unfit: Collection[str], on_step: Step) -> None:
    """Replaces those of a consumer's queues that are `unfit`, and finishes a migration that was interrupted.

    Calls `on_step` for each message that it moves. Raises MigrationPending if it has to wait for other processes.
    """
    queue = consumption.queue
    for declaration in consumption.declarations():
        if declaration.name not in unfit:
            continue
        conditional = _deletes_conditionally(connect, declaration.name)
        if declaration.name == queue and not conditional:
            log.warning('The queue "%s" has other arguments than this release declares, and is used unchanged', queue)
            continue
        with _locked(connect, queue) as connection:
            _replace(connection, consumption, declaration, on_step, conditional=conditional)
    for name in (queue, dead_queue(queue)):
        if _exists(connect, holding_queue(name)):
            with _locked(connect, queue) as connection:
                _bring_back(connection, name, on_step)


def _replace(
    connection: BlockingConnection,
    consumption: Consumption,
    declaration: Declaration,
    on_step: Step,
    *,
    conditional: bool,
) -> None:
    channel, name, queue = _confirming(connection), declaration.name, consumption.queue
    while declare(connection, [declaration]):
        if channel.queue_declare(queue, passive=True).method.consumer_count:
            raise MigrationPending(f'Waiting to replace "{queue}": it still has consumers of another release')
        log.warning('Replacing the queue "%s": it exists with another kind or other arguments', name)
        if name in {queue, dead_queue(queue)}:
            channel.queue_declare(holding_queue(name), durable=True, arguments=QUORUM)
            _move(channel, name, holding_queue(name), on_step)
        elif name != recent_queue(queue, consumption.window):
            # These messages are retried early. The messages that count dead letters are not moved.
            _move(channel, name, queue, on_step)
        _delete(connection, name, conditional=conditional)


def _bring_back(connection: BlockingConnection, name: str, on_step: Step) -> None:
    channel = _confirming(connection)
    _move(channel, holding_queue(name), name, on_step)
    # Only the holder of the lock publishes to it.
    channel.queue_delete(holding_queue(name))
    log.info('Moved all messages back to "%s"', name)


def _confirming(connection: BlockingConnection) -> BlockingChannel:
    channel = connection.channel()
    channel.confirm_delivery()
    return channel


def _move(channel: BlockingChannel, source: str, target: str, on_step: Step) -> None:
    count = 0
    while True:
        method, properties, body = channel.basic_get(source)
        if method is None:
            break
        channel.basic_publish("", target, body, _copied(properties), mandatory=True)
        channel.basic_ack(method.delivery_tag)
        count += 1
        on_step()
    log.info('Moved %d messages from "%s" to "%s"', count, source, target)


def _copied(properties: BasicProperties) -> BasicProperties:
    headers = {key: value for key, value in (properties.headers or {}).items() if key != DELIVERY_COUNT}
    return BasicProperties(
        content_type=properties.content_type, headers=headers or None, delivery_mode=DeliveryMode.Persistent
    )


def _delete(connection: BlockingConnection, name: str, *, conditional: bool) -> None:
    """Deletes the queue; a conditional deletion does nothing if the queue has messages or consumers."""
    channel = connection.channel()
    try:
        channel.queue_delete(name, if_unused=conditional, if_empty=conditional)
    except ChannelClosedByBroker as error:
        if error.reply_code != _PRECONDITION_FAILED:
            raise
    else:
        channel.close()


def _deletes_conditionally(connect: Connect, name: str) -> bool:
    """Tries a conditional deletion; returns whether the broker supports it for this kind of queue."""
    with connect() as connection:
        try:
            _delete(connection, name, conditional=True)
        except ConnectionClosedByBroker as error:
            if error.reply_code != _NOT_IMPLEMENTED:
                raise
            return False
    return True


def _exists(connect: Connect, name: str) -> bool:
    with connect() as connection:
        try:
            connection.channel().queue_declare(name, passive=True)
        except ChannelClosedByBroker as error:
            if error.reply_code != NOT_FOUND:
                raise
            return False
    return True


@contextmanager
def _locked(connect: Connect, queue: str) -> Iterator[BlockingConnection]:
    with connect() as connection:
        try:
            connection.channel().queue_declare(f"{holding_queue(queue)}.lock", exclusive=True)
        except ChannelClosedByBroker as error:
            if error.reply_code == _RESOURCE_LOCKED:
                raise MigrationPending(f'another process is replacing the queues of "{queue}"') from error
            raise
        yield connection
