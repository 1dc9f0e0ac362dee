"""`scale`: what acts cost in large archives, against a small one, and what a deletion in bulk costs others.

Each archive has databases of its own on the stack's MongoDB. The acts are the services' own code on them: what HTTP and
the servers add does not depend on the archive.
"""

import os
import secrets
import statistics
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from common.domain.accounts import Accounts
from common.domain.outbox import Outbox
from common.domain.owners import Owner
from common.domain.quotas import Amounts, Quotas
from common.runtime.clock import now
from common.storage.mongo import Db
from gateway.account_deletion import AccountDeletion
from gateway.command import Tools, tools, wait_for_broker
from gateway.housekeeping.runner import Housekeeping
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings
from gateway.uploads.repository import UploadRepository
from scripts.bench.archive import Archive
from scripts.bench.chart import chart
from scripts.bench.results import Result, Target, interleaved, seconds
from scripts.bench.system import Scale, System
from scripts.stack.state import ROOT

CHARTS = ROOT / "docs" / "charts"
SMALL = 1_000
LARGE = (100_000, 1_000_000)
# The variable with other sizes of the larger archives, such as "100000".
_SIZES = "SCALE_JOBS"
_FOLLOWERS = 200
# How often an act is repeated in a figure, and uploads, which take longer.
_TIMES, _UPLOADS = 50, 5
# Of the larger archive to the smaller one.
_TARGET = Target(most=1.2)
# Of an upload during a deletion in bulk to one without.
_BESIDE_DELETION = Target(most=1.5)
_QUOTAS = Quotas(stored=10**15, unfinished=10**6, uploaded=10**15, conversions=10**6, seconds=10**9)
_LEAVING = Owner("leaving@example.com", "leaving")


@dataclass(frozen=True)
class Cost(Result):
    """What an act costs in an archive of `jobs`, as its own figure, and in one of SMALL jobs, as its peer's."""

    act: str
    jobs: int


@dataclass(frozen=True)
class Prepared:
    """An archive, and the services' code on its databases."""

    archive: Archive
    videos: Db
    mp3s: Db
    store: Store
    housekeeping: Housekeeping

    def owner(self, number: int) -> Owner:
        account = self.archive.account(number)
        return Owner(f"{account}@example.com", account)

    def keep_house(self) -> None:
        self.housekeeping.run()

    def list_jobs(self) -> None:
        """The newest job of each account: with whole pages, the number of jobs on them would be compared."""
        for number in range(_TIMES):
            self.store.jobs.page(self.owner(number), 1, None)

    def follow(self) -> None:
        """What the gateway asks for all its followers without a change stream."""
        owners = [self.owner(number) for number in range(_FOLLOWERS)]
        for _ in range(_TIMES):
            list(self.store.jobs.changed(owners, now() - timedelta(seconds=5)))

    def charge(self) -> None:
        cost = Amounts.of_upload(1)
        for number in range(_TIMES):
            owner = self.owner(number).key
            self.store.usage.give_back(owner, cost, self.store.usage.charge(owner, cost, _QUOTAS))

    def upload(self, times: int = _UPLOADS) -> None:
        """Small videos with their jobs, which are deleted at once."""
        owner = self.owner(0)
        for _ in range(times):
            with self.store.videos.create("talk.mp4", "video/mp4", {"username": owner.username}) as writer:
                writer.write(b"x" * 1_000_000)
                fid = writer.finish()
            self.store.jobs.create(fid, owner.username, "talk.mp4", {}, account=owner.account, size=1_000_000)
            self.store.videos.accept(fid)
            self.store.delete(fid)

    def leave(self) -> None:
        """Deletes the account _LEAVING, as its request does and the next pass of housekeeping continues."""
        deletion = AccountDeletion(self.store, UploadRepository(self.videos, 3600), Accounts(self.videos))
        deletion.delete(_LEAVING)
        deletion.continue_all()

    def files(self) -> int:
        return sum(db["fs.files"].estimated_document_count() for db in (self.videos, self.mp3s))


ACTS: dict[str, Callable[[Prepared], None]] = {
    "housekeeping with nothing to do": Prepared.keep_house,
    f"{_TIMES} lists of jobs": Prepared.list_jobs,
    f"{_UPLOADS} uploads": Prepared.upload,
    f"{_TIMES} looks for {_FOLLOWERS} followers": Prepared.follow,
    f"{_TIMES} quota checks": Prepared.charge,
}


