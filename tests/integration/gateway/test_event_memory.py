"""What the live updates of an account with many jobs cost."""

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from bson import ObjectId

from common.domain.owners import Owner
from common.runtime.clock import now
from common.runtime.concurrency_limiter import ConcurrencyLimiter
from gateway.jobs.events import Followers
from gateway.jobs.feed import Feed
from gateway.jobs.store import Store

OWNER = "owner@example.com"
JOBS = 10_000
# bytes. All of these jobs in memory are more than 50 MB.
MOST = 10_000_000


@pytest.fixture
def crowded(store: Store) -> Store:
    """An account with many queued jobs."""
    options = {"title": "x" * 1000}
    jobs = (
        {"_id": ObjectId(), "username": OWNER, "filename": "talk.mp4", "status": "queued", "options": options,
         "created_at": now(), "updated_at": now()}
        for _ in range(JOBS)
    )  # fmt: skip
    store.jobs.collection.insert_many(jobs)
    return store


@pytest.fixture
def memory() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def peak() -> int:
    return tracemalloc.get_traced_memory()[1]


def test_a_stream_begins_with_all_jobs_and_needs_memory_for_a_few(crowded, memory):
    settings: Any = type("Settings", (), {"events_longest": 0.0})
    unlimited: Any = ConcurrencyLimiter(10, RuntimeError)  # type: ignore[arg-type]
    followers = Followers(settings, crowded.jobs, Feed(crowded.jobs, 3600, 10), unlimited)
    events = followers._all(Owner(OWNER), None)
    assert sum(event.startswith("id: ") for event in events) == JOBS
    assert peak() < MOST
