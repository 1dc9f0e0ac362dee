"""Turns of accounts in a real MongoDB and RabbitMQ, with several gateways and converters at the same time."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from bson import ObjectId

from common.domain.jobs import Status
from common.domain.outbox import Outbox
from common.runtime.clock import now
from gateway.housekeeping.recovery import Recovery
from gateway.housekeeping.runner import Housekeeping
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings

HEAVY, OTHER = "heavy@example.com", "other@example.com"


@pytest.fixture
def outbox(store, rabbit, publisher) -> Outbox:
    return Outbox(rabbit, store.jobs, store.summaries, publisher)


@pytest.fixture
def recovery(store, db, environment, rabbit, outbox) -> Recovery:
    settings = HousekeepingSettings(
        mongo_uri=environment["MONGO_URI"],
        rabbitmq_uri=environment["RABBITMQ_URI"],
        auth_svc_address=environment["AUTH_SVC_ADDRESS"],
        video_queue=rabbit.video_queue,
    )
    return Housekeeping(settings, db, store, outbox).recovery


@pytest.fixture
def upload(store, outbox) -> Callable[[str], ObjectId]:
    def upload(owner: str) -> ObjectId:
        fid = ObjectId()
        store.jobs.create(fid, owner, "talk.mp4", {})
        outbox.publish_next(owner)
        return fid

    return upload


@pytest.fixture
def convert(store, rabbit, outbox, taken) -> Callable[[], str | None]:
    """Handles the next message as a converter does; returns its account, None without a message."""

    def convert() -> str | None:
        received = taken(rabbit.video_queue)
        if received is None:
            return None
        message = json.loads(received[0])
        fid = ObjectId(message["video_fid"])
        assert store.jobs.fail(fid, "a reason"), "published twice"
        outbox.publish_next(message["username"])
        return str(message["username"])

    return convert


def test_the_first_video_of_an_account_waits_for_the_published_ones_only(upload, convert):
    for _ in range(50):
        upload(HEAVY)
    assert convert() == HEAVY
    upload(OTHER)
    # No consumer: one job is published for each account, and one more.
    assert OTHER in [convert() for _ in range(3)]
    assert Counter(iter(convert, None)) == {HEAVY: 47}


def test_concurrent_uploads_and_conversions_lose_nothing_and_publish_nothing_twice(store, upload, convert):
    owners = [HEAVY] * 60 + [OTHER] * 20
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(upload, owners))
        # Some are handled at the same time, until the queue is empty.
        done = list(pool.map(lambda _: convert(), range(len(owners) + 40)))
    done += list(iter(convert, None))
    assert Counter(filter(None, done)) == {HEAVY: 60, OTHER: 20}
    assert store.jobs.turns.count_waiting(1) == 0


def test_housekeeping_continues_what_a_crash_left(store, recovery, convert):
    for owner in (HEAVY, HEAVY, OTHER):
        # The gateway crashed before it published them, the second time after it had decided to.
        store.jobs.create(ObjectId(), owner, "talk.mp4", {})
    assert store.jobs.turns.release(HEAVY)
    store.jobs.collection.update_many({}, {"$set": {"updated_at": now() - timedelta(hours=2)}})
    assert recovery.publish_jobs() == 1
    assert recovery.publish_waiting_jobs() == 1
    assert recovery.publish_jobs() == 0
    assert Counter(iter(convert, None)) == {HEAVY: 2, OTHER: 1}


def changed_long_ago(store: Store, fid: ObjectId, **fields: object) -> None:
    store.jobs.collection.update_one({"_id": fid}, {"$set": {**fields, "updated_at": now() - timedelta(hours=2)}})


def test_converters_of_the_previous_release_do_not_block_an_account(store, rabbit, outbox, upload, taken):
    """They do not publish the next job."""
    fids = {upload(HEAVY) for _ in range(5)}
    for _ in fids:
        while (received := taken(rabbit.video_queue)) is not None:
            assert store.jobs.fail(ObjectId(json.loads(received[0])["video_fid"]), "a reason")
        outbox.publish_waiting()
    assert {store.jobs.get(fid).status for fid in fids} == {Status.FAILED}


def test_jobs_that_the_previous_release_creates_are_converted_beside_those_of_this_one(
    store, outbox, recovery, upload, convert
):
    confirmed, unconfirmed = (store.jobs.create(ObjectId(), HEAVY, "talk.mp4", {}) for _ in range(2))
    store.jobs.collection.update_many({}, {"$unset": {"owner": "", "waiting": ""}})
    outbox.publish_job(confirmed)
    changed_long_ago(store, unconfirmed.video_fid)
    for _ in range(3):
        upload(HEAVY)
    assert recovery.publish_jobs() == 1
    assert Counter(iter(convert, None)) == {HEAVY: 5}
    assert outbox.publish_waiting() == 0


def test_a_waiting_job_that_the_previous_release_publishes_too_early_is_converted_once(
    store, rabbit, outbox, upload, taken
):
    """Its housekeeping takes it for one whose message was not confirmed."""
    _, waiting = upload(HEAVY), upload(HEAVY)
    outbox.publish_job(store.jobs.get(waiting))
    done = []
    while (received := taken(rabbit.video_queue)) is not None:
        done.append(store.jobs.fail(ObjectId(json.loads(received[0])["video_fid"]), "a reason"))
        outbox.publish_next(HEAVY)
    assert len(list(filter(None, done))) == 2


def test_a_job_that_a_converter_of_the_previous_release_loses_is_published_again(store, recovery, upload, convert):
    """It leaves a job that it converts marked as waiting."""
    _, early = upload(HEAVY), upload(HEAVY)
    changed_long_ago(store, early, status="converting", published=True)
    assert recovery.publish_jobs() == 1
    assert Counter(iter(convert, None)) == {HEAVY: 2}
