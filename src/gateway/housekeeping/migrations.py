"""Changes to what the previous release stored; the collection `migrations` records which ones are applied.

A migration is idempotent: two processes may run it at the same time, and an interrupted one starts again.
"""

import logging

from common.storage.mongo import batches
from gateway.housekeeping.repository import HousekeepingRepository
from gateway.jobs.store import Store

log = logging.getLogger(__name__)


def run(store: Store, repository: HousekeepingRepository) -> None:
    """Applies the migrations that are not recorded, in their order; raises StorageUnavailable."""
    applied = repository.applied_migrations()
    for number, name, migrate in MIGRATIONS:
        if number not in applied:
            log.info("Migration %d started: %s", number, name)
            changed = migrate(store)
            repository.record_migration(number, name, changed)
            log.info("Migration %d completed: %d documents changed", number, changed)


def mark_files_of_jobs(store: Store) -> int:
    """Adds the marker to the files of all jobs, deleted ones included."""
    changed = 0
    for jobs in batches(store.jobs.files()):
        fids = [video_fid for video_fid, _ in jobs]
        changed += store.videos.adoption.mark_videos(fids)
        changed += store.mp3s.adoption.mark_mp3s([mp3_fid for _, mp3_fid in jobs if mp3_fid], fids)
    return changed


# Each returns how many documents it changed, and raises StorageUnavailable.
MIGRATIONS = ((1, "add the marker to the files of the jobs", mark_files_of_jobs),)
