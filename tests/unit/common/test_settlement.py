"""Messages are handled, retried with growing delays, or dead-lettered with a reason."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from bson import ObjectId

from common.errors import PermanentError, TransientError
from common.messaging.connection import BrokerUnavailable
from common.messaging.handler import Busy, HandedBack, NotDue
from common.messaging.message import ATTEMPT, DELIVERIES, ERRORS, REASON, RUN, InvalidMessage, Message, Received, decode
from common.messaging.retries import RetryPolicy
from common.messaging.settlement import Outcome, Settlement
from common.messaging.topology import Consumption
from common.runtime.settings import RabbitSettings

MESSAGE = Message(video_fid=ObjectId(), mp3_fid=None, username="a@example.com")
SETTINGS = RabbitSettings(rabbitmq_uri="amqp://x", retry_delays=(1, 5, 30), delivery_limit=25, dead_letter_limit=2)
DEAD, RECENT = "video.dead", "video.dead.recent.3600000"


class Queues:
    """A publisher that records the messages."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes, Mapping[str, Any]]] = []
        self.dead_lettered = 0

    def publish_raw(self, queue: str, body: bytes, headers: Mapping[str, Any] | None = None) -> None:
        if queue == RECENT:
            self.dead_lettered += 1
        else:
            self.published.append((queue, body, headers or {}))

    def waiting(self, queue: str) -> int:
        assert queue == RECENT
        return self.dead_lettered


class Recorder:
    """A handler that records its calls and raises an error."""

    def __init__(self, error: Exception | None = None, error_at_the_end: Exception | None = None) -> None:
        self.handled: list[Message] = []
        self.given_up: list[str] = []
        self._error, self._error_at_the_end = error, error_at_the_end

    def handle(self, message: Message) -> None:
        self.handled.append(message)
        if self._error:
            raise self._error

    def give_up(self, message: Message, reason: str) -> None:
        self.given_up.append(reason)
        if self._error_at_the_end:
            raise self._error_at_the_end


@pytest.fixture
def queues() -> Queues:
    return Queues()


@pytest.fixture
def settle(queues: Queues) -> Callable[..., Outcome]:
    def run(handler: Recorder, body: bytes = MESSAGE.encode(), **received: Any) -> Outcome:
        consumption = Consumption("video", SETTINGS.retry_delays, SETTINGS.dead_letter_window)
        retries = RetryPolicy(SETTINGS.retry_delays)
        settlement = Settlement(SETTINGS, consumption, publisher=queues, handler=handler, read=decode, retries=retries)  # type: ignore[arg-type]
        return settlement.settle(Received(body, **received))

    return run


def test_a_handled_message_goes_nowhere(settle, queues):
    handler = Recorder()
    assert settle(handler) is Outcome.DONE
    assert (handler.handled, queues.published) == ([MESSAGE], [])


@pytest.mark.parametrize(("attempt", "delay"), [(0, 1), (1, 5), (2, 30)])
def test_each_transient_failure_is_retried_after_a_longer_delay(settle, queues, attempt, delay):
    assert settle(Recorder(TransientError("down")), attempt=attempt, run=3) is Outcome.RETRIED
    ((queue, body, headers),) = queues.published
    assert (queue, body) == (f"video.retry.{delay * 1000}", MESSAGE.encode())
    assert headers == {ATTEMPT: attempt + 1, ERRORS: 0, RUN: 3}


def test_a_delay_that_a_dependency_asks_for_is_respected(settle, queues):
    settle(Recorder(TransientError("slow down", retry_after=4)))
    assert queues.published[0][0] == "video.retry.5000"


def test_after_the_last_attempt_a_message_is_given_up_and_dead_lettered_with_the_reason(settle, queues):
    handler = Recorder(TransientError("the disk is full"))
    assert settle(handler, attempt=3, run=3) is Outcome.FAILED
    assert handler.given_up == ["after 4 attempts: the disk is full"]
    ((queue, body, headers),) = queues.published
    assert (queue, body, headers[REASON]) == (DEAD, MESSAGE.encode(), handler.given_up[0])
    # Replayed, it is about any run.
    assert RUN not in headers


def test_a_permanent_failure_is_dead_lettered_at_once_and_does_not_count_towards_the_limit(settle, queues):
    queues.dead_lettered = 2
    assert settle(Recorder(PermanentError("no such user"))) is Outcome.FAILED
    assert [(queue, headers[REASON]) for queue, _, headers in queues.published] == [(DEAD, "no such user")]
    assert queues.dead_lettered == 2


