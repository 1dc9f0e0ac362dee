"""Runs all passes of housekeeping, and exports its last report as metrics of the gateway."""

import contextlib
import logging
import threading
from dataclasses import asdict

from common.domain.accounts import Accounts
from common.domain.job_repository import Jobs
from common.domain.outbox import Outbox
from common.errors import TransientError
from common.http.identity import Identity
from common.runtime import metrics
from common.storage.mongo import Db
from gateway.account_deletion import AccountDeletion
from gateway.housekeeping.cursors import Cursors
from gateway.housekeeping.orphan_cleanup import Cleanup, OrphanCleanup
from gateway.housekeeping.orphan_search import OrphanSearch
from gateway.housekeeping.recovery import Recovery
from gateway.housekeeping.repository import HousekeepingRepository
from gateway.housekeeping.retention import Retention
from gateway.housekeeping.usage_count import UsageCount
from gateway.jobs.store import Store
from gateway.migrations import runner as migrations
from gateway.migrations.records import MigrationRecords, MigrationRunning
from gateway.settings import HousekeepingSettings
from gateway.uploads.repository import UploadRepository

log = logging.getLogger(__name__)

_EXPORT_INTERVAL = 30.0  # s
_TURNS_INTERVAL = 30.0  # s
# Waiting jobs; counting more would not change what anybody does.
_MOST_COUNTED = 10_000


class Housekeeping:
    """Restores the invariant: no chunk without a file, no file without a job, no job whose message was lost."""

    def __init__(self, settings: HousekeepingSettings, db: Db, store: Store, outbox: Outbox) -> None:
        self._store = store
        self._repository = HousekeepingRepository(db)
        self._migrations = MigrationRecords(db)
        uploads = UploadRepository(db, settings.upload_lifetime)
        cursors = Cursors(db)
        self.retention = Retention(settings, store, uploads, self._repository, cursors)
        self.recovery = Recovery(settings, store, uploads, self._repository, outbox)
        self.orphans = OrphanCleanup(settings, store, uploads, OrphanSearch(store, cursors))
        self.usage_count = UsageCount(store, uploads)
        self._accounts = Accounts(db)
        self._identity = Identity(settings)
        self._deletion = AccountDeletion(store, uploads, self._accounts)

    def prepare(self) -> None:
        """Applies the migrations that are left, and those to repeat after a rollout; raises StorageUnavailable."""
        self._store.ensure_indexes()
        self._accounts.ensure_indexes()
        with contextlib.suppress(MigrationRunning):
            migrations.run(self._store, self._migrations, timeout=0)

    def run(self) -> dict[str, int]:
        """Runs every pass once; returns how much each one did. Raises StorageUnavailable."""
        # Deletions of many files take minutes: what users wait for comes first.
        done = {
            "interrupted deletions of accounts": self._deletion.resolve(self._identity.is_deleted),
            "completed": self.recovery.complete_uploads(),
            "published": self.recovery.publish_jobs(),
            "waiting published": self.recovery.publish_waiting_jobs(),
            "notified": self.recovery.publish_notices(),
            "summaries published": self.recovery.publish_summaries(),
            "uploads": self.retention.delete_expired_uploads(),
            "of deleted accounts": self._deletion.continue_all(),
            "expired": self.retention.delete_expired_jobs(),
            "videos expired": self.retention.delete_expired_videos(),
            **asdict(self.delete_orphans()),
            "summaries expired": self.retention.delete_expired_summaries(),
            "usage corrected": self.usage_count.run(),
            "summaries of deleted jobs": self.retention.delete_summaries_of_deleted_jobs(),
        }
        level = logging.INFO if any(done.values()) else logging.DEBUG
        log.log(level, "Housekeeping: %s", ", ".join(f"{name} {count}" for name, count in done.items()))
        return done

    def delete_orphans(self, confirmed: int = 0) -> Cleanup:
        """As `OrphanCleanup.run`; saves the report."""
        done = self.orphans.run(confirmed)
        self._repository.save_report(done.held, done.lost)
        return done


def export_report(repository: HousekeepingRepository, jobs: Jobs) -> None:
    """Sets the gateway's metrics from what is stored, for ever: housekeeping's own process ends after each run."""
    pause = threading.Event()
    while not pause.wait(_EXPORT_INTERVAL):
        try:
            metrics.JOBS_WAITING.set(jobs.turns.count_waiting(_MOST_COUNTED))
            report = repository.report()
        except TransientError as error:
            log.warning("The metrics of housekeeping are out of date: %s", error)
            continue
        if report is not None:
            metrics.HOUSEKEEPING_TIME.set(report["at"].timestamp())
            metrics.ORPHANS_HELD.labels("limit").set(report["held"])
            metrics.ORPHANS_HELD.labels("lost").set(report["lost"])


def publish_turns(outbox: Outbox) -> None:
    """Publishes the waiting jobs whose turn it is, for ever: a turn that was lost must not wait for housekeeping.

    For example, converters of the previous release, which run during an update, do not publish the next job.
    """
    pause = threading.Event()
    while not pause.wait(_TURNS_INTERVAL):
        try:
            published = outbox.publish_waiting()
        except TransientError as error:
            log.warning("Waiting jobs are published later: %s", error)
        else:
            log.log(logging.INFO if published else logging.DEBUG, "Published %d waiting jobs", published)
