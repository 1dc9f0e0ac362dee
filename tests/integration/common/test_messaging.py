"""Messages are confirmed, retried through the broker with growing delays, and buried with a reason."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from bson import ObjectId

from common.errors import PermanentError, TransientError
from common.messaging.connection import BrokerConnection, BrokerUnavailable, connect
from common.messaging.consumer import Consumer
from common.messaging.handler import Busy, HandedBack
from common.messaging.message import ATTEMPT, DELIVERIES, REASON, Message, Received, decode
from common.messaging.publisher import Publisher
from common.messaging.retries import RetryPolicy
from common.messaging.settlement import Outcome, Settlement
from common.messaging.topology import Consumption, dead_queue, recent_queue
from common.runtime import metrics
from common.runtime.health import Heartbeat
from common.runtime.settings import RabbitSettings
from tests.waiting import eventually

MESSAGE = Message(video_fid=ObjectId(), mp3_fid=None, username="a@example.com")


class Recorder:
    """A handler that notes what it gets and does what the test says."""

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
def consuming(rabbit: RabbitSettings, handler: Recorder, **changes: Any) -> Iterator[threading.Event]:
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
    )
    thread = threading.Thread(target=consumer.run)
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(30)
        assert not thread.is_alive()


def test_a_message_is_handled_once_and_gone(rabbit, publisher, taken):
    handler = Recorder()
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, MESSAGE)
        eventually(lambda: handler.handled == [MESSAGE])
    assert taken(rabbit.video_queue) is None
    assert taken(dead_queue(rabbit.video_queue)) is None


def test_a_transient_failure_is_tried_again_until_it_works(rabbit, publisher, taken):
    handler = Recorder(failing(TransientError("down"), TransientError("still down")))
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, MESSAGE)
        eventually(lambda: len(handler.handled) == 3)
    assert handler.given_up == []
    assert taken(dead_queue(rabbit.video_queue)) is None


def test_after_the_last_attempt_it_is_given_up_and_buried_with_the_reason(rabbit, publisher, taken):
    handler = Recorder(failing(*[TransientError("the disk is full")] * 9))
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, MESSAGE)
        eventually(lambda: handler.given_up)
    assert len(handler.handled) == 3
    body, headers = eventually(lambda: taken(dead_queue(rabbit.video_queue)))
    assert body == MESSAGE.encode()
    assert headers[REASON] == "after 3 attempts: the disk is full"


def test_a_permanent_failure_is_not_tried_again(rabbit, publisher, taken):
    handler = Recorder(failing(PermanentError("no such user")))
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, MESSAGE)
        _, headers = eventually(lambda: taken(dead_queue(rabbit.video_queue)))
    assert len(handler.handled) == 1
    assert headers[REASON] == "no such user"


def test_an_unexpected_error_is_tried_again_and_then_buried(rabbit, publisher, taken):
    handler = Recorder(failing(*[KeyError("oops")] * 9))
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, MESSAGE)
        _, headers = eventually(lambda: taken(dead_queue(rabbit.video_queue)))
    assert "KeyError" in headers[REASON]


def test_an_error_in_giving_up_does_not_stop_the_worker(rabbit, publisher, taken):
    class Clumsy(Recorder):
        def give_up(self, message: Message, reason: str) -> None:
            raise ValueError("this job is strange")

    handler = Clumsy(failing(PermanentError("no such user")))
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, MESSAGE)
        assert eventually(lambda: taken(dead_queue(rabbit.video_queue)))
        publisher.publish(rabbit.video_queue, MESSAGE)
        eventually(lambda: len(handler.handled) == 2)


def test_a_renewed_connection_brings_back_what_was_not_answered(rabbit, broker, publisher):
    publisher.publish(rabbit.video_queue, MESSAGE)
    seen: list[int] = []
    broker.call(lambda channel: channel.basic_consume(rabbit.video_queue, lambda *_: seen.append(1)))
    eventually(lambda: seen)
    broker.renew()
    handler = Recorder()
    with consuming(rabbit, handler):
        eventually(lambda: handler.handled)


def test_a_busy_job_comes_back_and_counts_as_no_attempt(rabbit, publisher, taken):
    handler = Recorder(failing(*[Busy("held")] * 5))
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, MESSAGE)
        eventually(lambda: len(handler.handled) == 6)
    assert handler.given_up == []


def test_a_message_that_is_none_is_buried_and_holds_up_nothing(rabbit, publisher, taken):
    handler = Recorder()
    with consuming(rabbit, handler):
        publisher.publish_raw(rabbit.video_queue, b"\xff not json")
        publisher.publish(rabbit.video_queue, MESSAGE)
        eventually(lambda: handler.handled == [MESSAGE])
        body, headers = eventually(lambda: taken(dead_queue(rabbit.video_queue)))
    assert body == b"\xff not json"
    assert headers[REASON] == "the message is not JSON"


def test_a_handed_back_message_is_in_the_queue_again(rabbit, publisher, taken):
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


def test_the_message_at_hand_is_finished_before_the_consumer_stops(rabbit, publisher, taken):
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


def test_an_attempt_counts_the_ones_before(rabbit, publisher):
    handler = Recorder(failing(*[TransientError("down")] * 9))
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, MESSAGE, {ATTEMPT: 2})
        eventually(lambda: handler.given_up)
    assert len(handler.handled) == 1


def test_a_deleted_queue_is_declared_anew_by_publisher_and_consumer(rabbit, publisher, broker):
    handler = Recorder()
    with consuming(rabbit, handler):
        publisher.publish(rabbit.video_queue, MESSAGE)
        eventually(lambda: len(handler.handled) == 1)
        broker.call(lambda channel: channel.queue_delete(rabbit.video_queue))
        publisher.publish(rabbit.video_queue, MESSAGE)
        eventually(lambda: len(handler.handled) == 2)


LIMITED = {"dead_letter_limit": 2, "dead_letter_probe": 0.2, "retry_delays": (0.2,)}


def message() -> Message:
    return Message(video_fid=ObjectId(), mp3_fid=None, username="a@example.com")


class Release(Recorder):
    """Code with an error for some messages, until it is repaired."""

    def __init__(self, fails: Callable[[Message], bool] = lambda _: True) -> None:
        super().__init__()
        self.fails = fails
        self.done: set[Message] = set()

    def handle(self, message: Message) -> None:
        if self.fails(message):
            raise KeyError("an error in the release")
        self.done.add(message)


def paused(rabbit: RabbitSettings) -> bool:
    return metrics.CONSUMER_PAUSED.labels(rabbit.video_queue)._value.get() == 1


def has_consumer(broker: BrokerConnection, queue: str) -> bool:
    return bool(broker.call(lambda channel: channel.queue_declare(queue, passive=True)).method.consumer_count)


def test_a_bad_release_makes_only_a_few_dead_letters_and_all_is_handled_after_the_fix(
    rabbit, publisher, broker, caplog
):
    messages = {message() for _ in range(8)}
    release = Release()
    with consuming(rabbit, release, **LIMITED):
        for each in messages:
            publisher.publish(rabbit.video_queue, each)
        eventually(lambda: paused(rabbit))
        assert "Paused consuming" in caplog.text
        # It tries messages, and stays paused: the others are neither handled nor dead letters.
        probes = caplog.text.count("Not made a dead letter")
        eventually(lambda: caplog.text.count("Not made a dead letter") >= probes + 3)
        assert publisher.waiting(dead_queue(rabbit.video_queue)) == 2
        assert len(release.given_up) == 2
        release.fails = lambda _: False
        eventually(lambda: len(release.done) == 6)
        assert not paused(rabbit)
        eventually(lambda: has_consumer(broker, rabbit.video_queue))
    assert publisher.waiting(dead_queue(rabbit.video_queue)) == 2


def test_the_limit_holds_for_all_replicas_and_after_a_restart(rabbit, publisher):
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


def test_permanent_failures_are_no_reason_to_pause(rabbit, publisher):
    handler = Recorder(failing(*[PermanentError("no such mailbox")] * 5))
    with consuming(rabbit, handler, **LIMITED):
        for _ in range(5):
            publisher.publish(rabbit.video_queue, message())
        eventually(lambda: publisher.waiting(dead_queue(rabbit.video_queue)) == 5)
        assert not paused(rabbit)


def test_messages_that_fail_hold_up_no_good_ones_while_the_limit_is_reached(rabbit, publisher):
    bad = {message() for _ in range(6)}
    good = {message() for _ in range(6)}
    release = Release(lambda each: each in bad)
    with consuming(rabbit, release, **LIMITED):
        for pair in zip(bad, good, strict=True):
            for each in pair:
                publisher.publish(rabbit.video_queue, each)
        eventually(lambda: release.done == good)
    assert publisher.waiting(dead_queue(rabbit.video_queue)) <= 2


@pytest.mark.parametrize("limit", [3, 25])
def test_a_message_whose_consumers_vanish_becomes_a_dead_letter_after_the_delivery_limit(
    rabbit, publisher, broker, taken, limit
):
    handler = Recorder()
    with consuming(rabbit, handler):  # declares the queues
        pass
    publisher.publish(rabbit.video_queue, MESSAGE, {DELIVERIES: limit - 2})
    for _ in range(2):
        deliver_and_vanish(rabbit)
    with consuming(rabbit, handler, delivery_limit=limit):
        _, headers = eventually(lambda: taken(dead_queue(rabbit.video_queue)))
    assert handler.handled == []
    assert handler.given_up == [headers[REASON]]
    assert f"{limit} deliveries" in headers[REASON]


def test_the_broker_s_own_limit_is_not_reached(rabbit, publisher, taken):
    """It gives up after 30 deliveries; before that the message is published again, with their number."""
    handler = Recorder()
    retries = RetryPolicy(rabbit.retry_delays)
    consumption = Consumption(rabbit.video_queue, retries.delays, rabbit.dead_letter_window)
    settlement = Settlement(rabbit, consumption, publisher=publisher, handler=handler, read=decode, retries=retries)
    received = Received(MESSAGE.encode(), attempt=2, deliveries=22, uncounted=12)
    assert settlement.settle(received) is Outcome.REQUEUED
    body, headers = taken(rabbit.video_queue)
    assert (body, headers[DELIVERIES], headers[ATTEMPT]) == (MESSAGE.encode(), 22, 2)
    assert handler.handled == []


def deliver_and_vanish(rabbit: RabbitSettings) -> None:
    """A consumer that gets a message, and is gone with its connection."""
    connection = connect(rabbit, "vanishing")
    seen: list[int] = []
    connection.channel().basic_consume(rabbit.video_queue, lambda *_: seen.append(1))

    def turned() -> bool:
        connection.process_data_events(time_limit=0.1)
        return bool(seen)

    eventually(turned)
    connection.close()


def test_a_broker_that_is_not_there_is_a_transient_failure():
    settings = RabbitSettings(rabbitmq_uri="amqp://guest:guest@127.0.0.1:9/", rabbitmq_timeout=1)
    connection = BrokerConnection(settings, "test")
    stop = threading.Event()
    thread = connection.start(stop)
    with pytest.raises(BrokerUnavailable):
        Publisher(connection).publish("video", MESSAGE)
    stop.set()
    thread.join(30)
    assert not thread.is_alive()


def test_a_lost_connection_is_made_again(rabbit, broker, publisher, taken):
    broker.call(lambda channel: channel.connection._impl._transport.abort())
    eventually(lambda: _published(publisher, rabbit.video_queue))
    assert eventually(lambda: taken(rabbit.video_queue))


def _published(publisher: Publisher, queue: str) -> bool:
    try:
        publisher.publish(queue, MESSAGE)
    except BrokerUnavailable as error:
        raise AssertionError(str(error)) from error
    return True