@pytest.mark.parametrize(("errors", "outcome"), [(0, Outcome.RETRIED), (3, Outcome.FAILED)])
def test_an_unexpected_error_is_retried_and_then_dead_lettered(settle, queues, errors, outcome):
    assert settle(Recorder(KeyError("oops")), errors=errors) is outcome
    ((queue, _, headers),) = queues.published
    if outcome is Outcome.RETRIED:
        assert (queue, headers[ERRORS]) == ("video.retry.1000", 1)
    else:
        assert queue == DEAD
        assert "KeyError" in headers[REASON]
        assert queues.dead_lettered == 1


def test_an_error_in_giving_up_does_not_stop_the_consumer(settle, queues):
    assert settle(Recorder(PermanentError("no such user"), ValueError("this job is strange"))) is Outcome.FAILED
    assert queues.published[0][0] == DEAD


def test_a_message_whose_failure_cannot_be_recorded_is_retried(settle, queues):
    assert settle(Recorder(PermanentError("no such user"), TransientError("down"))) is Outcome.RETRIED
    assert queues.published[0][0] == "video.retry.30000"


def test_a_deferred_message_keeps_its_number_of_attempts(settle, queues):
    assert settle(Recorder(Busy("another worker holds the lease")), attempt=2, errors=1) is Outcome.BUSY
    ((queue, _, headers),) = queues.published
    assert (queue, headers) == ("video.retry.1000", {ATTEMPT: 2, ERRORS: 1})


@pytest.mark.parametrize(("due_in", "delay"), [(0.2, 1), (4, 1), (29, 5), (100, 30)])
def test_a_message_that_is_not_due_waits_in_steps_that_do_not_exceed_the_time(settle, queues, due_in, delay):
    assert settle(Recorder(NotDue("later", retry_after=due_in)), attempt=2) is Outcome.BUSY
    ((queue, _, headers),) = queues.published
    assert (queue, headers) == (f"video.retry.{delay * 1000}", {ATTEMPT: 2, ERRORS: 0})


def test_an_invalid_message_is_dead_lettered_and_not_handled(settle, queues):
    handler = Recorder()
    assert settle(handler, b"\xff not json") is Outcome.REJECTED
    ((queue, body, headers),) = queues.published
    assert (queue, body, headers[REASON]) == (DEAD, b"\xff not json", "the message is not JSON")
    assert (handler.handled, handler.given_up, queues.dead_lettered) == ([], [], 1)


@pytest.mark.parametrize("error", [HandedBack("stopping"), BrokerUnavailable("down")])
def test_a_message_that_must_stay_in_its_queue_is_not_published(settle, queues, error):
    if isinstance(error, BrokerUnavailable):
        queues.publish_raw = lambda *_: (_ for _ in ()).throw(error)
    with pytest.raises(type(error)):
        settle(Recorder(error))
    assert queues.published == []


@pytest.mark.parametrize("error", [KeyError("oops"), InvalidMessage("no such job"), TransientError("down")])
def test_at_the_limit_of_dead_letters_a_message_is_delayed_and_the_consumer_pauses(settle, queues, error):
    queues.dead_lettered = 2
    handler = Recorder(error)
    assert settle(handler, attempt=3, errors=3) is Outcome.PAUSED
    assert [queue for queue, _, _ in queues.published] == ["video.retry.30000"]
    assert handler.given_up == []


def test_a_paused_consumer_never_dead_letters_a_message_that_it_tries(settle, queues):
    assert settle(Recorder(KeyError("oops")), errors=3, probing=True) is Outcome.PAUSED
    assert settle(Recorder(), b"not json", probing=True) is Outcome.PAUSED
    assert {queue for queue, _, _ in queues.published} == {"video.retry.30000"}


def test_a_message_is_given_up_after_too_many_deliveries_without_an_acknowledgement(settle, queues):
    handler = Recorder()
    assert settle(handler, deliveries=25) is Outcome.FAILED
    assert handler.handled == []
    assert handler.given_up == ["25 deliveries ended without an acknowledgement"]


def test_a_message_is_published_again_before_the_brokers_own_limit_of_deliveries(settle, queues):
    handler = Recorder()
    assert settle(handler, attempt=2, deliveries=22, uncounted=12) is Outcome.REQUEUED
    assert queues.published == [("video", MESSAGE.encode(), {ATTEMPT: 2, ERRORS: 0, DELIVERIES: 22})]
    assert handler.handled == []
