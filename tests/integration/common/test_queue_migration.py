"""Consumers replace queues of another kind or with other arguments, and no message is lost."""

import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from common.messaging import queue_migration, topology
from common.messaging.connection import BrokerConnection, BrokerUnavailable, connect
from common.messaging.publisher import Publisher
from common.messaging.queue_migration import MigrationPending
from common.messaging.topology import Consumption, dead_queue, holding_queue, retry_queue
from common.runtime.settings import RabbitSettings
from tests.integration.servers import DELAYS
from tests.waiting import eventually

Bodies = set[bytes]


@contextmanager
def opened(rabbit: RabbitSettings) -> Iterator[BlockingChannel]:
    """A channel of another client."""
    connection = pika.BlockingConnection(pika.URLParameters(rabbit.rabbitmq_url))
    try:
        yield connection.channel()
    finally:
        if connection.is_open:
            connection.close()


@pytest.fixture
def channel(rabbit: RabbitSettings) -> Iterator[BlockingChannel]:
    with opened(rabbit) as made:
        yield made


@pytest.fixture
def consumption(rabbit: RabbitSettings) -> Iterator[Consumption]:
    """What the consumer of the queue `video` declares."""
    yield Consumption(rabbit.video_queue, DELAYS, rabbit.dead_letter_window)
    with opened(rabbit) as channel:
        for queue in (rabbit.video_queue, dead_queue(rabbit.video_queue)):
            channel.queue_delete(holding_queue(queue))


@contextmanager
def connected(rabbit: RabbitSettings, consumption: Consumption | None = None) -> Iterator[BrokerConnection]:
    """A service's connection, with the queues as they should be."""
    stop = threading.Event()
    connection = BrokerConnection(rabbit, "service", consumption)
    thread = connection.start(stop)
    try:
        eventually(lambda: usable(connection), what="the queues")
        yield connection
    finally:
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def usable(connection: BrokerConnection) -> bool:
    try:
        connection.check()
    except Exception as error:
        raise AssertionError(str(error)) from error
    return True


def put(channel: BlockingChannel, queue: str, count: int) -> Bodies:
    """Publishes as the first release did."""
    channel.confirm_delivery()
    bodies = [b'{"number": %d}' % number for number in range(count)]
    for body in bodies:
        channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2))
    return set(bodies)


def content(channel: BlockingChannel, queue: str) -> Bodies:
    """Takes all messages of a queue, which may not exist."""
    own = channel.connection.channel()
    bodies: Bodies = set()
    try:
        while (got := own.basic_get(queue, auto_ack=True))[0]:
            bodies.add(got[2])
    except ChannelClosedByBroker as error:
        if error.reply_code != 404:
            raise
    return bodies


def exists(channel: BlockingChannel, queue: str) -> bool:
    try:
        channel.connection.channel().queue_declare(queue, passive=True)
    except ChannelClosedByBroker:
        return False
    return True


def fits(channel: BlockingChannel, consumption: Consumption) -> bool:
    """Whether the broker accepts each declaration, which it does only if nothing differs."""
    return topology.declare(channel.connection, consumption.declarations()) == []


@pytest.mark.parametrize("which", [lambda queue: queue, dead_queue], ids=["main", "dead"])
def test_a_classic_queue_becomes_a_quorum_queue_with_its_messages(rabbit, channel, consumption, which):
    name = which(rabbit.video_queue)
    channel.queue_declare(name, durable=True)
    bodies = put(channel, name, 20)
    with connected(rabbit, consumption):
        assert fits(channel, consumption)
    assert content(channel, name) == bodies
    assert not exists(channel, holding_queue(name))


def test_the_headers_of_moved_messages_are_kept(rabbit, channel, consumption):
    channel.queue_declare(rabbit.video_queue, durable=True)
    properties = pika.BasicProperties(headers={"x-attempt": 2, "x-request-id": "abc"})
    channel.basic_publish("", rabbit.video_queue, b"{}", properties)
    with connected(rabbit, consumption):
        pass
    _, properties, _ = channel.basic_get(rabbit.video_queue, auto_ack=True)
    assert {**properties.headers, "x-delivery-count": 0} == {
        "x-attempt": 2,
        "x-request-id": "abc",
        "x-delivery-count": 0,
    }
    assert properties.delivery_mode == 2


