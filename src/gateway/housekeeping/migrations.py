"""Changes of what the previous release stored, each made once and recorded in the collection `migrations`.

A migration is repeatable: two processes may run it at the same time, and one that is interrupted starts again.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from common.domain.jobs import FORMER_NOTIFIED
from common.runtime.clock import now
from common.storage.mongo import batches, failures
from gateway.jobs.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Migration:
    """A change; `run` returns how many documents it changed and raises StorageUnavailable."""

    number: int
    name: str
    run: Callable[[Store], int]


def run(store: Store) -> None:
    """Makes all changes that are not recorded, in their order; raises StorageUnavailable."""
    collection = store.jobs.collection.database["migrations"]
    with failures():
        done = {row["_id"] for row in collection.find({}, {"_id": 1})}
    for migration in MIGRATIONS:
        if migration.number not in done:
            log.info("Migration %d begins: %s", migration.number, migration.name)
            changed = migration.run(store)
            record = {"name": migration.name, "done_at": now(), "changed": changed}
            with failures():
                collection.replace_one({"_id": migration.number}, record, upsert=True)
            log.info("Migration %d is done: %d documents changed", migration.number, changed)


def mark_files_of_jobs(store: Store) -> int:
    """Gives our marker to the files that the jobs, the deleted ones included, show to be ours."""
    changed = 0
    for jobs in batches(store.jobs.files()):
        fids = [video_fid for video_fid, _ in jobs]
        changed += store.videos.adoption.mark_videos(fids)
        changed += store.mp3s.adoption.mark_mp3s([mp3_fid for _, mp3_fid in jobs if mp3_fid], fids)
    return changed


def rename_notified(store: Store) -> int:
    """Renames the field that says whether the owner of a job was notified."""
    rename: list[Mapping[str, Any]] = [
        {"$set": {"notified": {"$or": ["$notified", f"${FORMER_NOTIFIED}"]}}},
        {"$unset": FORMER_NOTIFIED},
    ]
    with failures():
        return store.jobs.collection.update_many({FORMER_NOTIFIED: {"$exists": True}}, rename).modified_count


MIGRATIONS = (
    Migration(1, "mark the files of the jobs as ours", mark_files_of_jobs),
    Migration(2, "rename the field that says whether the owner was notified", rename_notified),
)
