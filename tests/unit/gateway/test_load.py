"""What the number of converters follows."""

from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from common.errors import TransientError
from common.runtime.clock import now
from gateway.jobs.load import read_load
from tests.unit.gateway.memory import OWNER, World


def exported() -> tuple[float | None, ...]:
    """Queued and converting jobs, and how long the oldest has waited."""
    names = ("jobs_queued", "jobs_converting", "oldest_job_seconds")
    return tuple(REGISTRY.get_sample_value(f"video2mp3_{name}") for name in names)


def test_jobs_that_wait_in_mongodb_count_like_those_in_the_queue(world: World) -> None:
    long_ago = now() - timedelta(minutes=9)
    world.job(owner=OWNER, waiting=True, updated_at=now() - timedelta(seconds=90))
    world.job(owner=OWNER)
    world.job(owner=OWNER, status="converting", updated_at=long_ago)
    for ended in ("completed", "failed", "deleted"):
        world.job(owner=OWNER, status=ended, updated_at=long_ago)
    read_load(world.store.jobs)
    assert exported() == (2, 1, pytest.approx(90, abs=30))


def test_without_queued_jobs_nothing_waits(world: World) -> None:
    world.job(owner=OWNER, status="converting", updated_at=now() - timedelta(minutes=9))
    read_load(world.store.jobs)
    assert exported() == (0, 1, 0)


def test_a_clock_that_is_behind_mongodb_makes_no_negative_wait(world: World) -> None:
    world.job(owner=OWNER, updated_at=now() + timedelta(seconds=20))
    read_load(world.store.jobs)
    assert exported() == (1, 0, 0)


def test_without_mongodb_the_number_of_converters_stays(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.job(owner=OWNER)
    read_load(world.store.jobs)

    def fails(*_: object) -> None:
        raise TransientError("refused")

    world.job(owner=OWNER)
    monkeypatch.setattr(type(world.store.jobs), "oldest_queued", fails)
    with pytest.raises(TransientError):
        read_load(world.store.jobs)
    assert exported()[0] == 1
