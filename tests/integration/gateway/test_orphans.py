"""Housekeeping deletes what is provably ours and provably needed by nothing, and nothing else."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import gridfs
import pytest
from bson import ObjectId

from common.domain.jobs import Status
from common.storage.bucket import Bucket
from common.storage.mongo import StorageUnavailable
from common.storage.writer import MARKER
from gateway.housekeeping.orphan_reasons import Reason
from gateway.housekeeping.orphans import Cleanup, OrphanCleanup
from gateway.jobs.outbox import Outbox
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings
from gateway.uploads.acceptance import UploadAcceptance
from gateway.uploads.resumable import Uploads

OWNER = "owner@example.com"
# As many as any file would need to be deleted.
PASSES = 3
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture
def cleanup(environment, store, db) -> Callable[..., OrphanCleanup]:
    def make(**changes: object) -> OrphanCleanup:
        values = {"mongo_uri": environment["MONGO_URI"], "rabbitmq_uri": environment["RABBITMQ_URI"]}
        settings = HousekeepingSettings(**{**values, "orphan_grace": 0, **changes})
        return OrphanCleanup(settings, store, Uploads(db, 3600))

    return make


@pytest.fixture
def outbox(store, rabbit, publisher) -> Outbox:
    return Outbox(rabbit, store.jobs, publisher)


def old_id() -> ObjectId:
    """The id of a file that was begun yesterday."""
    return ObjectId(ObjectId.from_datetime(YESTERDAY).binary[:4] + ObjectId().binary[4:])


def stored(bucket: Bucket, metadata: Mapping[str, Any]) -> ObjectId:
    with bucket.create("talk", "video/*", {"username": OWNER, **metadata}) as writer:
        writer.id = old_id()
        writer.write(b"x" * 1000)
        return aged(bucket, writer.finish())


def aged(bucket: Bucket, fid: ObjectId) -> ObjectId:
    bucket._files.update_one({"_id": fid}, {"$set": {"uploadDate": YESTERDAY}})
    return fid


def stored_video(store: Store) -> ObjectId:
    return stored(store.videos, {})


def stored_mp3(store: Store, video_fid: ObjectId) -> ObjectId:
    return stored(store.mp3s, {"video_fid": video_fid})


def completed(store: Store) -> ObjectId:
    fid = stored_video(store)
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    assert store.videos.accept(fid)
    change = {"status": "completed", "mp3_fid": stored_mp3(store, fid), "notified": True, "notice_sent": True}
    store.jobs.collection.update_one({"_id": fid}, {"$set": change})
    return fid


def count(db) -> int:
    return db["fs.files"].count_documents({})


def deleted(passes: list[Cleanup]) -> list[int]:
    return [done.files + done.chunks for done in passes]


def test_files_that_the_first_version_or_other_software_stored_survive(store, db, other_db, cleanup):
    for number in range(10):
        aged(store.videos, gridfs.GridFS(db).put(b"x" * 1000, _id=old_id(), filename=f"{number}.mp4"))
        aged(store.mp3s, gridfs.GridFS(other_db).put(b"x" * 1000, _id=old_id(), filename=f"{number}.mp3"))
    assert deleted([cleanup().run() for _ in range(PASSES)]) == [0, 0, 0]
    assert (count(db), count(other_db)) == (10, 10)
    assert db["fs.chunks"].count_documents({}) == other_db["fs.chunks"].count_documents({}) == 10


def test_files_whose_ids_are_anything_survive(db, cleanup):
    for fid in ("name", 7, {"a": 1}):
        gridfs.GridFS(db).put(b"x", _id=fid, metadata="text")
        db["fs.chunks"].insert_one({"files_id": f"{fid} without a record", "n": 0, "data": b"x"})
    assert deleted([cleanup().run() for _ in range(PASSES)]) == [0, 0, 0]
    assert (count(db), db["fs.chunks"].count_documents({})) == (3, 6)


def test_chunks_of_an_upload_by_other_software_survive(db, cleanup):
    fid = old_id()
    chunks = [{"_id": old_id(), "files_id": fid, "n": number, "data": b"x" * 1000} for number in range(3)]
    db["fs.chunks"].insert_many(chunks)
    assert deleted([cleanup().run() for _ in range(PASSES)]) == [0, 0, 0]
    assert list(db["fs.chunks"].find({})) == chunks


@pytest.mark.parametrize("since_then", [0, 1])
def test_a_lost_collection_of_jobs_loses_no_file(store, db, other_db, cleanup, since_then):
    for _ in range(5):
        completed(store)
    store.jobs.collection.delete_many({})
    for _ in range(since_then):
        completed(store)
    passes = [cleanup().run() for _ in range(PASSES)]
    assert deleted(passes) == [0, 0, 0]
    assert [done.lost for done in passes] == [10, 10, 10]
    assert (count(db), count(other_db)) == (5 + since_then, 5 + since_then)


def test_jobs_that_are_restored_are_no_longer_missed(store, db, other_db, cleanup):
    fids = [completed(store) for _ in range(3)]
    jobs = list(store.jobs.collection.find({}))
    store.jobs.collection.delete_many({})
    assert cleanup().run().lost == 6
    store.jobs.collection.insert_many(jobs)
    assert cleanup().run().lost == 0
    assert [store.jobs.get(fid).status for fid in fids] == [Status.COMPLETED] * 3


def test_files_of_lost_jobs_are_deleted_when_the_operator_confirms_their_number(store, db, other_db, cleanup):
    for _ in range(3):
        completed(store)
    store.jobs.collection.delete_many({})
    cleanup().run()
    refused = cleanup().run(confirmed=5)
    assert (refused.files, refused.held) == (0, 6)
    assert cleanup().run(confirmed=6).files == 6
    assert (count(db), count(other_db)) == (0, 0)


def test_the_mp3_of_a_job_that_an_old_backup_brought_back_survives(store, cleanup):
    fid = completed(store)
    newest = store.jobs.get(fid).mp3_fid
    store.jobs.collection.update_one({"_id": fid}, {"$set": {"mp3_fid": ObjectId()}})
    passes = [cleanup().run() for _ in range(PASSES)]
    assert (deleted(passes), passes[-1].lost) == ([0, 0, 0], 1)
    assert store.mp3s.find(newest) is not None


def test_a_lost_collection_of_file_records_loses_no_chunk(store, db, other_db, cleanup):
    completed(store)
    db["fs.files"].delete_many({})
    other_db["fs.files"].delete_many({})
    passes = [cleanup().run() for _ in range(PASSES)]
    assert (deleted(passes), passes[-1].lost) == ([0, 0, 0], 2)
    assert db["fs.chunks"].count_documents({}) == other_db["fs.chunks"].count_documents({}) == 1


def test_an_upload_that_was_never_accepted_is_suspected_first_and_deleted_later(store, cleanup):
    fid = stored_video(store)
    first = cleanup().run()
    assert (first.suspected, first.files) == (1, 0)
    assert store.videos.find(fid) is not None
    assert cleanup().run().files == 1
    assert store.videos.find(fid) is None


def test_a_suspicion_must_be_as_old_as_the_grace_by_the_clock_of_mongodb(store, db, cleanup):
    stored_video(store)
    passes = [cleanup(orphan_grace=3600).run() for _ in range(PASSES)]
    assert deleted(passes) == [0, 0, 0]
    db["fs.files"].update_one({}, [{"$set": {"orphan.since": {"$subtract": ["$$NOW", 3_601_000]}}}])
    assert cleanup(orphan_grace=3600).run().files == 1


def test_a_file_that_gets_its_job_after_it_was_suspected_is_kept(store, cleanup):
    fid = stored_video(store)
    cleanup().run()
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    assert deleted([cleanup().run() for _ in range(PASSES)]) == [0, 0, 0]
    # Now it is known that it had one.
    store.jobs.collection.delete_many({})
    assert deleted([cleanup().run() for _ in range(PASSES)]) == [0, 0, 0]


def test_a_file_that_is_accepted_while_housekeeping_deletes_it_is_kept(store, cleanup):
    fid = stored_video(store)
    cleanup().run()
    seen = store.videos.orphans.due((Reason.NOT_ACCEPTED,), 0)
    assert store.videos.accept(fid)
    assert [file.id for file in seen] == [fid]
    assert not store.videos.orphans.delete(seen[0])
    assert store.videos.find(fid) is not None


def test_an_upload_whose_file_housekeeping_deletes_before_it_is_accepted_is_refused(store, db, cleanup, outbox):
    fid = stored_video(store)
    for _ in range(2):
        cleanup().run()
    with pytest.raises(StorageUnavailable):
        UploadAcceptance(store, Uploads(db, 3600), outbox).accept(fid, OWNER, "talk.mp4", {})
    assert store.jobs.get(fid).status is Status.DELETED


def test_a_resumable_upload_that_is_about_to_get_its_job_is_not_suspected(store, db, cleanup):
    upload = Uploads(db, 3600).create(OWNER, "talk.mp4", 1000, {})
    fid = stored_video(store)
    db["uploads"].update_one({"_id": upload.id}, {"$set": {"length": 1000}})
    db["uploads"].insert_one({**db["uploads"].find_one({"_id": upload.id}), "_id": fid})
    assert cleanup().run().suspected == 0


def test_a_video_whose_upload_ended_less_than_the_grace_ago_is_not_suspected(store, db, cleanup):
    fid = stored_video(store)
    db["fs.files"].update_one({"_id": fid}, {"$set": {"uploadDate": datetime.now(UTC)}})
    assert cleanup(orphan_grace=3600).run().suspected == 0


def test_an_mp3_that_was_replaced_is_deleted_and_the_result_kept(store, cleanup):
    fid = completed(store)
    second = stored_mp3(store, fid)
    assert deleted([cleanup().run() for _ in range(PASSES)]) == [0, 1, 0]
    assert store.mp3s.ids_of_video(fid) == [store.jobs.get(fid).mp3_fid]
    assert store.mp3s.find(second) is None


def test_an_mp3_of_a_job_that_is_being_converted_is_not_suspected(store, cleanup):
    fid = completed(store)
    stored_mp3(store, fid)
    store.jobs.update(fid, {}, {"status": "converting"})
    assert cleanup().run().suspected == 0


def test_the_files_of_a_deletion_that_was_interrupted_go_whatever_their_number(store, db, other_db, cleanup):
    for _ in range(3):
        store.jobs.mark_deleted(completed(store))
    assert deleted([cleanup(orphan_minimum=0, orphan_share=0).run() for _ in range(2)]) == [0, 6]
    assert (count(db), count(other_db)) == (0, 0)


def test_more_orphans_than_a_small_share_are_not_deleted_but_by_an_operator(store, db, cleanup):
    for _ in range(5):
        stored_video(store)
    few = {"orphan_minimum": 4, "orphan_share": 0.01}
    passes = [cleanup(**few).run() for _ in range(PASSES)]
    assert (deleted(passes), [done.held for done in passes]) == ([0, 0, 0], [0, 5, 5])
    assert cleanup(**few).run(confirmed=4).held == 5
    assert count(db) == 5
    assert cleanup(**few).run(confirmed=5).files == 5


def test_the_share_counts_from_the_jobs(store, cleanup):
    for _ in range(4):
        completed(store)
    stored_video(store)
    few = {"orphan_minimum": 0}
    assert [cleanup(**few, orphan_share=0.2).run().held for _ in range(2)] == [0, 1]
    assert cleanup(**few, orphan_share=0.25).run().files == 1


def chunk(db, fid: ObjectId, **more: object) -> None:
    db["fs.chunks"].insert_one({"_id": old_id(), "files_id": fid, "n": 0, "data": b"x", **more})


def test_our_chunks_without_a_file_are_suspected_first_and_deleted_later(db, cleanup):
    chunk(db, old_id(), **MARKER)
    first = cleanup().run()
    assert (first.suspected, first.chunks) == (1, 0)
    second = cleanup().run()
    assert (second.suspected, second.chunks) == (0, 1)
    assert db["fs.chunks"].count_documents({}) == db["orphaned_chunks"].count_documents({}) == 0


def test_chunks_to_which_something_is_added_are_not_deleted(db, cleanup):
    fid = old_id()
    chunk(db, fid, **MARKER)
    cleanup().run()
    db["fs.chunks"].insert_one({"_id": old_id(), "files_id": fid, "n": 1, "data": b"x", **MARKER})
    assert deleted([cleanup().run() for _ in range(2)]) == [0, 1]


def test_chunks_that_get_their_file_are_not_deleted(store, db, cleanup):
    fid = old_id()
    chunk(db, fid, **MARKER)
    cleanup().run()
    store.videos.publish(fid, 1, "talk.mp4", "video/*", {"username": OWNER})
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    assert deleted([cleanup().run() for _ in range(PASSES)]) == [0, 0, 0]
    assert b"".join(store.videos.read(store.videos.find(fid))) == b"x"
    assert db["orphaned_chunks"].count_documents({}) == 0


def test_unmarked_chunks_of_a_video_whose_job_was_deleted_go(store, db, cleanup):
    fid = old_id()
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    store.jobs.mark_deleted(fid)
    chunk(db, fid)
    assert deleted([cleanup().run() for _ in range(2)]) == [0, 1]


def test_more_chunks_without_a_file_than_a_small_share_are_not_deleted(db, cleanup):
    for _ in range(5):
        chunk(db, old_id(), **MARKER)
    passes = [cleanup(orphan_minimum=4).run() for _ in range(2)]
    assert passes[-1].held == 5
    assert db["fs.chunks"].count_documents({}) == 5


def test_a_writer_that_stood_still_for_longer_than_housekeeping_waits_cannot_finish(store, monkeypatch):
    with store.videos.create("talk.mp4", "video/*", {}) as writer:
        writer.write(b"x" * 600_000)
        monkeypatch.setattr("common.storage.writer.STALE", -1)
        with pytest.raises(StorageUnavailable):
            writer.finish()
