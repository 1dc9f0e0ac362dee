"""Messages are confirmed, retried through the broker, and dead-lettered; connections and queues are restored."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from bson import ObjectId

from common.errors import TransientError
from common.messaging.connection import BrokerConnection, BrokerUnavailable, connect
from common.messaging.consumer import Consumer
from common.messaging.handler import HandedBack
from common.messaging.message import DELIVERIES, REASON, Message, decode
from common.messaging.publisher import Publisher
from common.messaging.retries import RetryPolicy
from common.messaging.settlement import Settlement
from common.messaging.topology import Consumption, dead_queue, recent_queue
from common.runtime import metrics
from common.runtime.health import Heartbeat
from common.runtime.settings import RabbitSettings
from tests.waiting import eventually

MESSAGE = Message(video_fid=ObjectId(), mp3_fid=None, username="a@example.com")


class Recorder:
    """A handler that records its calls and then does what the test wants."""

    def __init__(self, act: Callable[[int], None] = lambda _: None) -> None:
        self.handled: list[Message] = []
        self.given_up: list[str] = []
        self._act = act

    def handle(self, message: Message) -> None:
        self.handled.append(message)
        self._act(len(self.handled))

    def give_up(self, message: Message, reason: str) -> None:
        self.given_up.append(reason)


def failing(*errors: Exception) -> Callable[[int], None]:
    """Raises the errors one after another, then succeeds."""

    def act(time: int) -> None:
        if time <= len(errors):
            raise errors[time - 1]

    return act


@contextmanager
def consuming(
    rabbit: RabbitSettings, handler: Recorder, on_subscribe: Callable[[Publisher], object] | None = None, **changes: Any
) -> Iterator[threading.Event]:
    settings = rabbit.model_copy(update=changes)
    retries = RetryPolicy(settings.retry_delays)
    consumption = Consumption(settings.video_queue, retries.delays, settings.dead_letter_window)
    connection = BrokerConnection(settings, "consumer", consumption)
    publisher = Publisher(connection)
    stop = threading.Event()
    consumer = Consumer(
        settings.video_queue,
        connection=connection,
        settlement=Settlement(
            settings, consumption, publisher=publisher, handler=handler, read=decode, retries=retries
        ),
        heartbeat=Heartbeat(60),
        stop=stop,
        probe_every=settings.dead_letter_probe,
        on_subscribe=(lambda: on_subscribe(publisher)) if on_subscribe else None,
    )
    thread = threading.Thread(target=consumer.run)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def test_a_message_is_handled_once(rabbit, publisher, taken):
    handler = Recorder()
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, MESSAGE)
        eventually(lambda: handler.handled == [MESSAGE])
    assert taken(rabbit.video_queue) is None
    assert taken(dead_queue(rabbit.video_queue)) is None


def test_a_consumer_that_has_subscribed_is_counted_and_can_publish(rabbit):
    handler = Recorder()
    counted: list[int] = []

    def act(publisher: Publisher) -> None:
        counted.append(publisher.state(rabbit.video_queue).consumers)
        publisher.publish(rabbit.video_queue, MESSAGE)
        raise KeyError("a bug")

    with consuming(rabbit, handler, act):
        eventually(lambda: handler.handled == [MESSAGE])
    assert counted == [1]


def test_a_transient_failure_is_retried_until_it_succeeds_in_the_same_run(rabbit, publisher, taken):
    handler = Recorder(failing(TransientError("down"), TransientError("still down")))
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, replace(MESSAGE, run=3))
        eventually(lambda: len(handler.handled) == 3)
    assert [message.run for message in handler.handled] == [3, 3, 3]
    assert handler.given_up == []
    assert taken(dead_queue(rabbit.video_queue)) is None


def test_after_the_last_attempt_a_message_is_dead_lettered_with_the_reason(rabbit, publisher, taken):
    handler = Recorder(failing(*[TransientError("the disk is full")] * 9))
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, MESSAGE)
        eventually(lambda: handler.given_up)
    assert len(handler.handled) == 3
    body, headers = eventually(lambda: taken(dead_queue(rabbit.video_queue)))
    assert body == MESSAGE.encode()
    assert headers[REASON] == "after 3 attempts: the disk is full"


def test_unacknowledged_messages_are_redelivered_after_a_reconnect(rabbit, broker, publisher):
    publisher.publish(rabbit.video_queue, MESSAGE)
    seen: list[int] = []
    broker.call(lambda channel: channel.basic_consume(rabbit.video_queue, lambda *_: seen.append(1)))
    eventually(lambda: seen)
    broker.renew()
    handler = Recorder()
    with consuming(rabbit, handler):
        eventually(lambda: handler.handled)


def test_a_stopping_consumer_returns_its_message_to_the_queue(rabbit, publisher, taken):
    handler = Recorder()
    with consuming(rabbit, handler) as stop:

        def act(_time: int) -> None:
            stop.set()
            raise HandedBack("stopping")

        handler._act = act
        publisher.publish(rabbit.video_queue, MESSAGE)
        eventually(lambda: handler.handled)
    body, _ = eventually(lambda: taken(rabbit.video_queue))
    assert body == MESSAGE.encode()


def test_the_current_message_is_finished_before_the_consumer_stops(rabbit, publisher, taken):
    begun, go_on = threading.Event(), threading.Event()

    def act(_time: int) -> None:
        begun.set()
        assert go_on.wait(30)

    handler = Recorder(act)
    with consuming(rabbit, handler) as stop:
        publisher.publish(rabbit.video_queue, MESSAGE)
        publisher.publish(rabbit.video_queue, MESSAGE)
        assert begun.wait(30)
        stop.set()
        go_on.set()
    assert len(handler.handled) == 1
    assert eventually(lambda: taken(rabbit.video_queue))
    assert taken(rabbit.video_queue) is None


def test_a_deleted_queue_is_redeclared_by_its_consumer_while_the_publisher_tries_again(rabbit, publisher, broker):
    handler = Recorder()
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, MESSAGE)
        eventually(lambda: len(handler.handled) == 1)
        broker.call(lambda channel: channel.queue_delete(rabbit.video_queue))
        publisher.publish(rabbit.video_queue, MESSAGE)
        eventually(lambda: len(handler.handled) == 2)


def test_a_message_for_a_queue_without_a_consumer_since_the_first_start_is_not_confirmed(publisher):
    with pytest.raises(BrokerUnavailable, match='RabbitMQ has no queue "none"'):
        publisher.publish("none", MESSAGE)
    with pytest.raises(BrokerUnavailable, match='RabbitMQ has no queue "none"'):
        publisher.state("none")


LIMITED = {"dead_letter_limit": 2, "dead_letter_probe": 0.2, "retry_delays": (0.2,)}


def message() -> Message:
    return Message(video_fid=ObjectId(), mp3_fid=None, username="a@example.com")


class Release(Recorder):
    """A release with a bug for some messages, until it is fixed."""

    def __init__(self, fails: Callable[[Message], bool] = lambda _: True) -> None:
        super().__init__()
        self.fails = fails
        self.done: set[Message] = set()

    def handle(self, message: Message) -> None:
        if self.fails(message):
            raise KeyError("a bug in the release")
        self.done.add(message)


def paused(rabbit: RabbitSettings) -> bool:
    return metrics.CONSUMER_PAUSED.labels(rabbit.video_queue)._value.get() == 1


def has_consumer(broker: BrokerConnection, queue: str) -> bool:
    return bool(broker.call(lambda channel: channel.queue_declare(queue, passive=True)).method.consumer_count)


def test_a_bad_release_dead_letters_only_a_few_messages_and_the_others_are_handled_after_the_fix(
    rabbit, publisher, broker, caplog
):
    messages = {message() for _ in range(8)}
    release = Release()
    with consuming(rabbit, release, **LIMITED):
        for each in messages:
            publisher.publish(rabbit.video_queue, each)
        eventually(lambda: paused(rabbit))
        assert "Paused consuming" in caplog.text
        # It tries messages and stays paused: the others are neither handled nor dead-lettered.
        probes = caplog.text.count("Not dead-lettered")
        eventually(lambda: caplog.text.count("Not dead-lettered") >= probes + 3)
        assert publisher.waiting(dead_queue(rabbit.video_queue)) == 2
        assert len(release.given_up) == 2
        release.fails = lambda _: False
        eventually(lambda: len(release.done) == 6)
        assert not paused(rabbit)
        eventually(lambda: has_consumer(broker, rabbit.video_queue))
    assert publisher.waiting(dead_queue(rabbit.video_queue)) == 2


def test_all_replicas_share_the_limit_also_after_a_restart(rabbit, publisher):
    for _ in range(2):
        with consuming(rabbit, Release(), **LIMITED), consuming(rabbit, Release(), **LIMITED):
            for _ in range(4):
                publisher.publish(rabbit.video_queue, message())
            eventually(lambda: paused(rabbit))
    # Each of two replicas may exceed it by one, as both may have counted at the same time.
    assert publisher.waiting(dead_queue(rabbit.video_queue)) <= 3


def test_dead_letters_no_longer_count_after_the_window(rabbit, publisher):
    window = {**LIMITED, "dead_letter_window": 0.5}
    with consuming(rabbit, Release(), **window):
        for _ in range(2):
            publisher.publish(rabbit.video_queue, message())
        eventually(lambda: publisher.waiting(dead_queue(rabbit.video_queue)) == 2)
        recent = recent_queue(rabbit.video_queue, 0.5)
        eventually(lambda: publisher.waiting(recent) == 0)
        publisher.publish(rabbit.video_queue, message())
        eventually(lambda: publisher.waiting(dead_queue(rabbit.video_queue)) == 3)
    publisher._connection.call(lambda channel: channel.queue_delete(recent))


def test_messages_that_fail_do_not_block_others_while_the_limit_is_reached(rabbit, publisher):
    bad = {message() for _ in range(6)}
    good = {message() for _ in range(6)}
    release = Release(lambda each: each in bad)
    with consuming(rabbit, release, **LIMITED):
        for pair in zip(bad, good, strict=True):
            for each in pair:
                publisher.publish(rabbit.video_queue, each)
        eventually(lambda: release.done == good)
    assert publisher.waiting(dead_queue(rabbit.video_queue)) <= 2


def test_a_message_whose_consumers_crash_is_dead_lettered_after_the_delivery_limit(rabbit, publisher, taken):
    limit = 3
    handler = Recorder()
    with consuming(rabbit, handler):  # declares the queues
        pass
    publisher.publish(rabbit.video_queue, MESSAGE, {DELIVERIES: limit - 2})
    for _ in range(2):
        deliver_and_crash(rabbit)
    with consuming(rabbit, handler, delivery_limit=limit):
        _, headers = eventually(lambda: taken(dead_queue(rabbit.video_queue)))
    assert handler.handled == []
    assert handler.given_up == [headers[REASON]]
    assert f"{limit} deliveries" in headers[REASON]


def deliver_and_crash(rabbit: RabbitSettings) -> None:
    """A consumer that receives a message, and whose connection then ends."""
    connection = connect(rabbit, "crashing")
    seen: list[int] = []
    connection.channel().basic_consume(rabbit.video_queue, lambda *_: seen.append(1))

    def turned() -> bool:
        connection.process_data_events(time_limit=0.1)
        return bool(seen)

    eventually(turned)
    connection.close()


def test_an_unavailable_broker_is_a_transient_failure():
    settings = RabbitSettings(rabbitmq_uri="amqp://guest:guest@127.0.0.1:9/", rabbitmq_timeout=1)
    connection = BrokerConnection(settings, "test")
    stop = threading.Event()
    thread = connection.start(stop)
    with pytest.raises(BrokerUnavailable):
        Publisher(connection).publish("video", MESSAGE)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


def test_a_lost_connection_is_restored(rabbit, broker, publisher, taken):
    broker.call(lambda channel: channel.connection._impl._transport.abort())
    eventually(lambda: _published(publisher, rabbit.video_queue))
    assert eventually(lambda: taken(rabbit.video_queue))


def _published(publisher: Publisher, queue: str) -> bool:
    try:
        publisher.publish(queue, MESSAGE)
    except BrokerUnavailable as error:
        raise AssertionError(str(error)) from error
    return True
