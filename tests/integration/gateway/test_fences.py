"""A request that was stopped between two steps and goes on when others have gone ahead undoes nothing of theirs."""

import os

import pytest
from bson import ObjectId
from gridfs import DEFAULT_CHUNK_SIZE

from common.domain.job_repository import Jobs
from common.domain.jobs import Status
from common.domain.summaries import Summary
from common.domain.summary_outbox import SummaryOutbox
from common.errors import Conflict, Gone, NotFound
from common.storage.bucket import DamagedFile
from common.storage.mongo import StorageUnavailable
from gateway.jobs import transitions
from gateway.jobs.outbox import Outbox
from gateway.jobs.store import Store
from gateway.uploads.acceptance import UploadAcceptance
from gateway.uploads.resumable import Upload, Uploads

OWNER = "owner@example.com"
DATA = b"x" * 1000


@pytest.fixture
def uploads(db) -> Uploads:
    return Uploads(db, lifetime=3600)


@pytest.fixture
def outbox(store, rabbit, publisher) -> Outbox:
    return Outbox(rabbit, store.jobs, publisher)


@pytest.fixture
def intake(store, uploads, outbox) -> UploadAcceptance:
    return UploadAcceptance(store, uploads, outbox)


def whole(store: Store, uploads: Uploads) -> Upload:
    """An upload that has all its bytes, locked by the request that brought them."""
    upload = uploads.lock(uploads.create(OWNER, "talk.mp4", len(DATA), {}).id)
    writer = store.videos.resume(upload.id, 0, "talk.mp4", "video/*", upload.metadata)
    writer.write(DATA)
    uploads.advance(upload, writer.suspend())
    return upload


def overtaken(db, uploads: Uploads, upload: Upload) -> Upload:
    """Another request takes the upload, as the lease of the first has ended."""
    db["uploads"].update_one({"_id": upload.id}, {"$set": {"lock": None}})
    return uploads.lock(upload.id)


def test_who_lost_the_lock_cannot_end_the_upload(store, db, uploads):
    stale = whole(store, uploads)
    current = overtaken(db, uploads, stale)
    assert not uploads.forget(stale)
    assert uploads.exists(current.id)
    assert uploads.forget(current)


def test_who_lost_the_lock_deletes_no_bytes_of_the_next_request(store, db, uploads):
    data = os.urandom(3 * DEFAULT_CHUNK_SIZE)
    stale = uploads.lock(uploads.create(OWNER, "talk.mp4", len(data), {}).id)
    current = overtaken(db, uploads, stale)
    writer = store.videos.resume(current.id, 0, "talk.mp4", "video/*", {}, turn=current.turn)
    writer.write(data)
    uploads.advance(current, writer.suspend())
    # It was stopped just before this.
    late = store.videos.resume(stale.id, 0, "talk.mp4", "video/*", {}, turn=stale.turn)
    late.write(b"y" * DEFAULT_CHUNK_SIZE)
    with pytest.raises(StorageUnavailable):
        late.suspend()
    late.leave()
    store.videos.publish(current.id, len(data), "talk.mp4", "video/*", {})
    assert b"".join(store.videos.read(store.videos.find(current.id))) == data


def test_who_lost_the_lock_cannot_take_over_the_last_chunk_of_the_next_request(store, db, uploads):
    stale = uploads.lock(uploads.create(OWNER, "talk.mp4", len(DATA), {}).id)
    current = overtaken(db, uploads, stale)
    writer = store.videos.resume(current.id, 0, "talk.mp4", "video/*", {}, turn=current.turn)
    writer.write(DATA[:500])
    uploads.advance(current, writer.suspend())
    with pytest.raises(DamagedFile):
        store.videos.resume(stale.id, 500, "talk.mp4", "video/*", {}, turn=stale.turn)
    going_on = store.videos.resume(current.id, 500, "talk.mp4", "video/*", {}, turn=current.turn)
    going_on.write(DATA[500:])
    assert going_on.suspend() == len(DATA)


