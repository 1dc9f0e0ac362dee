"""Steps that migrate MongoDB: once, in order, by one process at a time, and repeated after a rollout."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from common.errors import TransientError
from common.runtime.clock import now
from common.storage.mongo import Db
from gateway.jobs.store import Store
from gateway.migrations import records as records_module
from gateway.migrations import runner
from gateway.migrations.records import MigrationRecords, MigrationRunning
from gateway.migrations.steps import STEPS, Step


@pytest.fixture
def records(db: Db) -> MigrationRecords:
    return MigrationRecords(db)


def counting(db: Db, batches: int = 1) -> Callable[[Store], Iterator[int]]:
    """A step that counts how often it ran."""

    def step(_: Store) -> Iterator[int]:
        for _number in range(batches):
            db["runs"].insert_one({})
            yield 1

    return step


def runs(db: Db) -> int:
    return db["runs"].count_documents({})


def test_the_steps_of_this_release_are_numbered_from_1() -> None:
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))


def test_each_step_is_applied_once_and_in_order(store: Store, db: Db, records: MigrationRecords) -> None:
    one, two = Step(1, "first", counting(db)), Step(2, "second", counting(db, batches=2))
    assert runner.run(store, records, timeout=0, steps=[one]) == [1]
    assert runner.run(store, records, timeout=0, steps=[one, two]) == [2]
    assert runner.run(store, records, timeout=0, steps=[one, two]) == []
    assert runs(db) == 3
    assert db["migrations"].find_one({"_id": 2})["changed"] == 2


def test_what_housekeeping_of_the_previous_release_recorded_counts(
    store: Store, db: Db, records: MigrationRecords
) -> None:
    db["migrations"].insert_one({"_id": 1, "name": "first", "done_at": now(), "changed": 3})
    assert runner.run(store, records, timeout=0, steps=[Step(1, "first", counting(db))]) == []


def test_concurrent_processes_apply_each_step_once(store: Store, db: Db) -> None:
    steps = [Step(number, "count", counting(db)) for number in (1, 2)]
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(runner.run, store, MigrationRecords(db), timeout=30, steps=steps) for _ in range(4)]
        applied = [number for each in done for number in each.result(timeout=60)]
    assert sorted(applied) == [1, 2]
    assert runs(db) == 2


def test_a_process_does_not_start_while_another_one_has_the_lease(
    store: Store, db: Db, records: MigrationRecords
) -> None:
    with records.lease(0), pytest.raises(MigrationRunning):
        runner.run(store, MigrationRecords(db), timeout=0, steps=[Step(1, "count", counting(db))])
    assert runs(db) == 0
    assert runner.run(store, records, timeout=0, steps=[Step(1, "count", counting(db))]) == [1]


def test_a_process_that_lost_the_lease_stops_and_records_nothing(
    store: Store, db: Db, records: MigrationRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records_module, "LEASE", 0.1)
    stalled, taken = threading.Event(), threading.Event()

    def stalling(_: Store) -> Iterator[int]:
        stalled.set()
        taken.wait(30)
        yield 1

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(runner.run, store, records, timeout=0, steps=[Step(1, "stalls", stalling)])
        assert stalled.wait(30)
        with MigrationRecords(db).lease(30):
            taken.set()
            with pytest.raises(MigrationRunning):
                slow.result(timeout=30)
    assert records.applied() == set()


def test_an_interrupted_step_starts_again(store: Store, db: Db, records: MigrationRecords) -> None:
    def failing(_: Store) -> Iterator[int]:
        db["runs"].insert_one({})
        yield 1
        raise TransientError("interrupted")

    with pytest.raises(TransientError, match="interrupted"):
        runner.run(store, records, timeout=0, steps=[Step(1, "count", failing)])
    assert runner.run(store, records, timeout=0, steps=[Step(1, "count", counting(db))]) == [1]
    assert runs(db) == 2


def test_a_newer_version_is_left_alone(store: Store, db: Db, records: MigrationRecords) -> None:
    later = Step(2, "of a newer release", counting(db))
    runner.run(store, records, timeout=0, steps=[Step(1, "first", counting(db)), later])
    db["migrations"].delete_one({"_id": 1})
    assert runner.run(store, records, timeout=0, steps=[Step(1, "first", counting(db))]) == []
    assert runs(db) == 2


def test_a_step_is_repeated_once_after_the_rollout(store: Store, db: Db, records: MigrationRecords) -> None:
    steps = [Step(1, "repeated", counting(db), repeated=True), Step(2, "once", counting(db))]
    assert runner.run(store, records, timeout=0, steps=steps) == [1, 2]
    assert runner.run(store, records, timeout=0, steps=steps) == []
    db["migrations"].update_many({}, {"$set": {"done_at": now() - timedelta(seconds=runner.ROLLOUT + 60)}})
    assert runner.run(store, records, timeout=0, steps=steps) == [1]
    assert runner.run(store, records, timeout=0, steps=steps) == []
    assert runs(db) == 3