def test_retries_in_a_queue_of_another_kind_are_redelivered_early(rabbit, channel, consumption):
    name = retry_queue(rabbit.video_queue, DELAYS[0])
    channel.queue_declare(name, durable=True)
    bodies = put(channel, name, 5)
    with connected(rabbit, consumption):
        assert fits(channel, consumption)
    assert content(channel, rabbit.video_queue) == bodies


@pytest.mark.parametrize("which", [dead_queue, lambda queue: retry_queue(queue, DELAYS[0])], ids=["dead", "retry"])
def test_a_quorum_queue_that_only_consumers_publish_to_is_replaced(rabbit, channel, consumption, which):
    name = which(rabbit.video_queue)
    channel.queue_declare(name, durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 7})
    bodies = put(channel, name, 5)
    with connected(rabbit, consumption):
        assert fits(channel, consumption)
    assert content(channel, name) | content(channel, rabbit.video_queue) == bodies


def test_a_main_quorum_queue_with_another_delivery_limit_is_used_unchanged(rabbit, channel, consumption):
    arguments = {"x-queue-type": "quorum", "x-delivery-limit": 7}
    channel.queue_declare(rabbit.video_queue, durable=True, arguments=arguments)
    bodies = put(channel, rabbit.video_queue, 5)
    with connected(rabbit, consumption):
        pass
    assert content(channel, rabbit.video_queue) == bodies
    channel.queue_declare(rabbit.video_queue, durable=True, arguments=arguments)


def test_messages_in_the_queue_of_a_removed_delay_are_redelivered(rabbit, channel, consumption):
    with connected(rabbit, consumption):
        pass
    bodies = put(channel, retry_queue(rabbit.video_queue, DELAYS[1]), 3)
    other = Consumption(rabbit.video_queue, (0.3,), rabbit.dead_letter_window)
    with connected(rabbit, other):
        found: Bodies = set()

        def back() -> bool:
            found.update(content(channel, rabbit.video_queue))
            return found == bodies

        eventually(back)
    channel.queue_delete(retry_queue(rabbit.video_queue, 0.3))


def test_a_publisher_uses_a_classic_queue_unchanged(rabbit, channel, consumption):
    channel.queue_declare(rabbit.video_queue, durable=True)
    with connected(rabbit) as connection:
        Publisher(connection).publish_raw(rabbit.video_queue, b"{}")
    channel.queue_declare(rabbit.video_queue, durable=True)
    with connected(rabbit, consumption):
        assert fits(channel, consumption)
    assert content(channel, rabbit.video_queue) == {b"{}"}


def test_a_queue_with_consumers_of_another_release_is_replaced_when_they_have_stopped(rabbit, channel, consumption):
    channel.queue_declare(rabbit.video_queue, durable=True)
    bodies = put(channel, rabbit.video_queue, 5)
    # Like the first release's consumer, it has taken everything and acknowledged nothing.
    channel.basic_consume(rabbit.video_queue, lambda *_: None)
    stop, waited = threading.Event(), threading.Event()
    connection = BrokerConnection(rabbit, "service", consumption)
    turns = iter(range(10**6))
    thread = threading.Thread(
        target=connection.run, args=(stop,), kwargs={"on_iteration": lambda: next(turns) >= 2 and waited.set()}
    )
    thread.start()
    try:
        assert waited.wait(30)
        channel.queue_declare(rabbit.video_queue, durable=True)
        with pytest.raises(Exception, match="not connected"):
            connection.check()
        channel.connection.close()
        eventually(lambda: usable(connection), what="the queues")
    finally:
        stop.set()
        thread.join(30)
    with opened(rabbit) as other:
        assert content(other, rabbit.video_queue) == bodies
        assert fits(other, consumption)


