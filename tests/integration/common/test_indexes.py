"""Every query of the services is answered by an index: all that are sent are recorded, and MongoDB explains them."""

import secrets
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from common.domain.accounts import Accounts
from common.domain.job_repository import Jobs
from common.domain.jobs import ENDED, Job, Status
from common.domain.outbox import Outbox
from common.domain.owners import Owner
from common.domain.quotas import Amounts, Quotas
from common.domain.summaries import Summaries
from common.domain.transcripts import Transcripts
from common.domain.usage import UsageRepository
from common.runtime.clock import now
from converter.job_lease import JobLeases
from gateway.account_deletion import AccountDeletion
from gateway.administration.audit import Act, Actor, AuditLog, Entry, Target
from gateway.housekeeping.runner import Housekeeping
from gateway.jobs.load import read_load
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings
from gateway.uploads.repository import UploadRepository
from notification.windows import EmailWindows
from tests import stored

OWNER = "owner@example.com"
QUERIES = {"find", "update", "delete", "aggregate", "findAndModify", "distinct"}


class Recorder(CommandListener):
    """Keeps the queries of the test's databases."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.on = True

    def started(self, event: CommandStartedEvent) -> None:
        if self.on and event.command_name in QUERIES:
            self.commands.append((event.database_name, dict(event.command)))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def client(environment: dict[str, str], recorder: Recorder) -> Iterator[MongoClient[dict[str, Any]]]:
    """As `common.storage.mongo.connect` makes it, with a listener."""
    with MongoClient(environment["MONGO_URI"], tz_aware=True, event_listeners=[recorder]) as made:
        yield made


@pytest.fixture
def store(client, recorder) -> Iterator[Store]:
    names = [f"test_{secrets.token_hex(6)}" for _ in range(2)]
    videos, mp3s = (client[name] for name in names)
    made = Store.in_databases(videos, mp3s)
    made.ensure_indexes()
    yield made
    recorder.on = False
    for name in names:
        client.drop_database(name)


def test_every_query_is_answered_by_an_index(client, store, recorder, rabbit, publisher, environment):
    uploads = UploadRepository(store.jobs.collection.database, 60)
    uploads.ensure_indexes()
    Summaries(store.jobs.collection.database).ensure_indexes()
    Transcripts(store.jobs.collection.database).ensure_indexes()
    videos = [video(store) for _ in range(4)]
    settle_jobs(store.jobs, videos)
    use_files(store, videos[0])
    interrupt_uploads(uploads)
    use_account(AccountDeletion(store, uploads, Accounts(store.jobs.collection.database)))
    use_quotas(store.usage, store.jobs, uploads)
    administrate(store, AuditLog(store.jobs.collection.database))
    keep_house(environment, rabbit, store, publisher)
    recorder.on = False

    asked = {collection(command) for _, command in recorder.commands}
    assert asked == {
        "jobs", "uploads", "fs.files", "fs.chunks", "summaries", "transcripts", "orphaned_chunks", "housekeeping",
        "accounts", "email_windows", "usage", "audit", "audit_outcomes",
    }  # fmt: skip
    assert {next(iter(command)) for _, command in recorder.commands} == QUERIES
    for database, command in recorder.commands:
        plan = client[database].command("explain", explainable(command), verbosity="queryPlanner")
        assert "COLLSCAN" not in stages(plan), command
        # A page is in the order of its index; what changed since a moment, of several owners, is merged.
        assert "SORT" not in stages(plan) or "updated_at" in command.get("sort", {}), command


def video(store: Store) -> ObjectId:
    with store.videos.create("name.mp4", "video/*", {"username": OWNER}) as writer:
        writer.write(b"x" * 600_000)
        fid = writer.finish()
    store.jobs.create(fid, OWNER, "name.mp4", {})
    return fid


def settle_jobs(jobs: Jobs, videos: list[ObjectId]) -> None:
    leases = JobLeases(jobs, duration=60)
    lease = leases.take(videos[0])
    assert lease
    leases.release(lease)
    lease = leases.take(videos[0])
    assert lease
    leases.complete(lease, ObjectId(), stored.RESULT)
    jobs.fail(videos[1], "a reason")
    jobs.cancel(videos[2])
    jobs.reopen(videos[1])
    jobs.confirm(jobs.get(videos[1]), published=True)
    send_emails(jobs, jobs.get(videos[0]))
    jobs.turns.is_released(OWNER)
    jobs.turns.released_owners(10)
    jobs.turns.owners_due()
    jobs.turns.count_converting(10)
    jobs.turns.count_waiting(10)
    jobs.turns.release(OWNER)
    jobs.page(Owner(OWNER, "an-id", now()), 10, None)
    jobs.page(Owner(OWNER), 10, None)
    jobs.page(Owner(OWNER), 10, videos[3])
    completed = jobs.get(videos[0])
    assert jobs.retention.keep(completed, kept=True)
    assert jobs.retention.expire_video(completed)
    jobs.retention.forget_video(completed)
    jobs.mark_files_deleted([videos[3]])
    list(jobs.under_way(Owner(OWNER, "an-id")))
    list(jobs.changed([Owner(OWNER, "an-id"), Owner("other@example.com")], now() - timedelta(minutes=1)))
    jobs.mark_deleted(videos[3])
    assert jobs.owned(videos[0], Owner(OWNER)).status is Status.COMPLETED


def use_files(store: Store, fid: ObjectId) -> None:
    file = store.videos.find(fid)
    assert len(b"".join(store.videos.read(file, 100, 500_000))) == 499_900
    assert [number for number, _ in store.videos.chunks(file, [0, 2])] == [0, 2]
    writer = store.videos.resume(ObjectId(), 0, "name", "video/*", {})
    writer.write(b"x")
    store.videos.publish(writer.id, writer.suspend(), "name", "video/*", {})
    assert writer.confirmed == 1
    store.videos.resume(writer.id, 1, "name", "video/*", {}).leave()
    assert store.videos.accept(writer.id)
    assert store.videos.is_complete(file)
    store.mp3s.ids_of_video(fid)
    store.delete(fid)


def interrupt_uploads(uploads: UploadRepository) -> None:
    upload = uploads.create(OWNER, "name", 10, {})
    locked = uploads.lock(upload.id)
    assert locked
    uploads.advance(locked, 5)
    uploads.release(locked)
    uploads.owned(upload.id, Owner(OWNER))
    uploads.exists(upload.id)
    uploads.complete(1)
    uploads.expired()
    uploads.delete(locked)


def use_account(deletion: AccountDeletion) -> None:
    accounts = deletion.accounts
    accounts.ensure_indexes()
    accounts.choose_emails(Owner(OWNER), wanted=False)
    assert not accounts.chosen_emails(Owner(OWNER, "an-id"))
    deletion.request(Owner(OWNER, "an-id"))
    assert deletion.resolve(lambda _account: False, timedelta(seconds=-1)) == 0
    deletion.delete(Owner("deleted@example.com", "deleted-id", now()))
    assert [owner.account for owner, _ in accounts.deleted()] == ["deleted-id"]


def use_quotas(usage: UsageRepository, jobs: Jobs, uploads: UploadRepository) -> None:
    quotas = Quotas(stored=1000, unfinished=10)
    usage.open(Owner(OWNER, "an-id", now()))
    assert list(jobs.uncounted(Owner(OWNER)))
    day = usage.charge(OWNER, Amounts.of_upload(10), quotas)
    usage.give_back(OWNER, Amounts.of_upload(10), day)
    usage.add(OWNER, Amounts(stored=10, seconds=1.5))
    usage.check(OWNER, Amounts(stored=10), quotas)
    usage.to_recount(10)
    usage.recount({"_id": OWNER, "changes": 3}, jobs.stored(OWNER), uploads.reserved(OWNER)[1])


def administrate(store: Store, audit: AuditLog) -> None:
    audit.ensure_indexes()
    entry = Entry(Actor(account="admin-id"), Act.SET_QUOTAS, Target(account="an-id"))
    with audit.recording(entry):
        assert store.usage.set_quotas("an-id", store.usage.of_accounts(["an-id"])["an-id"][1], {"stored": 5})
    assert audit.page(10)[0]["outcome"] == "done"
    assert len(audit.page(10, ObjectId(), "an-id")) == 1
    store.jobs.count(Status.QUEUED, 10)
    read_load(store.jobs)


def send_emails(jobs: Jobs, job: Job) -> None:
    windows = EmailWindows(jobs.collection.database, duration=60)
    windows.ensure_indexes()
    assert windows.open(job) is None
    until = now() + timedelta(minutes=1)
    assert jobs.reserve_emails([job], until, retry_by=until)
    jobs.release_emails([job], until)
    assert jobs.to_notify(job)


def keep_house(environment: Mapping[str, str], rabbit: Any, store: Store, publisher: Any) -> None:
    settings = HousekeepingSettings(
        mongo_uri=environment["MONGO_URI"],
        rabbitmq_uri=environment["RABBITMQ_URI"],
        auth_svc_address=environment["AUTH_SVC_ADDRESS"],
        video_queue=rabbit.video_queue,
        mp3_queue=rabbit.mp3_queue,
    )
    outbox = Outbox(rabbit, store.jobs, store.summaries, publisher)
    Housekeeping(settings, store.jobs.collection.database, store, outbox).run()
    for bucket in (store.videos, store.mp3s):
        bucket.orphans.ids_after(ObjectId("0" * 24), now(), 10)
        bucket.orphans.ours_among([ObjectId()], now())
        bucket.orphans.ours_of_videos([ObjectId()], now())
        for files in bucket.orphans.ours_between(now() - timedelta(days=1), now() + timedelta(minutes=1)):
            bucket.orphans.suspect("superseded", files)
            bucket.orphans.delete(bucket.orphans.due(("superseded",), 0)[0])
        chunks = bucket.orphaned_chunks
        chunks.ids_beside([ObjectId(), ObjectId()], ObjectId("0" * 24), ObjectId("f" * 24), 10)
        for groups in chunks.between(now() - timedelta(days=1), now() + timedelta(minutes=1)):
            chunks.expect([group.file_id for group in groups])
            chunks.keep(groups)
            chunks.suspect(chunks.kept(10))
        assert chunks.count_kept() == 0
        for groups in chunks.due(0):
            chunks.without_file([group.file_id for group in groups])
            chunks.delete(groups[0])
            chunks.acquit(groups)
    store.jobs.forbid(ObjectId(), "other@example.com", "name.mp4")
    store.jobs.owned_file(ObjectId(), Owner("other@example.com"))
    store.jobs.results_among([ObjectId()])
    store.jobs.with_mp3(ObjectId())
    store.jobs.known([ObjectId()])
    list(store.jobs.in_status_since(ENDED, now() - timedelta(days=1), now()))


def collection(command: Mapping[str, Any]) -> str:
    # A command's first field is its name, with the collection's.
    return str(next(iter(command.values())))


def explainable(command: dict[str, Any]) -> dict[str, Any]:
    """Without what belongs to the session that sent it; of a bulk, whose updates are of one kind, the first."""
    left_out = {"lsid", "$db", "writeConcern", "ordered", "txnNumber", "maxTimeMS", "readConcern"}
    kept = {key: value for key, value in command.items() if key not in left_out}
    return {key: value[:1] if key == "updates" else value for key, value in kept.items()}


def stages(plan: Any) -> set[str]:
    """The names of all stages of the plan that was chosen."""
    if isinstance(plan, list):
        return set().union(*map(stages, plan))
    if not isinstance(plan, dict):
        return set()
    own = {str(plan["stage"])} if "stage" in plan else set()
    return own.union(*(stages(value) for key, value in plan.items() if key != "rejectedPlans"))
