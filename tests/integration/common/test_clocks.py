"""Leases, locks and reservations hold between processes whose clocks differ: MongoDB's clock decides."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Self

import pytest
from bson import ObjectId

from common.domain.jobs import NOTIFIED, Status
from common.domain.leases import Lease, Leases
from common.domain.summaries import UNDER_WAY, Summary
from common.errors import Locked
from common.runtime import clock
from common.runtime.clock import now
from common.storage.mongo import StorageUnavailable
from converter.job_lease import JobLeases
from gateway.jobs.store import Store
from gateway.uploads import repository
from gateway.uploads.repository import UploadRepository
from tests.waiting import eventually

OWNER = "owner@example.com"
# s. A live lease lasts for long enough on a busy machine, and both are shorter than the clocks differ.
LIVE, SHORT = 20.0, 0.5
# Of the holder and of its rival.
CLOCKS = pytest.mark.parametrize(("ours", "theirs"), [(0, 30), (0, -30), (30, 0), (-30, 0)])


@contextmanager
def clock_ahead(seconds: float) -> Iterator[None]:
    """What runs inside has the clock of another machine."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return super().now(tz) + timedelta(seconds=seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "datetime", Shifted)
        yield


@pytest.fixture
def fid(store: Store) -> ObjectId:
    return store.jobs.create(ObjectId(), OWNER, "talk.mp4", {}).video_fid


@pytest.fixture
def summary(store: Store) -> Summary:
    created = store.summaries.create(OWNER, None, "A text.")
    assert created is not None
    return created


def holds(take: Callable[[float], object], ours: float, theirs: float) -> None:
    """Whether a rival takes an expired lease, and no live one; `take` gets the duration of the lease."""
    with clock_ahead(ours):
        assert take(SHORT)
    with clock_ahead(theirs):
        assert eventually(lambda: take(LIVE), seconds=10, what="the expiry")
    with clock_ahead(ours):
        assert not take(LIVE)


@CLOCKS
def test_a_lease_on_a_job(store: Store, fid: ObjectId, ours: float, theirs: float) -> None:
    holds(lambda seconds: JobLeases(store.jobs, seconds).take(fid), ours, theirs)
    holds_from_now = store.jobs.get(fid)
    assert holds_from_now is not None
    with clock_ahead(ours):
        assert store.jobs.fail(fid, "a reason") is None, "a job with a lease is not given up"


@CLOCKS
def test_a_lease_on_a_summary(store: Store, summary: Summary, ours: float, theirs: float) -> None:
    holds(lambda seconds: Leases(store.summaries.collection, seconds, UNDER_WAY).acquire(summary.id), ours, theirs)


@CLOCKS
def test_a_renewed_lease(store: Store, fid: ObjectId, ours: float, theirs: float) -> None:
    leases = Leases(store.jobs.collection, LIVE, [Status.QUEUED.value])
    with clock_ahead(ours):
        found = leases.acquire(fid)
        assert found is not None
        store.jobs.collection.update_one({"_id": fid}, {"$unset": {"claim.until": ""}})
        with leases.renewed(Lease(fid, found[0]), every=0.05):
            eventually(lambda: "until" in (store.jobs.collection.find_one({"_id": fid}) or {})["claim"])
    with clock_ahead(theirs):
        assert leases.acquire(fid) is None


