"""An update from an earlier release: a stack of its own starts with that release's data, and serves them."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import MySQLdb
import pika
import pytest
import requests
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database

from common.runtime.clock import now
from gateway.migrations.runner import ROLLOUT
from scripts.stack import Stack, ending
from scripts.stack import environment as stack_environment
from scripts.stack.services import MIGRATIONS
from scripts.stack.starting import bring_up
from scripts.stack.state import STACKS
from tests import invariant, stored
from tests.faults.previous_release import FOLDER, PreviousRelease
from tests.person import Person
from tests.waiting import eventually

ALICE, BOB = "alice@example.com", "bob@example.com"
CENTURY = str(100 * 365 * 24 * 3600)
# s. Housekeeping publishes the jobs whose messages are lost.
RECOVERY = 120


@pytest.fixture(scope="module")
def previous() -> PreviousRelease:
    return PreviousRelease()


@pytest.fixture(scope="module")
def stack(previous: PreviousRelease) -> Iterator[Stack]:
    """Instead of the stack of the other faults: one whose services found the data of the earlier release."""
    path = STACKS / "upgrade" / "state.json"
    _wipe()
    overrides = {
        "LINK_SECRET": previous.link_secret,
        # Whenever the test runs, the link is valid.
        "LINK_LIFETIME": CENTURY,
        "LINK_LEEWAY": CENTURY,
        "RETRY_DELAYS": "0.5,1,2",
        "EMAIL_DIGEST_SECONDS": "0",
        "PUBLISH_GRACE": "1",
    }
    try:
        servers = bring_up(path, servers_only=True, overrides=overrides, report=lambda _: None)
        previous.load(servers.environment)
        # Two of each.
        migrate(servers, [*MIGRATIONS, *MIGRATIONS])
        yield bring_up(path, report=lambda _: None)
    finally:
        _wipe()


def _wipe() -> None:
    path = STACKS / "upgrade" / "state.json"
    if path.exists():
        ending.end(Stack.open(path), keep_data=False)
        shutil.rmtree(path.parent)


def migrate(stack: Stack, packages: Sequence[str]) -> list[str]:
    """Runs these migrations at the same time, which must succeed; returns their outputs."""

    def run(package: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", package], env=stack_environment.service(stack.state, package, package),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout

    with ThreadPoolExecutor(len(packages)) as pool:
        return list(pool.map(run, packages))


@pytest.fixture(scope="module")
def environment(stack: Stack) -> dict[str, str]:
    return stack.environment


@pytest.fixture
def videos(environment: dict[str, str]) -> Iterator[Database[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](environment["MONGO_URI"], tz_aware=True) as client:
        yield client["videos"]


@pytest.fixture(scope="module")
def alice(stack: Stack, environment: dict[str, str], previous: PreviousRelease) -> Person:
    return _person(stack, environment, previous, ALICE)


def _person(stack: Stack, environment: Mapping[str, str], previous: PreviousRelease, email: str) -> Person:
    password = previous.expected["accounts"][email]
    return Person(stack.url("gateway"), Path(environment["MAILDIR"]), email=email, password=password).login()


def ended(alice: Person, job: Mapping[str, Any]) -> dict[str, Any]:
    """The job, which must complete."""
    found = alice.waits_for(job["id"], RECOVERY)
    assert found["status"] == "completed", found
    assert alice.download(found["mp3_fid"]).content
    return found


def test_accounts_log_in_and_the_schema_is_that_of_this_release(
    stack: Stack, environment: dict[str, str], previous: PreviousRelease, alice: Person
) -> None:
    # An operator inserted this one with a plain-text password.
    _person(stack, environment, previous, BOB)
    assert query(environment, "SELECT COUNT(*) FROM schema_migrations WHERE completed_at IS NULL") == ((0,),)
    ((password,),) = query(environment, "SELECT password FROM user WHERE email = %s", BOB)
    assert password.startswith("$argon2id$")


def query(environment: Mapping[str, str], statement: str, *values: str) -> Sequence[Sequence[Any]]:
    """The rows of MySQL."""
    with (
        closing(
            MySQLdb.connect(
                host=environment["MYSQL_HOST"], port=int(environment["MYSQL_PORT"]), connect_timeout=10,
                user=environment["MYSQL_ROOT_USER"], password=environment["MYSQL_ROOT_PASSWORD"],
                database=environment["MYSQL_DB"],
            )
        ) as connection,
        connection.cursor() as cursor,
    ):  # fmt: skip
        cursor.execute(statement, values or None)
        rows: Sequence[Sequence[Any]] = cursor.fetchall()
        return rows


def test_jobs_are_listed_as_before(alice: Person, previous: PreviousRelease) -> None:
    listed = {job["video_fid"]: job for job in alice.request("GET", "/jobs?limit=100").json()["jobs"]}
    for name in ("completed", "summarised", "not_notified", "failed"):
        job, found = previous.job(name), listed[job_id(previous, name)]
        assert found["filename"] == job["filename"]
        assert found["status"] == ("failed" if name == "failed" else "completed")
    assert listed[job_id(previous, "failed")]["error"] == previous.job("failed")["error"]
    assert listed[job_id(previous, "summarised")]["options"] == previous.job("summarised")["options"]
    assert job_id(previous, "deleted") not in listed
    assert alice.request("GET", f"/jobs/{job_id(previous, 'deleted')}").status_code == 404


def job_id(previous: PreviousRelease, name: str) -> str:
    return str(previous.job(name)["id"])


@pytest.mark.parametrize("name", ["completed", "summarised", "not_notified"])
def test_mp3s_are_downloaded_byte_by_byte(alice: Person, previous: PreviousRelease, name: str) -> None:
    job = previous.job(name)
    answer = alice.download(job["mp3_fid"])
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == job["sha256"]


def test_the_link_of_an_earlier_email_works(stack: Stack, previous: PreviousRelease) -> None:
    job = previous.job("completed")
    answer = requests.get(stack.url("gateway") + job["link"], timeout=60)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == job["sha256"]


def test_a_summary_is_read(alice: Person, previous: PreviousRelease) -> None:
    job = previous.job("summarised")
    answer = alice.request("GET", f"/summaries/{job['summary_id']}")
    assert answer.status_code == 200, answer.text
    assert answer.json()["summary"] == job["summary"]


@pytest.mark.parametrize("name", ["converting", "queued"])
def test_interrupted_jobs_complete(alice: Person, previous: PreviousRelease, name: str) -> None:
    ended(alice, previous.job(name))


def test_the_owner_of_a_job_whose_notice_was_lost_is_notified(alice: Person, previous: PreviousRelease) -> None:
    assert "/download?" in alice.email_about(job_id(previous, "not_notified"), RECOVERY)


def test_a_resumable_upload_is_continued(alice: Person, previous: PreviousRelease, environment: dict[str, str]) -> None:
    upload = previous.expected["upload"]
    tus = {"Tus-Resumable": "1.0.0"}
    answer = alice.request("HEAD", upload["path"], headers=tus)
    if answer.headers["Upload-Offset"] != str(upload["length"]):
        assert answer.headers["Upload-Offset"] == str(upload["offset"])
        rest = (FOLDER / "resumed.mp4").read_bytes()[upload["offset"] :]
        headers = {
            **tus, "Upload-Offset": str(upload["offset"]), "Content-Type": "application/offset+octet-stream",
        }  # fmt: skip
        answer = alice.request("PATCH", upload["path"], data=rest, headers=headers)
        assert answer.status_code == 204, answer.text
    fid = upload["path"].rpartition("/")[2]
    assert alice.waits_for(fid, RECOVERY)["status"] == "completed"
    assert stored.sha256(environment, fid) == upload["sha256"]


def test_migrations_that_run_again_change_nothing(
    stack: Stack, environment: dict[str, str], videos: Database[dict[str, Any]]
) -> None:
    before = schema(environment, videos)
    for output in migrate(stack, MIGRATIONS):
        assert "up to date" in output
    assert schema(environment, videos) == before


def schema(environment: Mapping[str, str], videos: Database[dict[str, Any]]) -> list[Any]:
    """The accounts and their tables, the indexes of MongoDB, and the migrations that were applied."""
    tables = ("user", "schema_migrations")
    found: list[Any] = [query(environment, f"SHOW CREATE TABLE {table}") for table in tables]
    found += [query(environment, f"SELECT * FROM {table} ORDER BY 1") for table in tables]
    for database in (videos, videos.client["mp3s"]):
        indexes = {name: database[name].index_information() for name in sorted(database.list_collection_names())}
        # A service creates a collection without other indexes when it needs it.
        found += [(name, each) for name, each in indexes.items() if len(each) > 1]
    return [*found, list(videos["migrations"].find({"_id": {"$type": "number"}}))]


def test_the_files_of_the_earlier_release_are_marked(
    videos: Database[dict[str, Any]], previous: PreviousRelease
) -> None:
    for name in ("completed", "summarised", "converting"):
        file = videos["fs.files"].find_one({"_id": ObjectId(job_id(previous, name))})
        assert file is not None
        assert file["metadata"]["service"] == "video2mp3"


def publish(environment: Mapping[str, str], message: Mapping[str, Any], queue: str, **body: str) -> None:
    """Publishes a message as the earlier release did, about another job."""
    properties = pika.BasicProperties(
        headers=message["headers"] or None, content_type=message["content_type"],
        delivery_mode=message["delivery_mode"],
    )  # fmt: skip
    with pika.BlockingConnection(pika.URLParameters(environment["RABBITMQ_URI"])) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", queue, json.dumps({**message["body"], **body}).encode(), properties, mandatory=True)


def copied(database: Database[dict[str, Any]], previous: PreviousRelease, original: str, **changes: Any) -> ObjectId:
    """Stores a file again as the earlier release did, under another id; returns it."""
    fid = ObjectId()
    (file,) = (row for row in previous.documents(database.name, "fs.files") if row["_id"] == ObjectId(original))
    chunks = [row for row in previous.documents(database.name, "fs.chunks") if row["files_id"] == ObjectId(original)]
    database["fs.chunks"].insert_many([{**row, "_id": ObjectId(), "files_id": fid} for row in chunks])
    metadata = {**file["metadata"], **changes}
    database["fs.files"].insert_one({**file, "_id": fid, "uploadDate": now(), "metadata": metadata})
    return fid


def job_of(previous: PreviousRelease, name: str, fid: ObjectId, **changes: Any) -> dict[str, Any]:
    """The record of a job as the earlier release writes it now, under another id."""
    (job,) = (row for row in previous.documents("videos", "jobs") if row["_id"] == ObjectId(job_id(previous, name)))
    return {**job, "_id": fid, "created_at": now(), "updated_at": now(), **changes}


def test_what_replicas_of_the_earlier_release_write_during_the_rollout_is_processed(
    alice: Person, stack: Stack, environment: dict[str, str], videos: Database[dict[str, Any]],
    previous: PreviousRelease,
) -> None:  # fmt: skip
    messages = previous.expected["messages"]
    # A gateway of the earlier release accepts a video, and a converter of this release converts it.
    uploaded = copied(videos, previous, job_id(previous, "queued"))
    videos["jobs"].insert_one(job_of(previous, "queued", uploaded))
    publish(environment, messages["video"], "video", video_fid=str(uploaded))
    # A converter of the earlier release completes a job, and the notification service of this release notifies.
    original = previous.job("not_notified")
    converted = copied(videos, previous, original["id"])
    mp3 = copied(videos.client["mp3s"], previous, original["mp3_fid"], video_fid=converted)
    videos["jobs"].insert_one(job_of(previous, "not_notified", converted, mp3_fid=mp3))
    publish(environment, messages["mp3"], "mp3", video_fid=str(converted), mp3_fid=str(mp3))

    ended(alice, {"id": str(uploaded)})
    assert f"fid={mp3}" in alice.email_about(str(converted), RECOVERY)
    assert hashlib.sha256(alice.download(str(mp3)).content).hexdigest() == original["sha256"]

    # After the rollout, their files get the marker.
    files = videos["fs.files"]
    files.update_many({"_id": {"$in": [uploaded, converted]}}, {"$unset": {"metadata.service": ""}})
    over = now() - timedelta(seconds=ROLLOUT + 60)
    videos["migrations"].update_many(
        {"_id": {"$type": "number"}}, {"$set": {"done_at": over}, "$unset": {"repeated_at": ""}}
    )
    migrate(stack, ["gateway.migrations"])
    eventually(
        lambda: files.count_documents({"_id": {"$in": [uploaded, converted]}, "metadata.service": "video2mp3"}) == 2,
        what="the markers",
    )


def test_the_invariant_holds_for_everything_that_was_loaded(
    alice: Person, previous: PreviousRelease, environment: dict[str, str]
) -> None:
    for name in ("converting", "queued"):
        ended(alice, previous.job(name))
    invariant.holds(environment)
