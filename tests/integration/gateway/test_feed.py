"""The feed of changes: from a change stream, resumed after failures, and by polling a standalone server."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty

import pytest
from bson import ObjectId

from common.domain.job_changes import ChangesLost, JobChanges
from common.domain.job_repository import Jobs
from common.domain.jobs import Status
from common.domain.owners import Owner
from common.runtime.settings import MongoSettings
from common.storage import mongo
from common.storage.bucket import Bucket
from gateway.jobs.feed import Changes, Feed
from scripts.stack import mongodb, ports
from tests.waiting import eventually

OWNER = "owner@example.com"


@pytest.fixture
def jobs(db: mongo.Db) -> Jobs:
    made = Jobs(db)
    made.ensure_indexes()
    return made


@pytest.fixture
def feed(jobs: Jobs) -> Iterator[Feed]:
    made = Feed(jobs, 0.1, 10)
    yield made
    made.close()


def created(jobs: Jobs, username: str = OWNER) -> ObjectId:
    return jobs.create(ObjectId(), username, "talk.mp4", {}).video_fid


def statuses(changes: Changes) -> list[tuple[ObjectId, Status]]:
    """Everything that arrives until there is nothing for a second."""
    found = []
    try:
        while job := changes.get(timeout=1):
            found.append((job.video_fid, job.status))
    except Empty:
        pass
    return found


def test_each_change_of_a_users_jobs_arrives_once_and_in_order(feed, jobs):
    with feed.following(Owner(OWNER)) as changes, feed.following(Owner("other@example.com")) as others:
        fid = created(jobs)
        jobs.fail(fid, "a reason")
        # Not a change that followers see.
        jobs.confirm(jobs.get(fid), published=True)
        jobs.reopen(fid)
        jobs.mark_deleted(fid)
        assert [each for each, _ in statuses(changes)] == [fid] * 4
        assert statuses(others) == []


def test_a_follower_after_a_pause_gets_the_changes_that_follow(feed, jobs):
    with feed.following(Owner(OWNER)):
        created(jobs)
    created(jobs)
    with feed.following(Owner(OWNER)) as changes:
        fid = created(jobs)
        assert statuses(changes)[-1:] == [(fid, Status.QUEUED)]


def test_what_changes_while_the_stream_is_interrupted_is_delivered_afterwards(jobs):
    changes = JobChanges(jobs)
    opened = threading.Event()
    stream = changes.follow(opened.set)
    assert next(stream) is None
    assert opened.is_set()
    first = created(jobs)
    assert next(stream).video_fid == first
    stream.close()
    second = created(jobs)
    assert next(changes.follow(opened.set)).video_fid == second


def test_followers_reconnect_when_the_stream_cannot_be_resumed(feed, jobs):
    with feed.following(Owner(OWNER)) as changes:
        jobs.collection.drop()
        eventually(lambda: changes.get(timeout=20) is None, what="the end of the subscription")
    with feed.following(Owner(OWNER)) as changes:
        fid = created(jobs)
        assert statuses(changes) == [(fid, Status.QUEUED)]


def test_a_stream_without_its_place_in_the_oplog_is_lost_once(jobs):
    changes = JobChanges(jobs)
    changes._token = {"_data": "82" + "0" * 60}
    with pytest.raises(ChangesLost):
        next(changes.follow(lambda: None))
    assert next(changes.follow(lambda: None)) is None


@pytest.fixture
def standalone(tmp_path: Path) -> Iterator[mongo.Db]:
    """A server that is no replica set, as deployments of earlier releases have it."""
    (port,) = ports.choose(1)
    command = [mongodb.executable(), f"--port={port}", f"--dbpath={tmp_path}", "--nounixsocket"]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen([*command, "--bind_ip=127.0.0.1"], stdout=log) as server,
        mongo.connect(MongoSettings(mongo_uri=f"mongodb://127.0.0.1:{port}")) as client,
    ):
        yield client["videos"]
        server.kill()


def test_a_standalone_server_is_polled_and_stores_files(standalone, caplog):
    jobs, bucket, data = Jobs(standalone), Bucket(standalone), b"x" * 1_000_000
    feed = Feed(jobs, 0.1, 20)
    with feed.following(Owner(OWNER)) as changes:
        fid = created(jobs)
        assert changes.get(timeout=20).video_fid == fid
    feed.close()
    assert [record.message for record in caplog.records if "standalone" in record.message]
    with bucket.create("name", "video/mp4", {}) as writer:
        writer.write(data)
        writer.finish()
    assert b"".join(bucket.read(bucket.find(writer.id))) == data
