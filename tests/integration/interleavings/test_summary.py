"""A summary worker that is stopped between any two steps while another worker continues, and is then resumed.

Whatever the order: the summary has one end, a transcript has each piece once, and nothing of a run goes into the next.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from bson import ObjectId

from common.domain.outbox import Outbox
from common.domain.summaries import Recording, Stage, Summary
from common.errors import PermanentError, TransientError
from common.messaging.message import SummaryMessage, run_of
from common.runtime.checkpoints import Point
from common.runtime.clock import now
from gateway.jobs.store import Store
from summary.provider.client import Provider
from summary.settings import SummarySettings
from summary.worker.summarising import Summarising
from tests.integration.interleavings.stopping import Worker
from tests.integration.summary.conftest import KEY, TestProvider, running_provider, silence
from tests.waiting import eventually

# s of sound, in pieces of 10 s.
SECONDS = 15
TEXT = "Bees live together in a hive. They collect nectar from flowers. " * 30


class World:
    """A summary that is asked for, its owner, and healthy workers."""

    def __init__(self, store: Store, work: Callable[..., Summarising], provider: TestProvider, *, text: bool) -> None:
        self.store = store
        self.work = work
        self.provider = provider
        self.owner = f"{secrets.token_hex(6)}@example.com"
        self.video_fid, self.mp3_fid = ObjectId(), None
        if text:
            made = store.summaries.create(self.owner, "notes.txt", TEXT)
        else:
            self.mp3_fid = self._recorded()
            made = store.summaries.create(self.owner, "talk", Recording(self.mp3_fid, self.mp3_fid, self.video_fid))
        assert made is not None
        self.id = made.id
        self.message = SummaryMessage(made.id, self.owner, run=0)

    def _recorded(self) -> ObjectId:
        jobs, metadata = self.store.jobs, {"username": self.owner, "video_fid": self.video_fid}
        jobs.create(self.video_fid, self.owner, "talk.mp4", {})
        with self.store.mp3s.create("talk.mp3", "audio/mpeg", metadata) as writer:
            writer.write(silence(SECONDS))
            mp3_fid = writer.finish()
        jobs.update(self.video_fid, {}, {"status": "completed", "mp3_fid": mp3_fid})
        return mp3_fid

    @property
    def summary(self) -> Summary | None:
        return self.store.summaries.get(self.id)

    def lease_expires(self) -> None:
        past = now() - timedelta(seconds=1)
        self.store.summaries.collection.update_one(
            {"_id": self.id, "claim": {"$ne": None}}, {"$set": {"claim.until": past}}
        )

    def fails_and_is_asked_for_again(self) -> None:
        """The run ends without its worker, which has lost its lease, and the owner begins the next one."""
        self.store.summaries.fail(self.id, "It was given up.")
        assert self.store.summaries.reopen(self.id)
        self.message = SummaryMessage(self.id, self.owner, run=1)

    def handles(self, message: SummaryMessage) -> None:
        """A healthy worker handles it as often as the broker would deliver it."""
        eventually(partial(self._handled, message), what="an end of the message")

    def _handled(self, message: SummaryMessage) -> bool:
        try:
            self.work().handle(message)
        except TransientError:
            return False
        return True


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestProvider]:
    with running_provider(tmp_path_factory.mktemp("provider")) as made:
        yield made


@pytest.fixture
def world(store, rabbit, environment, provider) -> Callable[..., World]:
    def work(**changes: object) -> Summarising:
        values: dict[str, object] = {
            "mongo_uri": environment["MONGO_URI"],
            "rabbitmq_uri": environment["RABBITMQ_URI"],
            "auth_svc_address": environment["AUTH_SVC_ADDRESS"],
            "ai_summary_url": provider.url,
            "ai_summary_api_key": KEY,
            "ai_summary_model": "a-model",
            "ai_summary_max_chars": 1000,
            "ai_transcription_max_seconds": 10,
            "claim_lease": 5,
            **changes,
        }
        settings = SummarySettings(**values)
        return Summarising(
            settings,
            summaries=store.summaries,
            transcripts=store.transcripts,
            mp3s=store.mp3s,
            provider=Provider(settings),
            must_stop=lambda: False,
        )

    provider.set_mode("ok")
    return partial(World, store, work, provider)


def _refused(world: World) -> object:
    return world.work(ai_summary_url=None).handle(world.message)


def _unreachable(world: World) -> object:
    return world.work(ai_summary_url="http://127.0.0.1:9/v1").handle(world.message)


def _last_attempt(world: World) -> object:
    return world.work().give_up(world.message, "after 5 attempts: the provider is down")


@dataclass(frozen=True)
class Case:
    """How a worker gets to a point, and what the summary becomes without interference."""

    point: Point
    alone: Stage = Stage.COMPLETED
    work: Callable[[World], object] = lambda world: world.work().handle(world.message)
    text: bool = False


CASES = [
    Case(Point.SUMMARY_LEASED),
    Case(Point.SUMMARY_HEARD),
    Case(Point.SUMMARY_APPENDED),
    Case(Point.SUMMARY_NOTED, text=True),
    Case(Point.SUMMARY_SUMMARISED),
    Case(Point.SUMMARY_BEFORE_FAIL, Stage.FAILED, _refused),
    Case(Point.SUMMARY_BEFORE_RELEASE, Stage.COMPLETED, _unreachable),
    Case(Point.SUMMARY_BEFORE_GIVE_UP, Stage.FAILED, _last_attempt),
]

Rival = Callable[[World], Any]


@contextmanager
def no_rival(world: World) -> Iterator[None]:
    yield


@contextmanager
def lease_expired_and_rival_completed(world: World) -> Iterator[None]:
    world.lease_expires()
    world.handles(world.message)
    yield


@contextmanager
def lease_expired_and_rival_has_begun(world: World) -> Iterator[None]:
    """It is stopped with an answer in its hands, while the first worker may store the same one."""
    world.lease_expires()
    point = Point.SUMMARY_HEARD if world.mp3_fid else Point.SUMMARY_NOTED
    rival = Worker(lambda: world.work().handle(world.message), point)
    yield
    if isinstance(rival.resume(), TransientError):
        world.handles(world.message)


@contextmanager
def owner_asked_again_and_rival_completed(world: World) -> Iterator[None]:
    world.fails_and_is_asked_for_again()
    world.handles(world.message)
    yield


@contextmanager
def owner_asked_again(world: World) -> Iterator[None]:
    world.fails_and_is_asked_for_again()
    yield


@contextmanager
def owner_deleted(world: World) -> Iterator[None]:
    world.store.delete(world.video_fid)
    world.store.summaries.delete(world.id)
    yield


RIVALS: list[Rival] = [
    no_rival,
    lease_expired_and_rival_completed,
    lease_expired_and_rival_has_begun,
    owner_asked_again_and_rival_completed,
    owner_asked_again,
    owner_deleted,
]


def meaningful(case: Case, rival: Rival) -> bool:
    """With the first piece stored, or all of them, a rival has another first answer, or none."""
    return rival is not lease_expired_and_rival_has_begun or case.point is not Point.SUMMARY_SUMMARISED


@pytest.mark.parametrize(
    ("case", "rival"),
    [
        pytest.param(case, rival, id=f"{case.point}-{rival.__name__}")
        for case in CASES
        for rival in RIVALS
        if meaningful(case, rival)
    ],
)
def test_a_summary_worker_that_is_resumed_late_does_no_harm(world, case: Case, rival: Rival) -> None:
    there = world(text=case.text)
    first = there.message
    victim = Worker(lambda: case.work(there), case.point)
    with rival(there):
        error = victim.resume()
    if isinstance(error, PermanentError):
        # The consumer gives up the message before it is dead-lettered.
        with_last_attempt = there.work()
        eventually(lambda: _gave_up(with_last_attempt, first, str(error)))
    elif error:
        there.handles(first)
    if rival is owner_asked_again:
        there.handles(there.message)
    found = there.summary
    if rival is owner_deleted:
        assert found is None
        transcript = there.store.transcripts.collection.find_one({"video_fid": there.video_fid})
        # At most an empty one, for housekeeping, without the deleted text.
        assert transcript is None or transcript["segments"] == []
        return
    assert found is not None
    assert found.status is (case.alone if rival is no_rival else Stage.COMPLETED)
    if found.status is Stage.FAILED:
        assert found.error
        return
    assert found.summary
    assert found.error is None
    if there.mp3_fid:
        transcript = there.store.transcripts.get(there.mp3_fid)
        assert transcript.complete
        assert transcript.seconds == pytest.approx(SECONDS, abs=0.1)
        starts = [round(segment.start) for segment in transcript.segments]
        assert starts == [0, 10]


def _gave_up(worker: Summarising, message: SummaryMessage, reason: str) -> bool:
    try:
        worker.give_up(message, reason)
    except TransientError:
        return False
    return True


def test_every_point_of_the_summary_worker_has_its_case() -> None:
    assert [case.point for case in CASES] == [point for point in Point if point.startswith("summary.")]


def test_the_attempts_of_an_earlier_run_do_not_shorten_the_next(world) -> None:
    there = world(text=True)
    message = there.message
    there.fails_and_is_asked_for_again()
    there.work().handle(message)
    there.work().give_up(message, "after 5 attempts: the provider is down")
    assert there.summary.status is Stage.QUEUED
    there.handles(there.message)
    assert there.summary.status is Stage.COMPLETED


def test_a_message_that_was_confirmed_late_does_not_count_for_the_next_run(world, rabbit, publisher, taken) -> None:
    there = world(text=True)
    first = there.summary
    there.fails_and_is_asked_for_again()
    outbox = Outbox(rabbit, there.store.jobs, there.store.summaries, publisher)
    # It read the summary before.
    outbox.publish_summary(first)
    stored = there.store.summaries.collection
    assert not stored.find_one({"_id": there.id})["published"]
    outbox.publish_summary(there.summary)
    assert stored.find_one({"_id": there.id})["published"]
    assert [run_of(taken(rabbit.summary_queue)[1]) for _ in range(2)] == [0, 1]
