"""Orphaned files and chunks in a real MongoDB: the rules are unit tests (tests/unit/gateway/test_orphans.py)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import gridfs
import pytest
from bson import ObjectId

from common.domain.jobs import NOTIFIED, Status
from common.domain.outbox import Outbox
from common.domain.owners import Owner
from common.storage.bucket import Bucket
from common.storage.mongo import StorageUnavailable
from common.storage.writer import MARKER
from gateway.housekeeping.cursors import Cursors
from gateway.housekeeping.orphan_cleanup import Cleanup, OrphanCleanup, Reason
from gateway.housekeeping.orphan_search import AUDIT_SLICE, OrphanSearch
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings
from gateway.uploads.acceptance import UploadAcceptance
from gateway.uploads.repository import UploadRepository

OWNER = "owner@example.com"
# More than a file needs to be deleted.
PASSES = 3
YESTERDAY = datetime.now(UTC) - timedelta(days=1)


@pytest.fixture(params=[0, AUDIT_SLICE], ids=["changes", "changes and audit"])
def cleanup(request, environment, store, db) -> Callable[..., OrphanCleanup]:
    """What is recent is found by its change alone, and again by the audit."""

    def make(**changes: object) -> OrphanCleanup:
        addresses = {name.lower(): environment[name] for name in ("MONGO_URI", "RABBITMQ_URI", "AUTH_SVC_ADDRESS")}
        settings = HousekeepingSettings(**{**addresses, "orphan_grace": 0, **changes})
        search = OrphanSearch(store, Cursors(db), request.param)
        return OrphanCleanup(settings, store, UploadRepository(db, 3600), search)

    return make


@pytest.fixture
def outbox(store, rabbit, publisher) -> Outbox:
    return Outbox(rabbit, store.jobs, store.summaries, publisher)


def old_id() -> ObjectId:
    """The id of a file that was created yesterday."""
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
    change = {"status": "completed", "mp3_fid": stored_mp3(store, fid), NOTIFIED: True, "notice_sent": True}
    store.jobs.collection.update_one({"_id": fid}, {"$set": change})
    return fid


def count(db) -> int:
    return db["fs.files"].count_documents({})


def deleted(passes: list[Cleanup]) -> list[int]:
    return [done.files + done.chunks for done in passes]


def test_files_of_the_first_version_or_of_other_software_are_kept(store, db, other_db, cleanup):
    for number in range(10):
        aged(store.videos, gridfs.GridFS(db).put(b"x" * 1000, _id=old_id(), filename=f"{number}.mp4"))
        aged(store.mp3s, gridfs.GridFS(other_db).put(b"x" * 1000, _id=old_id(), filename=f"{number}.mp3"))
    assert deleted([cleanup().run() for _ in range(PASSES)]) == [0, 0, 0]
    assert (count(db), count(other_db)) == (10, 10)
    assert db["fs.chunks"].count_documents({}) == other_db["fs.chunks"].count_documents({}) == 10


def test_files_with_ids_of_other_types_are_kept(db, cleanup):
    for fid in ("name", 7, {"a": 1}):
        gridfs.GridFS(db).put(b"x", _id=fid, metadata="text")
        db["fs.chunks"].insert_one({"files_id": f"{fid} without a record", "n": 0, "data": b"x"})
    assert deleted([cleanup().run() for _ in range(PASSES)]) == [0, 0, 0]
    assert (count(db), db["fs.chunks"].count_documents({})) == (3, 6)


def test_chunks_of_an_upload_by_other_software_are_kept(db, cleanup):
    fid = old_id()
    chunks = [{"_id": old_id(), "files_id": fid, "n": number, "data": b"x" * 1000} for number in range(3)]
    db["fs.chunks"].insert_many(chunks)
    assert deleted([cleanup().run() for _ in range(PASSES)]) == [0, 0, 0]
    assert list(db["fs.chunks"].find({})) == chunks


def test_a_lost_collection_of_file_records_loses_no_chunk(store, db, other_db, cleanup):
    completed(store)
    db["fs.files"].delete_many({})
    other_db["fs.files"].delete_many({})
    passes = [cleanup().run() for _ in range(PASSES)]
    assert (deleted(passes), passes[-1].lost) == ([0, 0, 0], 2)
    assert db["fs.chunks"].count_documents({}) == other_db["fs.chunks"].count_documents({}) == 1


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
    # The pass has recorded that it had a job.
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
        acceptance = UploadAcceptance(store, UploadRepository(db, 3600), outbox)
        acceptance.accept(fid, Owner(OWNER), "talk.mp4", {}, 1000, charged="2000-01-01")
    assert store.jobs.get(fid).status is Status.DELETED


def test_a_video_whose_upload_ended_less_than_the_grace_ago_is_not_suspected(store, db, cleanup):
    fid = stored_video(store)
    db["fs.files"].update_one({"_id": fid}, {"$set": {"uploadDate": datetime.now(UTC)}})
    assert cleanup(orphan_grace=3600).run().suspected == 0


def test_a_superseded_mp3_is_deleted_and_the_result_kept(store, cleanup):
    fid = completed(store)
    second = stored_mp3(store, fid)
    assert deleted([cleanup().run() for _ in range(PASSES)]) == [0, 1, 0]
    assert store.mp3s.ids_of_video(fid) == [store.jobs.get(fid).mp3_fid]
    assert store.mp3s.find(second) is None


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


def test_chunks_of_an_upload_that_began_long_ago_are_deleted_after_its_deletion_was_interrupted(store, db, cleanup):
    fid = ObjectId("5" + "0" * 23)
    db["uploads"].insert_one({"_id": fid})
    chunk(db, fid, **MARKER)
    assert deleted([cleanup().run() for _ in range(2)]) == [0, 0]
    store.videos.orphaned_chunks.expect([fid])
    db["uploads"].delete_one({"_id": fid})
    # The first pass finds chunks that it did not know.
    assert deleted([cleanup().run() for _ in range(2)]) == [0, 1]


def test_the_mp3_of_an_older_run_is_deleted_when_its_job_ends(store, cleanup):
    fid = completed(store)
    store.jobs.collection.update_one({"_id": fid}, {"$set": {"status": "converting"}})
    stored_mp3(store, fid)
    assert deleted([cleanup().run() for _ in range(PASSES)]) == [0, 0, 0]
    store.jobs.collection.update_one({"_id": fid}, {"$set": {"status": "completed"}})
    assert deleted([cleanup().run() for _ in range(2)]) == [0, 1]


def test_unmarked_chunks_of_a_video_whose_job_was_deleted_are_deleted(store, db, cleanup):
    fid = old_id()
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    store.jobs.mark_deleted(fid)
    chunk(db, fid)
    assert deleted([cleanup().run() for _ in range(2)]) == [0, 1]


def test_a_writer_that_paused_for_longer_than_the_grace_of_housekeeping_cannot_finish(store, monkeypatch):
    with store.videos.create("talk.mp4", "video/*", {}) as writer:
        writer.write(b"x" * 600_000)
        monkeypatch.setattr("common.storage.writer.STALE", -1)
        with pytest.raises(StorageUnavailable):
            writer.finish()