def measure(system: System, scale: Scale) -> Iterator[Result]:
    """Each act in archives of all sizes; then uploads during deletions in bulk."""
    given = os.environ.get(_SIZES, "")
    sizes = tuple(map(int, given.split(","))) if given else (2 * SMALL,) if scale.quick else LARGE
    environment = system.stack.environment
    settings = HousekeepingSettings(
        mongo_uri=environment["MONGO_URI"],
        rabbitmq_uri=environment["RABBITMQ_URI"],
        auth_svc_address=environment["AUTH_SVC_ADDRESS"],
        # No video expires: the archives are as large as possible.
        keep_videos_days=30,
    )
    with ExitStack() as stack:
        opened = stack.enter_context(tools(settings, "bench"))
        wait_for_broker(opened.connection, settings.rabbitmq_timeout)
        small = stack.enter_context(_prepared(opened, settings, SMALL))
        for size in sizes:
            with _prepared(opened, settings, size) as large:
                for act, run in ACTS.items():
                    pairs = interleaved(
                        scale.pairs, partial(seconds, partial(run, large)), partial(seconds, partial(run, small))
                    )
                    yield Cost(f"{size:,} jobs: {act}", "s", *pairs, f"{SMALL:,} jobs", _TARGET, act, size)
        yield from _beside_deletions(small, scale)


def write_charts(results: Sequence[Result]) -> None:
    """Draws what was measured into docs/charts."""
    costs = [result for result in results if isinstance(result, Cost)]
    if not costs:
        return
    lines = {
        act: [
            (SMALL, statistics.median(peer for cost in costs if cost.act == act for peer in cost.peer)),
            *((cost.jobs, statistics.median(cost.own)) for cost in costs if cost.act == act),
        ]
        for act in ACTS
    }
    house, *requests = lines
    CHARTS.mkdir(parents=True, exist_ok=True)
    for name, title, shown in (
        ("cost-of-housekeeping", "Cost of a pass of housekeeping", [house]),
        ("cost-of-requests", "Cost of requests", requests),
    ):
        drawn = chart(title, "jobs in the archive", "seconds", {act: lines[act] for act in shown})
        (CHARTS / f"{name}.svg").write_text(drawn)


@contextmanager
def _prepared(opened: Tools, settings: HousekeepingSettings, jobs: int) -> Iterator[Prepared]:
    names = [f"bench_{kind}_{secrets.token_hex(4)}" for kind in ("videos", "mp3s")]
    videos, mp3s = (opened.db.client[name] for name in names)
    archive = Archive(jobs)
    try:
        archive.insert(videos, mp3s)
        store = Store.in_databases(videos, mp3s)
        outbox = Outbox(settings, store.jobs, store.summaries, opened.publisher)
        housekeeping = Housekeeping(settings, videos, store, outbox)
        housekeeping.prepare()
        yield Prepared(archive, videos, mp3s, store, housekeeping)
    finally:
        for name in names:
            opened.db.client.drop_database(name)


def _beside_deletions(prepared: Prepared, scale: Scale) -> Iterator[Result]:
    """The times of an upload while much is being deleted, and of one without."""
    made = partial(Archive, scale.of(5_000, 100), chunks=20, chunk_size=2_000)
    account = {"account": _LEAVING.account, "owner": _LEAVING.account, "username": _LEAVING.username}
    leaving = made(fields=account)
    expired = made(oldest=timedelta(days=60), newest=timedelta(days=31))
    for what, archive, delete in (
        (f"an account with {2 * leaving.jobs:,} files is deleted", leaving, prepared.leave),
        (f"{expired.jobs:,} expired jobs are deleted", expired, prepared.housekeeping.retention.delete_expired_jobs),
    ):
        archive.insert(prepared.videos, prepared.mp3s)
        one = partial(seconds, partial(prepared.upload, 1))
        peer = [one() for _ in range(scale.of(100, 10))]
        before = prepared.files()
        deletion = threading.Thread(target=delete, daemon=True)
        deletion.start()
        own = [one() for _ in peer]
        duration = sum(own) + seconds(deletion.join)
        yield Result(f"an upload while {what}", "s", own, peer, "without", _BESIDE_DELETION)
        slowest = ([_slow(own)], [_slow(peer)])
        yield Result(f"the slowest of 20 uploads while {what}", "s", *slowest, "without", Target())
        yield Result(f"deleted while {what}", "files/s", [(before - prepared.files()) / duration], [], "", Target())


def _slow(times: Sequence[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(times, n=20)[-1]
