"""A worker leaves jobs and summaries that it cannot handle for a worker of a newer release, for a limited time."""

from collections.abc import Mapping
from typing import Any

import pytest

from common.domain.jobs import Job, Status
from common.errors import NewerRelease
from common.messaging.message import Message, SummaryMessage
from common.messaging.retries import RetryPolicy
from common.runtime.settings import RabbitSettings
from converter.conversion import Conversion
from converter.settings import ConverterSettings
from summary.settings import SummarySettings
from summary.worker.summarising import Summarising
from tests.unit.gateway.memory import OWNER, World

SERVERS: Mapping[str, Any] = {"mongo_uri": "mongodb://127.0.0.1", "rabbitmq_uri": "amqp://127.0.0.1"}


@pytest.fixture
def world() -> World:
    return World()


def conversion(world: World) -> Conversion:
    return Conversion(
        ConverterSettings(**SERVERS, bind_processors=False), jobs=world.store.jobs, videos=world.videos,
        mp3s=world.mp3s, publisher=world.publisher, must_stop=lambda: False, advance=lambda _: None,
        usage=world.store.usage,
    )  # fmt: skip


def message(job: Job) -> Message:
    return Message(job.video_fid, None, job.username, run=job.run)


def test_a_job_with_an_unknown_option_stays_queued_and_counts_no_attempt(world: World) -> None:
    job = world.job(options={"loudness": -14})
    for _ in range(10):
        with pytest.raises(NewerRelease, match="loudness"):
            conversion(world).handle(message(job))
    left = world.reloaded(job.video_fid)
    assert (left.status, left.attempts, left.options) == (Status.QUEUED, 0, {"loudness": -14})
    assert world.jobs[job.video_fid]["claim"] is None
    assert world.publisher.published == []


def test_a_job_with_an_unknown_option_fails_when_no_newer_worker_has_taken_it(world: World) -> None:
    job = world.job(options={"loudness": -14})
    conversion(world).give_up(message(job), "a reason")
    assert world.reloaded(job.video_fid).status is Status.FAILED
    assert [queue for queue, _ in world.publisher.published] == ["mp3"]


def test_a_job_in_an_unknown_status_is_left_as_it_is(world: World) -> None:
    job = world.job(status="archiving")
    with pytest.raises(NewerRelease, match="archiving"):
        conversion(world).handle(message(job))
    conversion(world).give_up(message(job), "a reason")
    assert world.reloaded(job.video_fid) == job
    assert world.publisher.published == []


def test_a_summary_in_an_unknown_status_is_left_as_it_is(world: World) -> None:
    settings = SummarySettings(**SERVERS, summary_queue="summary", auth_svc_address="127.0.0.1:1")
    provider: Any = None
    worker = Summarising(
        settings, summaries=world.store.summaries, transcripts=world.store.transcripts, mp3s=world.mp3s,
        provider=provider, must_stop=lambda: False,
    )  # fmt: skip
    made = world.store.summaries.create(OWNER, None, "A text.", status="translating")
    assert made is not None
    with pytest.raises(NewerRelease, match="translating"):
        worker.handle(SummaryMessage(made.id, OWNER, run=0))
    worker.give_up(SummaryMessage(made.id, OWNER, run=0), "a reason")
    assert world.store.summaries.get(made.id) == made


def test_the_retries_last_longer_than_a_rolling_update() -> None:
    retries = RetryPolicy(RabbitSettings(rabbitmq_uri="amqp://x").retry_delays)
    error = NewerRelease("new")
    waits = [retries.delay(attempt, error.retry_after) for attempt in range(4)]
    assert sum(wait or 0 for wait in waits) == 20 * 60
    assert retries.delay(4, error.retry_after) is None
