"""A request that was stopped between two steps and resumes after another one undoes nothing of the other."""

import os

import pytest
from bson import ObjectId
from gridfs import DEFAULT_CHUNK_SIZE

from common.domain.job_repository import Jobs
from common.domain.jobs import Status
from common.domain.outbox import Outbox
from common.domain.owners import Owner
from common.domain.summaries import Summary
from common.errors import Conflict, Gone
from common.storage.bucket import DamagedFile
from common.storage.mongo import StorageUnavailable
from gateway.jobs.store import Store
from gateway.uploads.acceptance import UploadAcceptance
from gateway.uploads.repository import Upload, UploadRepository

OWNER = "owner@example.com"
DATA = b"x" * 1000


@pytest.fixture
def uploads(db) -> UploadRepository:
    return UploadRepository(db, lifetime=3600)


@pytest.fixture
def outbox(store, rabbit, publisher) -> Outbox:
    return Outbox(rabbit, store.jobs, store.summaries, publisher)


@pytest.fixture
def acceptance(store, uploads, outbox) -> UploadAcceptance:
    return UploadAcceptance(store, uploads, outbox)


def whole(store: Store, uploads: UploadRepository) -> Upload:
    """An upload that has all its bytes, locked by the request that brought them."""
    upload = uploads.lock(uploads.create(OWNER, "talk.mp4", len(DATA), {}).id)
    writer = store.videos.resume(upload.id, 0, "talk.mp4", "video/*", upload.metadata)
    writer.write(DATA)
    uploads.advance(upload, writer.suspend())
    return upload


def overtaken(db, uploads: UploadRepository, upload: Upload) -> Upload:
    """Another request takes the upload, as the lease of the first has ended."""
    db["uploads"].update_one({"_id": upload.id}, {"$set": {"lock": None}})
    return uploads.lock(upload.id)


def test_a_request_that_lost_the_lock_cannot_end_the_upload(store, db, uploads):
    stale = whole(store, uploads)
    current = overtaken(db, uploads, stale)
    assert not uploads.delete(stale)
    assert uploads.exists(current.id)
    assert uploads.delete(current)


def test_a_request_that_lost_the_lock_deletes_no_bytes_of_the_next_request(store, db, uploads):
    data = os.urandom(3 * DEFAULT_CHUNK_SIZE)
    stale = uploads.lock(uploads.create(OWNER, "talk.mp4", len(data), {}).id)
    current = overtaken(db, uploads, stale)
    writer = store.videos.resume(current.id, 0, "talk.mp4", "video/*", {}, turn=current.turn)
    writer.write(data)
    uploads.advance(current, writer.suspend())
    # The first request was stopped here.
    late = store.videos.resume(stale.id, 0, "talk.mp4", "video/*", {}, turn=stale.turn)
    late.write(b"y" * DEFAULT_CHUNK_SIZE)
    with pytest.raises(StorageUnavailable):
        late.suspend()
    late.leave()
    store.videos.publish(current.id, len(data), "talk.mp4", "video/*", {})
    assert b"".join(store.videos.read(store.videos.find(current.id))) == data


def test_a_request_that_lost_the_lock_cannot_change_the_last_chunk_of_the_next_request(store, db, uploads):
    stale = uploads.lock(uploads.create(OWNER, "talk.mp4", len(DATA), {}).id)
    current = overtaken(db, uploads, stale)
    writer = store.videos.resume(current.id, 0, "talk.mp4", "video/*", {}, turn=current.turn)
    writer.write(DATA[:500])
    uploads.advance(current, writer.suspend())
    with pytest.raises(DamagedFile):
        store.videos.resume(stale.id, 500, "talk.mp4", "video/*", {}, turn=stale.turn)
    resumed = store.videos.resume(current.id, 500, "talk.mp4", "video/*", {}, turn=current.turn)
    resumed.write(DATA[500:])
    assert resumed.suspend() == len(DATA)


def test_an_upload_that_two_requests_complete_has_one_job(store, db, uploads, acceptance):
    stale = whole(store, uploads)
    acceptance.complete(overtaken(db, uploads, stale))
    acceptance.complete(stale)
    assert [job.status for job in store.jobs.page(Owner(OWNER), 10, None)] == [Status.QUEUED]
    assert b"".join(store.videos.read(store.videos.find(stale.id))) == DATA


def test_an_upload_that_its_owner_ended_cannot_be_completed_by_a_late_request(store, db, uploads, acceptance):
    stale = whole(store, uploads)
    assert uploads.delete(overtaken(db, uploads, stale))
    store.refuse(stale.id, OWNER, "talk.mp4")
    with pytest.raises(Gone):
        acceptance.complete(stale)
    assert store.jobs.page(Owner(OWNER), 10, None) == []
    assert store.videos.find(stale.id) is None


def test_an_upload_that_ends_before_its_job_is_accepted_leaves_none(store, uploads, acceptance, monkeypatch):
    upload = whole(store, uploads)
    create = Jobs.create

    def create_and_lose(*arguments, **more):
        job = create(*arguments, **more)
        store.videos.delete(upload.id)
        return job

    monkeypatch.setattr(Jobs, "create", create_and_lose)
    with pytest.raises(Gone):
        acceptance.complete(upload)
    assert store.jobs.page(Owner(OWNER), 10, None) == []


def test_no_job_is_made_of_a_refused_upload_by_a_write_that_comes_late(store):
    fid = ObjectId()
    store.refuse(fid, OWNER, "talk.mp4")
    with pytest.raises(StorageUnavailable):
        store.jobs.create(fid, OWNER, "talk.mp4", {})
    assert store.jobs.owned(fid, Owner(OWNER)) is None


@pytest.fixture
def failed(store):
    with store.videos.create("talk.mp4", "video/*", {"username": OWNER}) as writer:
        writer.write(DATA)
        fid = writer.finish()
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    store.jobs.fail(fid, "a reason")
    return store.jobs.get(fid)


def test_a_retry_of_an_earlier_run_does_not_queue_a_later_run_again(store, outbox, failed):
    store.jobs.reopen(failed.video_fid)
    store.jobs.fail(failed.video_fid, "another reason")
    with pytest.raises(Conflict):
        store.retry(outbox, failed, None)
    assert store.jobs.get(failed.video_fid).run == 1


def test_a_cancellation_of_an_earlier_run_does_not_cancel_a_later_run(store, failed):
    store.jobs.reopen(failed.video_fid)
    with pytest.raises(Conflict):
        store.cancel(failed)
    assert store.jobs.get(failed.video_fid).status is Status.QUEUED


def test_a_summary_that_is_queued_again_while_it_is_published_counts_as_not_published(store, outbox):
    seen = store.summaries.create(OWNER, None, "A text.")
    assert isinstance(seen, Summary)
    store.summaries.fail(seen.id, "a reason")
    store.summaries.collection.update_one({"_id": seen.id}, [{"$set": {"updated_at": {"$add": ["$updated_at", 1]}}}])
    store.summaries.reopen(seen.id)
    assert outbox.publish_summary(seen)
    assert store.summaries.collection.find_one({"_id": seen.id})["published"] is False
