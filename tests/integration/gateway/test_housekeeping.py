"""The queries of housekeeping in a real MongoDB, and its messages in a real RabbitMQ; the rules are unit tests."""

import json
from datetime import timedelta

import pytest
from bson import ObjectId

from common.domain.jobs import NOTIFIED, Job, Status
from common.domain.outbox import Outbox
from common.domain.owners import Owner
from common.domain.summaries import Recording
from common.runtime.clock import now
from gateway.housekeeping.runner import Housekeeping
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings

OWNER = "owner@example.com"


@pytest.fixture
def housekeeping(environment, db, store, rabbit, publisher) -> Housekeeping:
    settings = HousekeepingSettings(
        mongo_uri=environment["MONGO_URI"],
        rabbitmq_uri=environment["RABBITMQ_URI"],
        auth_svc_address=environment["AUTH_SVC_ADDRESS"],
        summary_queue=rabbit.summary_queue,
        publish_grace=0,
    )
    return Housekeeping(settings, db, store, Outbox(rabbit, store.jobs, store.summaries, publisher))


def completed(store: Store, **changes: object) -> Job:
    """A completed job with its files, whose owner was notified."""
    with store.videos.create("talk.mp4", "video/*", {"username": OWNER}) as writer:
        writer.write(b"x" * 1000)
        fid = writer.finish()
    with store.mp3s.create("talk.mp3", "audio/mpeg", {"username": OWNER, "video_fid": fid}) as writer:
        writer.write(b"x" * 1000)
        mp3_fid = writer.finish()
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    done = {"status": "completed", "mp3_fid": mp3_fid, "published": True, "notice_sent": True, NOTIFIED: True}
    store.jobs.collection.update_one({"_id": fid}, {"$set": {**done, "updated_at": now(), **changes}})
    return store.jobs.get(fid)


def summarised(store: Store, job: Job) -> None:
    store.summaries.create(OWNER, "talk.mp4", Recording(job.mp3_fid, job.mp3_fid, job.video_fid), published=True)
    store.transcripts.begin(job.mp3_fid, job.video_fid, OWNER)


def counts(db) -> tuple[int, int]:
    return db["summaries"].count_documents({}), db["transcripts"].count_documents({})


def test_without_anything_to_do_every_pass_does_nothing(store, housekeeping):
    job = completed(store)
    assert set(housekeeping.run().values()) == {0}
    assert store.jobs.get(job.video_fid) == job


def test_jobs_whose_message_was_not_confirmed_and_stalled_jobs_are_published_once(store, housekeeping, rabbit, taken):
    fids = {ObjectId() for _ in range(3)}
    for fid in fids:
        store.jobs.create(fid, OWNER, "talk.mp4", {})
        store.jobs.turns.release(OWNER)
    unconfirmed, stalled, published = fids
    for fid, age in ((stalled, timedelta(hours=2)), (published, timedelta(minutes=2))):
        change = {"published": True, "updated_at": now() - age}
        store.jobs.collection.update_one({"_id": fid}, {"$set": change})
    assert housekeeping.recovery.publish_jobs() == 2
    assert housekeeping.recovery.publish_jobs() == 0
    messages = [json.loads(taken(rabbit.video_queue)[0]) for _ in range(2)]
    expected = [{"video_fid": str(fid), "mp3_fid": None, "username": OWNER} for fid in (unconfirmed, stalled)]
    assert sorted(messages, key=str) == sorted(expected, key=str)


def test_lost_notices_are_published_and_undeliverable_ones_are_not(store, housekeeping, rabbit, taken):
    long_ago = {NOTIFIED: False, "updated_at": now() - timedelta(hours=2)}
    never_sent = completed(store, **{NOTIFIED: False}, notice_sent=False)
    lost = completed(store, **long_ago)
    completed(store, **long_ago, undeliverable=True)
    completed(store, **long_ago, notice_expected_until=now() + timedelta(hours=1))
    assert housekeeping.recovery.publish_notices() == 2
    assert housekeeping.recovery.publish_notices() == 0
    notices = {json.loads(taken(rabbit.mp3_queue)[0])["mp3_fid"] for _ in range(2)}
    assert notices == {str(never_sent.mp3_fid), str(lost.mp3_fid)}


def test_expired_jobs_are_deleted_with_their_files(store, housekeeping):
    old, fresh = (completed(store, updated_at=now() - timedelta(days=days)) for days in (31, 29))
    assert housekeeping.retention.delete_expired_jobs() == 1
    assert store.jobs.owned(old.video_fid, Owner(OWNER)) is None
    assert store.videos.find(old.video_fid) is None
    assert store.mp3s.ids_of_video(old.video_fid) == []
    assert store.videos.find(fresh.video_fid) is not None


def test_a_job_that_was_queued_again_in_time_does_not_expire(store):
    seen = completed(store, updated_at=now() - timedelta(days=31))
    store.jobs.reopen(seen.video_fid, {"quality": "high"}, ended=(Status.COMPLETED,))
    assert not store.delete_ended(seen)
    assert store.jobs.get(seen.video_fid).status is Status.QUEUED
    assert store.videos.find(seen.video_fid) is not None


def test_a_summary_whose_message_was_not_confirmed_is_published_once(store, housekeeping, rabbit, taken):
    summary = store.summaries.create(OWNER, None, "A text.")
    assert housekeeping.recovery.publish_summaries() == 1
    assert housekeeping.recovery.publish_summaries() == 0
    body, _ = taken(rabbit.summary_queue)
    assert json.loads(body) == {"summary_id": str(summary.id), "username": OWNER}


def test_summaries_and_transcripts_of_deleted_jobs_are_deleted_and_of_lost_jobs_kept(db, store, housekeeping):
    deleted, lost = completed(store), completed(store)
    for job in (deleted, lost):
        summarised(store, job)
    store.jobs.mark_deleted(deleted.video_fid)
    store.jobs.collection.delete_one({"_id": lost.video_fid})
    assert housekeeping.retention.delete_summaries_of_deleted_jobs() == 2
    assert counts(db) == (1, 1)


def test_a_job_is_deleted_with_its_summary_and_transcript(db, store):
    job = completed(store)
    summarised(store, job)
    store.delete(job.video_fid)
    assert counts(db) == (0, 0)


def test_summaries_of_texts_expire(db, store, housekeeping):
    for days in (31, 29):
        summary = store.summaries.create(OWNER, None, "", status="completed")
        db["summaries"].update_one({"_id": summary.id}, {"$set": {"updated_at": now() - timedelta(days=days)}})
    assert housekeeping.retention.delete_expired_summaries() == 1
    assert counts(db) == (1, 0)
