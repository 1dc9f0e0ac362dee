"""Housekeeping restores the invariant after everything that can interrupt the services."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from common.domain.jobs import Status
from common.domain.summaries import Recording
from common.runtime.clock import now
from common.storage.bucket import Bucket
from gateway.housekeeping.retention import Housekeeping
from gateway.housekeeping.summaries import SummaryUpkeep
from gateway.jobs.outbox import Outbox
from gateway.settings import HousekeepingSettings

OWNER = "owner@example.com"


@pytest.fixture
def housekeeping(environment, store, rabbit, publisher):
    def make(**changes: object) -> Housekeeping:
        values: dict[str, object] = {
            "mongo_uri": environment["MONGO_URI"],
            "rabbitmq_uri": environment["RABBITMQ_URI"],
            "publish_grace": 0,
            "orphan_grace": 3600,
            **changes,
        }
        return Housekeeping(HousekeepingSettings(**values), store, Outbox(rabbit, store.jobs, publisher))

    return make


def video(store, age: timedelta = timedelta()) -> ObjectId:
    with store.videos.create("talk.mp4", "video/*", {"username": OWNER}) as writer:
        writer.id = ObjectId.from_datetime(datetime.now(UTC) - age) if age else writer.id
        writer._document["_id"] = writer.id
        writer.write(b"x" * 1000)
        return aged(store.videos, writer.finish(), age)


def aged(bucket: Bucket, fid: ObjectId, age: timedelta) -> ObjectId:
    bucket._files.update_one({"_id": fid}, {"$set": {"uploadDate": datetime.now(UTC) - age}})
    return fid


def mp3(store, video_fid: ObjectId, age: timedelta = timedelta()) -> ObjectId:
    with store.mp3s.create("talk.mp3", "audio/mpeg", {"username": OWNER, "video_fid": video_fid}) as writer:
        writer.id = ObjectId.from_datetime(datetime.now(UTC) - age) if age else writer.id
        writer._document["_id"] = writer.id
        writer.write(b"x" * 1000)
        return aged(store.mp3s, writer.finish(), age)


def completed(store, days_ago: int = 0) -> ObjectId:
    fid = video(store)
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    result = mp3(store, fid)
    store.jobs.collection.update_one(
        {"_id": fid},
        {
            "$set": {
                "status": "completed",
                "mp3_fid": result,
                "notified": True,
                "notice_sent": True,
                "published": True,
                "updated_at": now() - timedelta(days=days_ago),
            }
        },
    )
    return fid


def test_nothing_to_do_does_nothing(store, housekeeping):
    fid = completed(store)
    assert set(housekeeping().run().values()) == {0}
    assert store.jobs.get(fid).status is Status.COMPLETED


def test_a_job_that_was_never_announced_is_published_once(store, housekeeping, rabbit, taken):
    fid = video(store)
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    assert housekeeping().publish_forgotten() == 1
    assert housekeeping().publish_forgotten() == 0
    body, _ = taken(rabbit.video_queue)
    assert json.loads(body) == {"video_fid": str(fid), "mp3_fid": None, "username": OWNER}


def test_a_job_that_stands_still_is_published_again(store, housekeeping, rabbit, taken):
    fid = video(store)
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    store.jobs.collection.update_one(
        {"_id": fid}, {"$set": {"published": True, "updated_at": now() - timedelta(hours=2)}}
    )
    assert housekeeping().publish_forgotten() == 1
    assert taken(rabbit.video_queue) is not None
    assert housekeeping().publish_forgotten() == 0


def test_an_owner_nobody_was_asked_to_tell_is_told(store, housekeeping, rabbit, taken):
    fid = completed(store)
    store.jobs.confirm(store.jobs.get(fid), notified=False, notice_sent=False)
    assert housekeeping().notify_forgotten() == 1
    assert json.loads(taken(rabbit.mp3_queue)[0])["mp3_fid"] == str(store.jobs.get(fid).mp3_fid)


def test_an_owner_whose_notice_got_lost_is_told_but_not_one_whose_mail_is_a_dead_letter(
    store, housekeeping, rabbit, taken
):
    lost, refused = completed(store), completed(store)
    long_ago = {"notified": False, "updated_at": now() - timedelta(hours=2)}
    store.jobs.collection.update_one({"_id": lost}, {"$set": long_ago})
    store.jobs.collection.update_one({"_id": refused}, {"$set": {**long_ago, "undeliverable": True}})
    assert housekeeping().notify_forgotten() == 1
    assert housekeeping().notify_forgotten() == 0
    assert json.loads(taken(rabbit.mp3_queue)[0])["video_fid"] == str(lost)


def test_results_older_than_the_retention_go_with_their_files(store, housekeeping):
    old, fresh = completed(store, days_ago=31), completed(store, days_ago=29)
    assert housekeeping().delete_expired() == 1
    assert store.jobs.owned(old, OWNER) is None
    assert store.videos.find(old) is None
    assert store.mp3s.ids_of_video(old) == []
    assert store.videos.find(fresh) is not None


def test_a_job_that_its_owner_queues_again_in_time_does_not_expire(store):
    fid = completed(store, days_ago=31)
    read = store.jobs.get(fid)
    store.jobs.reopen(fid, {"quality": "high"}, ended=(Status.COMPLETED,))
    assert not store.delete_ended(read)
    assert store.jobs.get(fid).status is Status.QUEUED
    assert store.videos.find(fid) is not None


def test_a_retention_of_zero_keeps_for_ever(store, housekeeping):
    completed(store, days_ago=4000)
    assert housekeeping(retention_days=0).delete_expired() == 0


def stages(plan: dict) -> set[str]:
    found = {plan["stage"]} if "stage" in plan else set()
    for part in (plan.get("inputStage"), *plan.get("inputStages", [])):
        found |= stages(part) if part else set()
    return found


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ({"_id": ObjectId()}, None),
        ({"username": OWNER, "status": {"$ne": "deleted"}}, [("_id", -1)]),
        ({"username": OWNER, "status": {"$ne": "deleted"}, "_id": {"$lt": ObjectId()}}, [("_id", -1)]),
        ({"status": {"$in": ["completed", "failed"]}, "updated_at": {"$lt": now()}}, None),
        ({"status": "queued", "published": False, "updated_at": {"$lt": now()}}, None),
    ],
)
def test_every_query_for_jobs_uses_an_index(store, query, order):
    for _ in range(3):
        store.jobs.create(ObjectId(), OWNER, "talk.mp4", {})
    found = store.jobs.collection.find(query)
    plan = (found.sort(order) if order else found).explain()["queryPlanner"]["winningPlan"]
    used = stages(plan.get("queryPlan", plan))
    assert "COLLSCAN" not in used
    assert "SORT" not in used
    assert used & {"IXSCAN", "IDHACK"}


def test_the_results_of_a_video_are_found_by_an_index(store):
    plan = store.mp3s._files.find({"metadata.video_fid": ObjectId()}).explain()["queryPlanner"]["winningPlan"]
    assert "COLLSCAN" not in stages(plan.get("queryPlan", plan))


@pytest.fixture
def upkeep(environment, store, rabbit, publisher):
    settings = HousekeepingSettings(
        mongo_uri=environment["MONGO_URI"],
        rabbitmq_uri=environment["RABBITMQ_URI"],
        summary_queue=rabbit.summary_queue,
        publish_grace=0,
        retention_days=30,
    )
    return SummaryUpkeep(settings, store, publisher)


def test_a_summary_that_was_never_announced_is_published_once(store, upkeep, rabbit, taken):
    made = store.summaries.create(OWNER, None, "A text.")
    assert upkeep.publish_forgotten() == 1
    assert upkeep.publish_forgotten() == 0
    body, _ = taken(rabbit.summary_queue)
    assert json.loads(body) == {"summary_id": str(made.id), "username": OWNER}


def test_what_is_known_of_a_deleted_job_goes_with_it(store, upkeep):
    kept, gone = completed(store), completed(store)
    for fid in (kept, gone):
        mp3_fid = store.jobs.get(fid).mp3_fid
        store.summaries.create(OWNER, "talk.mp4", Recording(mp3_fid, mp3_fid, fid), published=True)
        store.transcripts.begin(mp3_fid, fid, OWNER)
    assert upkeep.delete_of_deleted_jobs() == 0
    store.jobs.mark_deleted(gone)
    assert upkeep.delete_of_deleted_jobs() == 2
    assert store.summaries.collection.count_documents({}) == store.transcripts.collection.count_documents({}) == 1


def test_a_lost_collection_of_jobs_loses_no_summary(store, upkeep):
    fid = completed(store)
    mp3_fid = store.jobs.get(fid).mp3_fid
    store.summaries.create(OWNER, "talk.mp4", Recording(mp3_fid, mp3_fid, fid), published=True)
    store.transcripts.begin(mp3_fid, fid, OWNER)
    store.jobs.collection.delete_many({})
    upkeep.run()
    assert store.summaries.collection.count_documents({}) == store.transcripts.collection.count_documents({}) == 1


def test_a_deletion_takes_summary_and_transcript_along(store):
    fid = completed(store)
    mp3_fid = store.jobs.get(fid).mp3_fid
    store.summaries.create(OWNER, "talk.mp4", Recording(mp3_fid, mp3_fid, fid))
    store.transcripts.begin(mp3_fid, fid, OWNER)
    store.delete(fid)
    assert store.summaries.collection.count_documents({}) == store.transcripts.collection.count_documents({}) == 0


def test_summaries_of_texts_end_by_age(store, upkeep):
    old = store.summaries.create(OWNER, None, "", status="completed")
    store.summaries.collection.update_one({"_id": old.id}, {"$set": {"updated_at": now() - timedelta(days=31)}})
    store.summaries.create(OWNER, None, "", status="completed")
    assert upkeep.delete_expired() == 1
