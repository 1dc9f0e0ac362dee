"""The cost of a pass of housekeeping depends on what has changed, not on how much is stored."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from common.domain.outbox import Outbox
from common.storage.mongo import Db
from gateway.housekeeping.orphan_search import AUDIT_SLICE
from gateway.housekeeping.runner import Housekeeping
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings
from scripts.bench.archive import Archive

JOBS = 600
# Of a pass; the number of jobs must not matter.
MOST_DOCUMENTS = 200


@pytest.fixture
def housekeeping(environment, db, store, rabbit, publisher) -> Housekeeping:
    Archive(JOBS).insert(db, store.mp3s._db)
    # Older than everything that expires, and kept.
    kept = {"kept": True, "video": "deleted"}
    Archive(300, timedelta(days=90), timedelta(days=40), kept).insert(db, store.mp3s._db)
    addresses = {name.lower(): environment[name] for name in ("MONGO_URI", "RABBITMQ_URI", "AUTH_SVC_ADDRESS")}
    # No video expires: the archive is the largest possible.
    settings = HousekeepingSettings(**addresses, keep_videos_days=30)
    made = Housekeeping(settings, db, store, Outbox(rabbit, store.jobs, store.summaries, publisher))
    made.prepare()
    return made


@contextmanager
def examined(*databases: Db) -> Iterator[Callable[[], dict[str, Any]]]:
    """What MongoDB's profiler has counted in these databases: the sum of documents, and of keys of indexes."""

    def count() -> dict[str, int]:
        total = {"docsExamined": 0, "keysExamined": 0}
        for database in databases:
            for row in database["system.profile"].find({"ns": {"$ne": f"{database.name}.system.profile"}}):
                for name in total:
                    total[name] += row.get(name, 0)
        return total

    for database in databases:
        database.command("profile", 2)
    yield count
    for database in databases:
        database.command("profile", 0)


def test_a_pass_with_nothing_to_do_examines_few_documents_of_a_large_archive(db, other_db, housekeeping):
    assert set(housekeeping.run().values()) == {0}
    with examined(db, other_db) as count:
        assert set(housekeeping.run().values()) == {0}
    found = count()
    assert found["docsExamined"] < MOST_DOCUMENTS
    # A slice of the audit of files and one of chunks, each of the files and of the jobs.
    assert found["keysExamined"] < 10 * AUDIT_SLICE


def test_the_audit_continues_where_the_last_pass_ended_and_begins_again(db, other_db, store: Store, housekeeping):
    missing = store.jobs.collection.find({}).sort("_id", 1).skip(JOBS - 100)[0]["_id"]
    store.jobs.collection.delete_one({"_id": missing})
    # The video is in the second slice, and so is the MP3.
    assert [housekeeping.run()["lost"] for _ in range(2)] == [0, 2]
    first = db["jobs"].find_one({}, sort=[("_id", 1)])["_id"]
    db["jobs"].delete_one({"_id": first})
    assert housekeeping.run()["lost"] == 4


def test_a_restored_job_releases_the_files_that_were_held(db, store: Store, housekeeping):
    job = db["jobs"].find_one({}, sort=[("_id", 1)])
    db["jobs"].delete_one({"_id": job["_id"]})
    assert housekeeping.run()["lost"] == 2
    db["jobs"].insert_one(job)
    assert housekeeping.run()["lost"] == 0
    assert store.videos.find(job["_id"]) is not None
