"""The usage of an account: exact under concurrent requests, given back, and corrected after a crash."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from bson import ObjectId

from common.domain.outbox import Outbox
from common.domain.owners import Owner
from common.domain.quotas import Amounts, Quotas
from common.domain.usage import UsageRepository
from common.errors import Gone, RejectedError, TooLarge, TooManyRequests
from common.runtime.clock import now
from common.storage.mongo import StorageUnavailable
from converter.job_lease import JobLeases
from gateway.housekeeping.runner import Housekeeping
from gateway.settings import HousekeepingSettings
from gateway.uploads.acceptance import UploadAcceptance
from gateway.uploads.repository import UploadRepository
from tests import stored

OWNER = "owner@example.com"
NONE = Quotas()


@pytest.fixture
def usage(store) -> UsageRepository:
    return store.usage


@pytest.fixture
def housekeeping(environment, db, store, rabbit, publisher) -> Housekeeping:
    addresses = {name.lower(): environment[name] for name in ("MONGO_URI", "RABBITMQ_URI", "AUTH_SVC_ADDRESS")}
    settings = HousekeepingSettings(**addresses)
    return Housekeeping(settings, db, store, Outbox(rabbit, store.jobs, store.summaries, publisher))


def test_concurrent_requests_do_not_exceed_a_quota_together(usage):
    quotas = Quotas(stored=100)

    def accepted(_: int) -> bool:
        try:
            usage.charge(OWNER, Amounts(stored=3), quotas)
        except RejectedError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(accepted, range(200))) == 33
    assert usage.used(OWNER).stored == 99


@pytest.mark.parametrize(
    ("quotas", "used", "error", "code"),
    [
        (Quotas(stored=100), Amounts(stored=91), TooLarge, "quota_stored"),
        (Quotas(unfinished=1), Amounts(unfinished=1), TooManyRequests, "quota_unfinished"),
        (Quotas(uploaded=100), Amounts(uploaded=91), TooManyRequests, "quota_uploaded"),
        (Quotas(conversions=1), Amounts(conversions=1), TooManyRequests, "quota_conversions"),
        (Quotas(seconds=60), Amounts(seconds=60.5), TooManyRequests, "quota_minutes"),
        (Quotas(emails=1), Amounts(emails=1), TooManyRequests, "quota_emails"),
    ],
)
def test_each_quota_has_its_own_error_which_says_when_it_ends(usage, quotas, used, error, code):
    cost = Amounts(stored=10, unfinished=1, uploaded=10, conversions=1, emails=1)
    usage.add(OWNER, used)
    for attempt in (usage.charge, usage.check):
        with pytest.raises(error) as refused:
            attempt(OWNER, cost, quotas)
        assert refused.value.code == code
        assert error is TooLarge or 0 < int(refused.value.headers["Retry-After"]) <= 24 * 3600 + 1
    assert usage.used(OWNER) == used
    usage.charge("other@example.com", cost, Quotas(100, 1, 100, 1, 60, 1))


def test_quotas_of_an_account_are_replaced_only_if_they_are_those_that_were_seen(usage):
    usage.add(OWNER, Amounts(stored=60))
    assert usage.of_accounts([OWNER, "unknown"]) == {OWNER: (Amounts(stored=60), {}), "unknown": (Amounts(), {})}

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda number: usage.set_quotas(OWNER, {}, {"stored": 100 + number}), range(16))) == 1
    ((_, seen),) = usage.of_accounts([OWNER]).values()
    assert usage.set_quotas(OWNER, seen, {"stored": 61, "conversions": None})
    assert not usage.set_quotas(OWNER, seen, {})
    assert usage.quotas(OWNER, Quotas(stored=10, conversions=1)) == Quotas(stored=61)
    assert usage.used(OWNER).stored == 60

    assert usage.set_quotas(OWNER, {"stored": 61, "conversions": None}, {})
    assert usage.quotas(OWNER, Quotas(stored=10)) == Quotas(stored=10)
    # For an account that has done nothing.
    assert usage.set_quotas("new", {}, {"stored": 1})
    with pytest.raises(TooLarge):
        usage.charge("new", Amounts(stored=2), NONE)


def test_the_counters_of_a_day_begin_again_on_the_next(usage):
    quotas = Quotas(stored=100, uploaded=10, conversions=1)
    day = usage.charge(OWNER, Amounts.of_upload(10), quotas)
    usage.collection.update_one({"_id": OWNER}, {"$set": {"day": "2000-01-01"}})
    assert usage.used(OWNER) == Amounts(stored=10)
    usage.charge(OWNER, Amounts.of_upload(10), quotas)
    # What was given back of the day before does not count for this one.
    usage.give_back(OWNER, Amounts.of_upload(10), "2000-01-01")
    assert usage.used(OWNER) == Amounts(stored=10, uploaded=10, conversions=1)
    usage.give_back(OWNER, Amounts.of_upload(10), day)
    assert usage.used(OWNER) == Amounts()


def test_an_account_can_have_its_own_quotas(usage):
    usage.collection.insert_one({"_id": OWNER, "quotas": {"stored": 1000, "conversions": None}})
    usage.charge(OWNER, Amounts.of_upload(500), Quotas(stored=10, conversions=0, unfinished=1))
    assert usage.quotas(OWNER, Quotas(unfinished=1, conversions=5)) == Quotas(stored=1000, unfinished=1)


def test_a_deleted_job_gives_its_bytes_back_once(store, usage):
    fid = ObjectId()
    usage.charge(OWNER, Amounts.of_upload(1000), NONE)
    usage.charge(OWNER, Amounts.of_upload(7), NONE)
    store.jobs.create(fid, OWNER, "talk.mp4", {}, size=1000)
    leases = JobLeases(store.jobs, 60)
    leases.complete(leases.take(fid), ObjectId(), stored.RESULT)
    usage.add(OWNER, Amounts(stored=stored.RESULT.sound.size))
    assert store.jobs.get(fid).stored == 1000 + stored.RESULT.sound.size
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: store.delete(fid), range(8)))
    assert usage.used(OWNER).stored == 7


@pytest.fixture
def earlier(store) -> Callable[[datetime, ObjectId | None], ObjectId]:
    """Stores a video of 1000 bytes and its job, of a given time and with this MP3, as an earlier release did."""

    def create(at: datetime, mp3_fid: ObjectId | None = None) -> ObjectId:
        fid = ObjectId.from_datetime(at)
        store.videos.publish(fid, 1000, "talk.mp4", "video/mp4", {"username": OWNER})
        store.jobs.create(fid, OWNER, "talk.mp4", {})
        change = {"status": "completed" if mp3_fid else "queued", "mp3_fid": mp3_fid}
        missing = {"size": "", "owner": "", "waiting": "", "account": ""}
        store.jobs.collection.update_one({"_id": fid}, {"$set": change, "$unset": missing})
        return fid

    return create


def test_files_of_the_previous_release_count_soon_after_the_first_request_of_their_owner(
    db, store, usage, housekeeping, earlier
):
    born = now() - timedelta(days=3)
    account = Owner(OWNER, "an-id", born)
    mp3_fid = ObjectId()
    store.mp3s.publish(mp3_fid, 100, "talk.mp3", "audio/mpeg", {})
    fid = earlier(now(), mp3_fid)
    # Of a deleted account with the same address.
    earlier(born - timedelta(days=1))
    unchanged = store.jobs.get(fid).updated_at
    usage.open(account)
    assert [housekeeping.usage_count.run() for _ in range(2)] == [1, 0]
    assert usage.used(account.key).stored == 1100
    assert store.jobs.get(fid).updated_at == unchanged
    usage.open(account)
    assert housekeeping.usage_count.run() == 0
    # Housekeeping deletes it without knowing whose it is.
    store.delete(fid)
    assert usage.used(account.key).stored == 0


def test_a_count_that_began_before_the_owner_was_known_does_not_replace_the_next(usage, housekeeping, earlier):
    account = Owner(OWNER, "an-id", now() - timedelta(days=1))
    earlier(now())
    usage.add(account.key, Amounts(stored=7))
    seen = usage.collection.find_one({"_id": account.key})
    usage.open(account)
    assert not usage.recount(seen, 0, 0)
    usage.collection.update_one({"_id": account.key}, {"$set": {"changed_at": now() - timedelta(days=1)}})
    assert housekeeping.usage_count.run() == 1
    assert usage.used(account.key).stored == 1000


def test_a_deleted_job_of_the_previous_release_that_does_not_count_gives_nothing_back(usage, store, earlier):
    usage.charge(OWNER, Amounts(stored=7), NONE)
    store.delete(earlier(now()))
    assert usage.used(OWNER).stored == 7


def test_an_upload_that_is_refused_after_it_has_counted_gives_back_what_it_cost(db, store, usage, housekeeping):
    day = usage.charge(OWNER, Amounts.of_upload(1000), NONE)
    acceptance = UploadAcceptance(store, UploadRepository(db, 3600), housekeeping.recovery.outbox)
    with pytest.raises(StorageUnavailable):
        # Without its file.
        acceptance.accept(ObjectId(), Owner(OWNER), "talk.mp4", {}, 1000, charged=day)
    assert usage.used(OWNER).stored == 0


def test_an_expired_upload_gives_back_what_it_reserved(db, store, usage, housekeeping):
    uploads = UploadRepository(db, 3600)
    cost = Amounts(stored=100, uploaded=100, conversions=1, unfinished=1)
    upload = uploads.create(OWNER, "talk.mp4", 100, {}, charged=usage.charge(OWNER, cost, NONE))
    assert upload.cost == cost
    uploads.create(OWNER, "of the previous release.mp4", 100, {})
    db["uploads"].update_many({}, {"$set": {"expires_at": now() - timedelta(seconds=1)}})
    assert housekeeping.retention.delete_expired_uploads() == 2
    assert usage.used(OWNER) == Amounts()


def test_an_upload_whose_job_is_deleted_before_it_ends_gives_back_what_it_reserved(db, store, usage, housekeeping):
    uploads = UploadRepository(db, 3600)
    cost = Amounts(stored=100, uploaded=100, conversions=1, unfinished=1)
    created = uploads.create(OWNER, "talk.mp4", 100, {}, charged=usage.charge(OWNER, cost, NONE))
    upload = uploads.lock(created.id)
    store.jobs.create(upload.id, OWNER, "talk.mp4", {}, size=100)
    store.delete(upload.id)
    with pytest.raises(Gone):
        UploadAcceptance(store, uploads, housekeeping.recovery.outbox).complete(upload)
    assert not uploads.exists(upload.id)
    assert usage.used(OWNER) == Amounts(uploaded=100, conversions=1)


def test_the_usage_of_an_account_belongs_to_its_id(db, store, usage, housekeeping):
    account = Owner(OWNER, "an-id")
    uploads = UploadRepository(db, 3600)
    cost = Amounts(stored=100, uploaded=100, conversions=1, unfinished=1)
    day = usage.charge(account.key, cost, NONE)
    uploads.create(OWNER, "talk.mp4", 100, {}, account=account.account, charged=day)
    fid = ObjectId()
    usage.charge(account.key, Amounts.of_upload(50), NONE)
    store.jobs.create(fid, OWNER, "talk.mp4", {}, account=account.account, size=50)
    db["uploads"].update_many({}, {"$set": {"expires_at": now() - timedelta(seconds=1)}})
    assert housekeeping.retention.delete_expired_uploads() == 1
    assert store.jobs.stored(account.key) == usage.used(account.key).stored == 50
    store.delete(fid)
    assert usage.used(account.key).stored == 0
    assert usage.used(OWNER) == Amounts()


def test_housekeeping_corrects_what_a_crash_left_wrong_and_leaves_what_changes(db, store, usage, housekeeping):
    uploads = UploadRepository(db, 3600)
    uploads.create(OWNER, "talk.mp4", 100, {}, charged="2000-01-01")
    store.jobs.create(ObjectId(), OWNER, "talk.mp4", {}, size=1000)
    usage.add(OWNER, Amounts(stored=5000, unfinished=7))
    usage.add("other@example.com", Amounts(stored=5000))
    assert housekeeping.usage_count.run() == 0
    long_ago = now() - timedelta(days=2)
    db["usage"].update_many({}, {"$set": {"recount_at": long_ago}})
    db["usage"].update_one({"_id": OWNER}, {"$set": {"changed_at": long_ago}})
    assert [housekeeping.usage_count.run() for _ in range(2)] == [1, 0]
    assert usage.used(OWNER) == Amounts(stored=1100, unfinished=1)
    assert usage.used("other@example.com").stored == 5000
    # Changed since it was read.
    seen = db["usage"].find_one({"_id": OWNER})
    usage.add(OWNER, Amounts(stored=1))
    assert not usage.recount(seen, 0, 0)
    assert usage.used(OWNER).stored == 1101
