"""Accounts take turns: by simulation with the scheduler's own code, and for each kind of event."""

from collections import Counter

import pytest

from common.domain.jobs import Status
from common.domain.outbox import Outbox
from common.domain.scheduling import spare
from common.domain.usage import UsageRepository
from common.errors import TransientError
from common.messaging.connection import BrokerUnavailable
from common.messaging.message import Message
from common.messaging.publisher import QueueState
from converter.conversion import Conversion
from scripts.bench.fairness import HEAVY, Simulation, Upload, equal_accounts, one_heavy_account, overtaken
from tests.unit.converter.test_newer_release import conversion
from tests.unit.gateway.memory import OWNER, World, settings

OTHER = "other@example.com"


@pytest.mark.parametrize("converters", [1, 2, 12])
def test_a_thousand_videos_of_one_account_do_not_delay_the_first_of_another(converters):
    uploads = [*one_heavy_account(1, 1000), Upload("other", 100.0, 5.0)]
    done = Simulation(converters, fair=True).run(uploads)
    (other,) = (each for each in done if each.upload.owner == "other")
    assert overtaken(done, other) <= spare(converters)
    assert len(done) == len(uploads)


def test_an_account_that_is_alone_keeps_all_converters_busy():
    uploads = one_heavy_account(1, 1000)
    ended = {fair: max(each.ended for each in Simulation(12, fair).run(uploads)) for fair in (True, False)}
    assert ended[True] <= ended[False]


def test_a_thousand_accounts_take_turns_and_nothing_waits_for_ever():
    done = Simulation(12, fair=True).run(equal_accounts(1000, 5))
    assert Counter(Counter(each.upload.owner for each in done).values()) == {5: 1000}
    # The first accounts were alone for a moment, and got all converters.
    first = {each.upload.owner for each in done[: 1000 + 12 + spare(12)]}
    assert len(first) == 1000


def test_other_accounts_wait_for_each_other_only():
    done = Simulation(12, fair=True).run(one_heavy_account(300, 1000))
    others = [each for each in done if each.upload.owner != HEAVY]
    assert max(overtaken(done, other) for other in others) <= spare(12)


class Broker:
    """The state of the queue `video`, as the test sets it."""

    def __init__(self, world: World, ready: int, consumers: int) -> None:
        world.publisher.state = lambda _queue: QueueState(ready, consumers)


def queued(world: World, number: int, owner: str = OWNER) -> None:
    for _ in range(number):
        world.job(waiting=True, owner=owner)


def published(world: World) -> list[str]:
    owners = [world.reloaded(message.subject).owner for _, message in world.publisher.published]
    world.publisher.published.clear()
    return owners


def test_the_first_job_of_an_account_is_published_however_long_the_queue_is(world):
    Broker(world, ready=500, consumers=2)
    queued(world, 3)
    world.outbox.publish_next(OWNER)
    assert published(world) == [OWNER]
    world.outbox.publish_next(OWNER)
    assert published(world) == []


def test_converters_without_a_job_get_one_first_of_the_account_with_the_fewest(world):
    Broker(world, ready=1, consumers=4)
    for _ in range(2):
        world.job(owner=OWNER, status="converting")
    world.job(owner=OTHER, status="converting")
    queued(world, 5, OWNER)
    queued(world, 5, OTHER)
    world.outbox.publish_next(OWNER)
    assert published(world) == [OTHER, OWNER]


def test_jobs_that_wait_for_a_retry_do_not_keep_converters_idle(world):
    Broker(world, ready=0, consumers=2)
    for _ in range(10):
        world.job(owner=OWNER, published=True)
    queued(world, 5)
    world.outbox.publish_next(OWNER)
    assert published(world) == [OWNER] * 3


@pytest.mark.parametrize(
    ("own", "jobs"),
    [({}, 2), ({"stored": 1}, 2), ({"jobs": 1}, 1), ({"jobs": 4}, 4), ({"jobs": None}, 5)],
)
def test_an_account_has_at_most_as_many_jobs_as_the_operator_or_an_administrator_allows(world, own, jobs):
    Broker(world, ready=0, consumers=8)
    usage = UsageRepository(world.db)
    usage.collection.insert_one({"_id": OWNER, "quotas": own})
    stores = world.store.jobs, world.store.summaries
    world.outbox = Outbox(settings(jobs_per_account=2), *stores, world.publisher, usage)
    queued(world, 5)
    world.outbox.publish_next(OWNER)
    assert published(world) == [OWNER] * jobs
    assert world.store.jobs.turns.count_released([OWNER, OTHER]) == {OWNER: jobs}


def test_without_rabbitmq_jobs_wait_until_it_is_back(world):
    queued(world, 2)
    queued(world, 1, OTHER)
    world.publisher.available = False
    assert world.outbox.publish_next(OWNER) == 0
    with pytest.raises(TransientError):
        world.outbox.publish_waiting()
    world.publisher.available = True
    Broker(world, ready=0, consumers=2)
    # One had its turn and was not published: see `Recovery.publish_jobs`.
    assert world.outbox.publish_waiting() == 2
    assert published(world) == [OTHER, OWNER]


def test_a_converter_that_is_added_finds_a_job_though_none_was_queued_or_has_ended(world):
    Broker(world, ready=0, consumers=0)
    queued(world, 20)
    world.outbox.publish_next(OWNER)
    assert published(world) == [OWNER] * 2
    # The first converter has taken one.
    world.store.jobs.update(next(iter(world.jobs)), {}, {"status": "converting"})
    Broker(world, ready=0, consumers=4)
    assert world.outbox.publish_for_converters() == 5


def test_a_converter_that_is_added_while_rabbitmq_fails_again_still_starts(world):
    def refused(_queue: str) -> QueueState:
        raise BrokerUnavailable("refused")

    queued(world, 1)
    world.publisher.state = refused
    assert world.outbox.publish_for_converters() == 0
    assert published(world) == []


def ended(world: World, convert: Conversion, **changes: object) -> None:
    """The message of a job with another one waiting arrives."""
    job = world.job(owner=OWNER, **changes)
    queued(world, 1)
    convert.handle(Message(job.video_fid, None, OWNER, run=job.run))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "failed", "notice_sent": True, "error": "Cancelled by you."},
        {"status": "deleted"},
        {"status": "completed", "notice_sent": False},
        # Its video is gone, so that it fails.
        {"status": "queued"},
    ],
)
def test_the_next_job_is_published_when_one_has_ended_in_any_way(world, changes):
    seen: list[str] = []
    convert = conversion(world)
    convert._advance = seen.append
    world.videos.find = lambda _fid: None
    ended(world, convert, **changes)
    assert seen == [OWNER]


def test_a_retry_waits_for_its_turn(world):
    Broker(world, ready=500, consumers=2)
    world.job(owner=OWNER, status="converting")
    failed = world.job(status="failed")
    assert world.store.retry(world.outbox, failed, None).status is Status.QUEUED
    assert published(world) == []
    assert world.jobs[failed.video_fid]["waiting"]
