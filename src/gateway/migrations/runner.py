"""Applies the steps: one process at a time, in their order, each until it is completed."""

import logging
from collections.abc import Sequence

from gateway.jobs.store import Store
from gateway.migrations.records import MigrationRecords, StepsLease
from gateway.migrations.steps import STEPS, Step

log = logging.getLogger(__name__)

# s. A rollout ends within this time after the migrations. Then replicas of the previous release write nothing any more.
ROLLOUT = 3600.0


def run(store: Store, records: MigrationRecords, *, timeout: float, steps: Sequence[Step] = STEPS) -> list[int]:
    """Applies the steps that are due; returns their numbers.

    If a newer release has applied others, nothing is changed. Raises MigrationRunning if another process does not end
    within `timeout` seconds or takes the lease, and StorageUnavailable; the next run starts the interrupted step again.
    """
    if not _due(records, steps):
        return []
    with records.lease(timeout) as lease:
        # Another process may have applied them before this one got the lease.
        due = _due(records, steps)
        for step in due:
            _apply(step, store, records, lease)
        return [step.number for step in due]


def _due(records: MigrationRecords, steps: Sequence[Step]) -> list[Step]:
    applied, newest = records.applied(), steps[-1].number
    if applied and max(applied) > newest:
        log.warning(
            "MongoDB has version %d and this release has %d: a newer release runs, nothing was changed",
            max(applied),
            newest,
        )
        return []
    once = records.applied_once(ROLLOUT)
    return [step for step in steps if step.number not in applied or (step.repeated and step.number in once)]


def _apply(step: Step, store: Store, records: MigrationRecords, lease: StepsLease) -> None:
    again = step.number in records.applied()
    log.info("Migration %d %s: %s", step.number, "repeated" if again else "started", step.name)
    changed = 0
    for count in step.run(store):
        # The next batch must not run beside that of another process.
        lease.renew()
        changed += count
    lease.renew()
    if again:
        records.record_repetition(step.number, changed)
    else:
        records.record(step.number, step.name, changed)
    log.info("Migration %d completed: %d documents changed", step.number, changed)
