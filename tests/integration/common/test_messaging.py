"""Messages are confirmed, retried through the broker with growing delays, and buried with a reason."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pika
import pytest
from bson import ObjectId

from common.errors import ConfigurationError, PermanentError, TransientError
from common.health import Heartbeat
from common.messaging.connection import BrokerConnection, BrokerUnavailable
from common.messaging.consumer import Busy, Consumer, HandedBack
from common.messaging.message import ATTEMPT, REASON, Message
from common.messaging.publisher import Publisher
from common.messaging.topology import dead_queue
from common.settings import RabbitSettings
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
def consuming(rabbit: RabbitSettings, handler: Recorder) -> Iterator[threading.Event]:
    connection = BrokerConnection(rabbit, "consumer")
    stop = threading.Event()
    consumer = Consumer(
        rabbit,
        rabbit.video_queue,
        connection=connection,
        publisher=Publisher(rabbit, connection),
        handler=handler,
        heartbeat=Heartbeat(60),
        stop=stop,
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


def test_a_queue_of_another_kind_is_told_with_the_way_out(rabbit):
    connection = pika.BlockingConnection(pika.URLParameters(rabbit.rabbitmq_url))
    connection.channel().queue_declare(rabbit.video_queue, durable=True)
    connection.close()
    with pytest.raises(ConfigurationError, match=f"delete_queue {rabbit.video_queue}"):
        BrokerConnection(rabbit, "test").run(threading.Event())


def test_a_broker_that_is_not_there_is_a_transient_failure():
    settings = RabbitSettings(rabbitmq_uri="amqp://guest:guest@127.0.0.1:9/", rabbitmq_timeout=1)
    connection = BrokerConnection(settings, "test")
    stop = threading.Event()
    thread = connection.start(stop)
    with pytest.raises(BrokerUnavailable):
        Publisher(settings, connection).publish("video", MESSAGE)
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
