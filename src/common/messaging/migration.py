"""Replaces queues that exist with another kind or other arguments, without losing a message.

Neither can be changed on an existing queue. So its messages are moved to another one, each with a confirm before it is
acknowledged; the queue is deleted and declared; the messages are moved back. Each step can be repeated: a process that
ends anywhere leaves every message in one of the queues, and the next consumer that connects goes on.

No message is lost to those who publish meanwhile, or still work on one:
- A classic queue is deleted only if it is empty and has no consumers, which the broker checks as it deletes. But it
  confirms and drops what is on its way to the queue just then: so publishers send a copy to `<queue>.migration` (see
  `publisher`), which exists before the first message is moved.
- For quorum queues there is no such deletion. The main queue, which everybody publishes to, is then used as it is: none
  of its arguments matters (see `topology`). The others are published to by the main queue's consumers alone, so they
  are replaced while there are none.
- Only one process at a time replaces the queues of a consumer: it declares an exclusive queue on the connection that it
  works through, which the broker deletes with that connection.
"""

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from pika import BasicProperties, BlockingConnection, DeliveryMode
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, ConnectionClosedByBroker

from common.errors import TransientError
from common.messaging.message import DELIVERY_COUNT
from common.messaging.topology import QUORUM, Consumption, Declaration, dead_queue, declare, holding_queue, recent_queue

log = logging.getLogger(__name__)

_NOT_FOUND = 404
_RESOURCE_LOCKED = 405
_PRECONDITION_FAILED = 406
_NOT_IMPLEMENTED = 540

Connect = Callable[[], BlockingConnection]
Step = Callable[[], None]


class MigrationPending(TransientError):
    """Raised when a queue cannot be used yet: others still consume it, or another process is replacing it."""


def migrate(connect: Connect, consumption: Consumption, unfit: Collection[str], on_step: Step) -> None:
    """Replaces the `unfit` ones of a consumer's queues, and finishes what another process has begun.

    Calls `on_step` for each message that it moves. Raises MigrationPending when it has to wait for others.
    """
    queue = consumption.queue
    for declaration in consumption.declarations():
        if declaration.name not in unfit:
            continue
        conditional = _deletes_conditionally(connect, declaration.name)
        if declaration.name == queue and not conditional:
            log.warning('The queue "%s" has other arguments than this release declares, and is used as it is', queue)
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
            raise MigrationPending(f'"{name}" is to be replaced when "{queue}" has no consumers of another release')
        log.warning('Replacing the queue "%s": it exists with another kind or other arguments', name)
        if name in {queue, dead_queue(queue)}:
            channel.queue_declare(holding_queue(name), durable=True, arguments=QUORUM)
            _move(channel, name, holding_queue(name), on_step)
        elif name != recent_queue(queue, consumption.window):
            # Retries that come back early. What counts dead letters needs no messages.
            _move(channel, name, queue, on_step)
        _delete(connection, name, conditional=conditional)


def _bring_back(connection: BlockingConnection, name: str, on_step: Step) -> None:
    channel = _confirming(connection)
    _move(channel, holding_queue(name), name, on_step)
    # Only who holds the lock publishes to it.
    channel.queue_delete(holding_queue(name))
    log.info('The messages of "%s" are back', name)


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
    """Deletes the queue; does nothing when somebody published or subscribed just before a conditional deletion."""
    channel = connection.channel()
    try:
        channel.queue_delete(name, if_unused=conditional, if_empty=conditional)
    except ChannelClosedByBroker as error:
        if error.reply_code != _PRECONDITION_FAILED:
            raise
    else:
        channel.close()


def _deletes_conditionally(connect: Connect, name: str) -> bool:
    """Whether the queue is of a kind that the broker deletes only if it is empty: found out by doing so."""
    with _opened(connect) as connection:
        try:
            _delete(connection, name, conditional=True)
        except ConnectionClosedByBroker as error:
            if error.reply_code != _NOT_IMPLEMENTED:
                raise
            return False
    return True


def _exists(connect: Connect, name: str) -> bool:
    with _opened(connect) as connection:
        try:
            connection.channel().queue_declare(name, passive=True)
        except ChannelClosedByBroker as error:
            if error.reply_code != _NOT_FOUND:
                raise
            return False
    return True


@contextmanager
def _locked(connect: Connect, queue: str) -> Iterator[BlockingConnection]:
    with _opened(connect) as connection:
        try:
            connection.channel().queue_declare(f"{holding_queue(queue)}.lock", exclusive=True)
        except ChannelClosedByBroker as error:
            if error.reply_code == _RESOURCE_LOCKED:
                raise MigrationPending(f'another process is replacing the queues of "{queue}"') from error
            raise
        yield connection


@contextmanager
def _opened(connect: Connect) -> Iterator[BlockingConnection]:
    connection = connect()
    try:
        yield connection
    finally:
        # The broker closes a connection for what it does not implement.
        if connection.is_open:
            connection.close()