def test_an_upload_that_two_requests_complete_has_one_job(store, db, uploads, intake):
    stale = whole(store, uploads)
    intake.complete(overtaken(db, uploads, stale))
    intake.complete(stale)
    assert [job.status for job in store.jobs.page(OWNER, 10, None)] == [Status.QUEUED]
    assert b"".join(store.videos.read(store.videos.find(stale.id))) == DATA


def test_an_upload_that_its_owner_ended_cannot_be_completed_by_a_late_request(store, db, uploads, intake):
    stale = whole(store, uploads)
    assert uploads.forget(overtaken(db, uploads, stale))
    store.refuse(stale.id, OWNER, "talk.mp4")
    with pytest.raises(Gone):
        intake.complete(stale)
    assert store.jobs.page(OWNER, 10, None) == []
    assert store.videos.find(stale.id) is None


def test_an_upload_that_ends_before_its_job_is_accepted_leaves_none(store, uploads, intake, monkeypatch):
    upload = whole(store, uploads)
    create = Jobs.create

    def create_and_lose(*arguments):
        job = create(*arguments)
        store.videos.delete(upload.id)
        return job

    monkeypatch.setattr(Jobs, "create", create_and_lose)
    with pytest.raises(Gone):
        intake.complete(upload)
    assert store.jobs.page(OWNER, 10, None) == []


def test_no_job_is_made_of_a_refused_upload_by_a_write_that_comes_late(store):
    fid = ObjectId()
    store.refuse(fid, OWNER, "talk.mp4")
    with pytest.raises(StorageUnavailable):
        store.jobs.create(fid, OWNER, "talk.mp4", {})
    assert store.jobs.owned(fid, OWNER) is None


def test_a_job_that_was_made_before_its_upload_is_refused_is_deleted(store):
    fid = ObjectId()
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    store.refuse(fid, OWNER, "talk.mp4")
    assert store.jobs.get(fid).status is Status.DELETED


@pytest.fixture
def failed(store):
    with store.videos.create("talk.mp4", "video/*", {"username": OWNER}) as writer:
        writer.write(DATA)
        fid = writer.finish()
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    store.jobs.fail(fid, "a reason")
    return store.jobs.get(fid)


def test_a_retry_of_what_was_seen_does_not_queue_a_later_round_again(store, outbox, failed):
    store.jobs.reopen(failed.video_fid)
    store.jobs.fail(failed.video_fid, "another reason")
    with pytest.raises(Conflict):
        transitions.retry(store, outbox, failed, None)
    assert store.jobs.get(failed.video_fid).run == 1


def test_a_cancellation_of_what_was_seen_does_not_cancel_a_later_round(store, failed):
    store.jobs.reopen(failed.video_fid)
    with pytest.raises(Conflict):
        transitions.cancel(store, failed)
    assert store.jobs.get(failed.video_fid).status is Status.QUEUED


def test_a_deleted_job_stays_deleted(store, outbox, failed):
    store.delete(failed.video_fid)
    with pytest.raises((Conflict, NotFound)):
        transitions.retry(store, outbox, failed, None)
    assert store.jobs.get(failed.video_fid).status is Status.DELETED


def test_a_summary_that_is_queued_again_while_it_is_announced_counts_as_not_published(store, rabbit, publisher):
    seen = store.summaries.create(OWNER, None, "A text.")
    assert isinstance(seen, Summary)
    store.summaries.fail(seen.id, "a reason")
    store.summaries.collection.update_one({"_id": seen.id}, [{"$set": {"updated_at": {"$add": ["$updated_at", 1]}}}])
    store.summaries.reopen(seen.id)
    assert SummaryOutbox(rabbit.summary_queue, store.summaries, publisher).announce(seen)
    assert store.summaries.collection.find_one({"_id": seen.id})["published"] is False