def test_publishers_continue_while_several_replicas_replace_a_queue(rabbit, channel, consumption):
    channel.queue_declare(rabbit.video_queue, durable=True)
    bodies = put(channel, rabbit.video_queue, 100)
    published: list[bytes] = []
    done = threading.Event()

    def publish(connection: BrokerConnection) -> None:
        publisher = Publisher(connection)
        while not done.wait(0.1):
            body = b'{"later": %d}' % len(published)
            # Like a service: what RabbitMQ does not confirm is published again.
            with contextlib.suppress(BrokerUnavailable):
                publisher.publish_raw(rabbit.video_queue, body)
                published.append(body)

    with connected(rabbit) as gateway:
        thread = threading.Thread(target=publish, args=(gateway,))
        thread.start()
        try:
            with connected(rabbit, consumption), connected(rabbit, consumption), connected(rabbit, consumption):
                assert fits(channel, consumption)
        finally:
            done.set()
            thread.join(30)
    assert published
    assert content(channel, rabbit.video_queue) >= bodies | set(published)


def replace(rabbit: RabbitSettings, consumption: Consumption) -> None:
    """One attempt of a consumer that connects."""
    connection = connect(rabbit, "service")
    unfit = {declaration.name for declaration in topology.declare(connection, consumption.declarations())}
    connection.close()
    queue_migration.migrate(lambda: connect(rabbit, "migration"), consumption, unfit, lambda: None)


class Cut(Exception):
    """Ends a migration."""


@contextmanager
def cut_after(operations: int) -> Iterator[None]:
    """Ends the migration before or after an operation on the broker: two points for each operation."""
    left = iter(range(operations))

    def step() -> None:
        if next(left, None) is None:
            raise Cut

    def watched(original: Callable[..., object]) -> Callable[..., object]:
        def operation(channel: BlockingChannel, *args: object, **kwargs: object) -> object:
            step()
            result = original(channel, *args, **kwargs)
            step()
            return result

        return operation

    with pytest.MonkeyPatch.context() as patch:
        for name in ("queue_declare", "queue_delete", "basic_get", "basic_publish", "basic_ack"):
            patch.setattr(BlockingChannel, name, watched(getattr(BlockingChannel, name)))
        yield


def was_cut(rabbit: RabbitSettings, consumption: Consumption, operations: int) -> bool:
    try:
        with cut_after(operations):
            replace(rabbit, consumption)
    except Cut:
        return True
    return False


def test_an_interrupted_migration_loses_nothing_and_is_finished_by_the_next_process(rabbit, channel, consumption):
    name = rabbit.video_queue
    for operations in itertools.count():
        channel.queue_delete(name)
        channel.queue_declare(name, durable=True)
        bodies = put(channel, name, 1)
        cut = was_cut(rabbit, consumption, operations)
        eventually(lambda: finished(rabbit, consumption), what="a migration without a rival")
        assert content(channel, name) == bodies, f"after {operations} operations"
        assert fits(channel, consumption)
        assert not exists(channel, holding_queue(name))
        if not cut:
            break
    # The message is moved twice by three operations, and cut before and after each.
    assert operations > 12


def finished(rabbit: RabbitSettings, consumption: Consumption) -> bool:
    try:
        replace(rabbit, consumption)
    except MigrationPending as error:  # the broker has not yet noticed the end of the one before
        raise AssertionError(str(error)) from error
    return True


def test_a_process_that_is_killed_during_a_migration_loses_nothing(rabbit, channel, consumption):
    channel.queue_declare(rabbit.video_queue, durable=True)
    bodies = put(channel, rabbit.video_queue, 300)
    process = multiprocessing.get_context("spawn").Process(target=replace, args=(rabbit, consumption))
    process.start()
    eventually(lambda: depth(channel, holding_queue(rabbit.video_queue)) > 20, seconds=60, pause=0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    assert exists(channel, holding_queue(rabbit.video_queue))
    with connected(rabbit, consumption):
        assert fits(channel, consumption)
    assert content(channel, rabbit.video_queue) == bodies


def depth(channel: BlockingChannel, queue: str) -> int:
    own = channel.connection.channel()
    try:
        return int(own.queue_declare(queue, passive=True).method.message_count)
    except ChannelClosedByBroker:
        return 0
