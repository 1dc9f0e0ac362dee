"""The bytes, the lock and the expiry of interrupted uploads."""

import os
from datetime import timedelta

import pytest

from common.domain.jobs import Status
from common.domain.outbox import Outbox
from common.domain.owners import Owner
from common.errors import Locked
from common.runtime.clock import now
from common.storage.mongo import StorageUnavailable
from common.storage.writer import BATCH, DEFAULT_CHUNK_SIZE
from gateway.housekeeping.runner import Housekeeping
from gateway.settings import HousekeepingSettings
from gateway.uploads.repository import UploadRepository
from tests import media

OWNER = "owner@example.com"


@pytest.fixture
def uploads(db) -> UploadRepository:
    made = UploadRepository(db, lifetime=3600)
    made.ensure_indexes()
    return made


@pytest.fixture
def housekeeping(environment, db, store, rabbit, publisher) -> Housekeeping:
    settings = HousekeepingSettings(
        mongo_uri=environment["MONGO_URI"],
        rabbitmq_uri=environment["RABBITMQ_URI"],
        auth_svc_address=environment["AUTH_SVC_ADDRESS"],
        publish_grace=0,
        orphan_grace=0,
        upload_lifetime=3600,
    )
    return Housekeeping(settings, db, store, Outbox(rabbit, store.jobs, store.summaries, publisher))


def sent(store, uploads: UploadRepository, upload, data: bytes):
    """Stores one part, as a request does."""
    locked = uploads.lock(upload.id)
    writer = store.videos.resume(upload.id, locked.offset, "talk.mp4", "video/*", locked.metadata)
    writer.write(data)
    uploads.advance(locked, writer.suspend(), release=True)
    return uploads.owned(upload.id, Owner(OWNER))


def test_one_request_at_a_time_has_the_lock(uploads):
    upload = uploads.create(OWNER, "talk.mp4", 10, {})
    first = uploads.lock(upload.id)
    with pytest.raises(Locked):
        uploads.lock(upload.id)
    uploads.release(first)
    assert uploads.lock(upload.id) is not None


def test_a_request_that_lost_the_lock_cannot_change_the_offset(db, uploads):
    upload = uploads.create(OWNER, "talk.mp4", 10, {})
    stale = uploads.lock(upload.id)
    db["uploads"].update_one({"_id": upload.id}, {"$set": {"lock.until": now() - timedelta(seconds=1)}})
    uploads.lock(upload.id)
    with pytest.raises(Locked):
        uploads.advance(stale, 10)
    assert uploads.owned(upload.id, Owner(OWNER)).offset == 0


def test_bytes_behind_the_offset_do_not_count(store, uploads):
    data = os.urandom(4 * DEFAULT_CHUNK_SIZE)
    upload = uploads.create(OWNER, "talk.mp4", len(data), {})
    half = 2 * DEFAULT_CHUNK_SIZE + 100
    sent(store, uploads, upload, data[:half])
    # A gateway that was killed after it had stored more, and before it saved the offset.
    writer = store.videos.resume(upload.id, half, "talk.mp4", "video/*", {})
    writer.write(os.urandom(DEFAULT_CHUNK_SIZE + 5))
    writer.suspend()
    upload = sent(store, uploads, upload, data[half:])
    assert upload.offset == len(data)
    store.videos.publish(upload.id, len(data), "talk.mp4", "video/*", {})
    assert b"".join(store.videos.read(store.videos.find(upload.id))) == data


def test_a_request_that_was_overtaken_cannot_change_what_the_next_one_stored(store, uploads, db):
    data = os.urandom(3 * BATCH * DEFAULT_CHUNK_SIZE)
    upload = uploads.create(OWNER, "talk.mp4", len(data), {})
    sent(store, uploads, upload, data[:1000])
    slow = store.videos.resume(upload.id, 1000, "talk.mp4", "video/*", {})
    slow.write(data[1000:1010])
    upload = sent(store, uploads, upload, data[1000:2000])
    with pytest.raises(StorageUnavailable):
        slow.write(os.urandom(len(data)))
    slow.leave()
    # Nor has it left chunks behind.
    assert db["fs.chunks"].count_documents({"files_id": upload.id}) == 1
    upload = sent(store, uploads, upload, data[2000:])
    store.videos.publish(upload.id, len(data), "talk.mp4", "video/*", {})
    assert b"".join(store.videos.read(store.videos.find(upload.id))) == data


def test_housekeeping_completes_complete_uploads_and_leaves_locked_ones_even_if_they_have_expired(
    db, store, uploads, housekeeping
):
    data = media.make("mp4").read_bytes()
    complete, locked = (uploads.create(OWNER, "talk.mp4", len(data), {}) for _ in range(2))
    sent(store, uploads, complete, data)
    sent(store, uploads, locked, data[:1000])
    uploads.lock(locked.id)
    db["uploads"].update_many({}, {"$set": {"expires_at": now() - timedelta(days=1)}})
    housekeeping.run()
    assert store.jobs.get(complete.id) is not None
    assert b"".join(store.videos.read(store.videos.find(complete.id))) == data
    assert uploads.owned(locked.id, Owner(OWNER)) is not None


def test_housekeeping_leaves_a_live_upload_and_deletes_an_expired_one(db, store, uploads, housekeeping):
    live, expired = (uploads.create(OWNER, "talk.mp4", 10**6, {}) for _ in range(2))
    for upload in (live, expired):
        sent(store, uploads, upload, os.urandom(1000))
    db["uploads"].update_one({"_id": expired.id}, {"$set": {"expires_at": now() - timedelta(seconds=1)}})
    done = housekeeping.run()
    assert (done["uploads"], done["chunks"]) == (1, 0)
    assert uploads.owned(expired.id, Owner(OWNER)) is None
    assert db["fs.chunks"].distinct("files_id") == [live.id]


def test_an_upload_whose_gateway_died_after_the_last_byte_becomes_a_job(store, uploads, housekeeping):
    upload = sent(store, uploads, uploads.create(OWNER, "talk.mp4", 1000, {"bitrate": 64}), os.urandom(1000))
    assert housekeeping.run()["completed"] == 1
    job = store.jobs.get(upload.id)
    assert (job.status, job.options, job.username) == (Status.QUEUED, {"bitrate": 64}, OWNER)
    assert uploads.owned(upload.id, Owner(OWNER)) is None
    assert store.videos.find(upload.id).length == 1000