@CLOCKS
def test_the_lock_of_an_upload(store: Store, ours: float, theirs: float, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = UploadRepository(store.jobs.collection.database, 3600)
    upload_id = uploads.create(OWNER, "talk.mp4", 10, {}).id

    def take(seconds: float) -> bool:
        monkeypatch.setattr(repository, "LEASE", seconds)
        try:
            locked = uploads.lock(upload_id)
        except Locked:
            return False
        assert locked is not None
        uploads.advance(locked, 1)
        return True

    holds(take, ours, theirs)


@CLOCKS
def test_the_reservation_of_an_email(store: Store, fid: ObjectId, ours: float, theirs: float) -> None:
    job = store.jobs.get(fid)
    assert job is not None

    def take(seconds: float) -> bool:
        until = now() + timedelta(seconds=seconds)
        return store.jobs.reserve_emails([job], until, retry_by=until)

    with clock_ahead(min(ours, 0)):
        assert take(LIVE)
    with clock_ahead(theirs):
        assert not take(LIVE), "a live reservation was taken"
        # Expired by MongoDB's clock. One whose holder is ahead lasts longer, for workers of the previous release.
        past = datetime.now(tz=now().tzinfo) - timedelta(seconds=1)
        change = {"telling_until": past, "reserved_until": past}
        store.jobs.collection.update_one({"_id": fid}, {"$set": change})
        assert take(LIVE)
    with clock_ahead(ours):
        assert not take(LIVE)
    assert (store.jobs.collection.find_one({"_id": fid}) or {})[NOTIFIED] is False


def test_a_reservation_of_the_previous_release_is_respected_and_expires(store: Store, fid: ObjectId) -> None:
    job, moment = store.jobs.get(fid), now()
    assert job is not None
    until = moment + timedelta(seconds=LIVE)
    # It leaves the end of an earlier reservation by this release.
    stored = {"telling_until": until, "reserved_until": moment - timedelta(hours=1)}
    store.jobs.collection.update_one({"_id": fid}, {"$set": stored})
    assert not store.jobs.reserve_emails([job], until, retry_by=until)
    store.jobs.collection.update_one({"_id": fid}, {"$set": {"telling_until": moment - timedelta(seconds=1)}})
    assert store.jobs.reserve_emails([job], until, retry_by=until)


@CLOCKS
def test_the_changes_of_a_job_are_in_one_order(store: Store, ours: float, theirs: float) -> None:
    fid, seen = ObjectId(), []
    leases = JobLeases(store.jobs, LIVE)
    with clock_ahead(ours):
        seen.append(store.jobs.create(fid, OWNER, "talk.mp4", {}))
    with clock_ahead(theirs):
        lease = leases.take(fid)
        assert lease is not None
        seen.append(lease.job)
    for ahead, change in ((ours, store.jobs.cancel), (theirs, store.jobs.reopen), (ours, store.jobs.mark_deleted)):
        with clock_ahead(ahead):
            assert change(fid)
        changed = store.jobs.get(fid)
        assert changed is not None
        seen.append(changed)
    times = [job.updated_at for job in seen]
    assert times == sorted(times)


def test_no_second_job_is_created_for_a_video(store: Store, fid: ObjectId) -> None:
    before = store.jobs.get(fid)
    with pytest.raises(StorageUnavailable):
        store.jobs.create(fid, "other@example.com", "other.mp4", {})
    assert store.jobs.get(fid) == before


@pytest.mark.parametrize("ahead", [30, -30])
def test_an_upload_is_not_deleted_before_it_expires(store: Store, ahead: float) -> None:
    uploads = UploadRepository(store.jobs.collection.database, lifetime=10)
    upload = uploads.lock(uploads.create(OWNER, "talk.mp4", 10, {}).id)
    assert upload is not None
    with clock_ahead(-ahead):
        uploads.advance(upload, 1, release=True)
    with clock_ahead(ahead):
        assert not uploads.delete_expired(upload.id)


def test_texts_with_a_dollar_sign_are_stored_as_they_are(store: Store, fid: ObjectId, summary: Summary) -> None:
    leases = Leases(store.summaries.collection, LIVE, UNDER_WAY)
    found = leases.acquire(summary.id)
    assert found is not None
    fields = {"summary": "$status", "notes": ["$5", {"$add": [1, 2]}], "category": "$$NOW"}
    leases.change(Lease(summary.id, found[0]), fields, drop=["text"])
    stored = store.summaries.collection.find_one({"_id": summary.id}) or {}
    assert {name: stored[name] for name in fields} == fields
    assert "text" not in stored
