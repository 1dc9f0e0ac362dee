"""All data are lost, and restored from a backup that was taken while jobs and uploads were in progress."""

import base64
import os
import subprocess
import threading
from pathlib import Path

import MySQLdb
import pika
import pytest
from pymongo import MongoClient

from scripts.stack import Stack
from tests import invariant, media
from tests.faults.breaking import Faults, converting, housekeeping
from tests.person import Person
from tests.waiting import eventually

_ROOT = Path(__file__).resolve().parents[2]
# s of sound; about 6 s of work on an idle core.
LONG = 600
# In the order in which they start.
_SERVICES = (
    "auth",
    "summary",
    "summary-worker",
    "gateway",
    "gateway-nginx",
    "converter",
    "notification",
    "housekeeping",
)


@pytest.fixture
def run_script(stack: Stack, tmp_path: Path):
    """Runs a script of backups for this stack, with a repository of the test's own."""

    def run(script: str, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [_ROOT / "scripts" / script, "--stack", stack.state.folder.name, *words],
            env={**os.environ, "BACKUP_FOLDER": str(tmp_path), "RESTIC_PASSWORD": "a password of the tests"},
            capture_output=True, text=True, timeout=170, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


class _Uploader(threading.Thread):
    """Uploads a small video each second until it is stopped."""

    def __init__(self, person: Person) -> None:
        super().__init__(daemon=True)
        self._person = person
        self._stop_requested = threading.Event()
        self.accepted: list[str] = []

    def run(self) -> None:
        while not self._stop_requested.wait(1):
            self.accepted.append(self._person.uploads(media.make("mp4")))

    def end(self) -> list[str]:
        """The ids of its jobs."""
        self._stop_requested.set()
        self.join(60)
        return self.accepted


def _half_an_upload(person: Person) -> str:
    """The path of a resumable upload that has one of two megabytes."""
    tus = {"Tus-Resumable": "1.0.0"}
    name = base64.b64encode(b"half.mp4").decode()
    begun = person.request(
        "POST", "/files", headers={**tus, "Upload-Length": str(2 << 20), "Upload-Metadata": f"filename {name}"}
    )
    assert begun.status_code == 201, begun.text
    part = {**tus, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    path = begun.headers["Location"]
    assert person.request("PATCH", path, headers=part, data=bytes(1 << 20)).status_code == 204
    return path


def _lose_everything(environment: dict[str, str], queues: list[str]) -> None:
    with MongoClient(environment["MONGO_URI"]) as client:
        for name in ("videos", "mp3s"):
            client.drop_database(name)
    with MySQLdb.connect(
        host=environment["MYSQL_HOST"], port=int(environment["MYSQL_PORT"]), user=environment["MYSQL_ROOT_USER"],
        password=environment["MYSQL_ROOT_PASSWORD"], database=environment["MYSQL_DB"], autocommit=True,
    ) as connection:  # fmt: skip
        connection.cursor().execute("DELETE FROM user")
    broker = pika.BlockingConnection(pika.URLParameters(environment["RABBITMQ_URI"]))
    for queue in queues:
        broker.channel().queue_purge(queue)
    broker.close()


def _emails_about(person: Person, fid: str) -> int:
    return sum(fid in str(email["Message-ID"]) for email in person.emails())


def test_everything_is_restored_and_interrupted_jobs_complete(
    newcomer, faults: Faults, stack: Stack, environment: dict[str, str], run_script
) -> None:
    done, unnotified, interrupted, uploading = (newcomer().joins() for _ in range(4))
    job = done.converts(media.make("mp4"))
    done.email_about(job["video_fid"])
    summary = done.summarises(file_id=job["mp3_fid"])
    mp3 = done.download(job["mp3_fid"]).content
    faults.stop("notification")
    silent = unnotified.converts(media.make("mp4"))["video_fid"]
    begun = interrupted.uploads(media.long(LONG))
    eventually(converting(interrupted, begun))
    faults.stop("converter")
    waiting = interrupted.uploads(media.make("mp4"))
    half = _half_an_upload(uploading)
    uploader = _Uploader(uploading)
    uploader.start()
    eventually(lambda: uploader.accepted, what="the first upload")
    before = len(uploader.accepted)
    assert "is complete and verified" in run_script("backup.sh")
    during = uploader.end()[before:]
    assert during

    for name in reversed(_SERVICES):
        faults.stop(name)
    _lose_everything(environment, ["video", "mp3", "summary"])
    for name in _SERVICES:
        faults.start(name)
    assert "Restored in" in run_script("restore.sh")
    assert "not empty" in run_script("restore.sh", code=1)
    # The messages are published again, from the jobs alone.
    housekeeping(stack, STALLED_AFTER="0")

    for person in (done, unnotified, interrupted, uploading):
        person.login()
    assert done.download(job["mp3_fid"]).content == mp3
    assert done.request("GET", f"/summaries/{summary['_id']}").json()["summary"] == summary["summary"]
    for fid in (begun, waiting):
        assert interrupted.waits_for(fid, 180)["status"] == "completed"
    known = {row["video_fid"] for row in uploading.request("GET", "/jobs?limit=200").json()["jobs"]}
    assert set(uploader.accepted[:before]) <= known
    assert uploading.request("HEAD", half, headers={"Tus-Resumable": "1.0.0"}).status_code == 404
    invariant.holds(environment, seconds=180)
    for person, fid in ((done, job["video_fid"]), (unnotified, silent), (interrupted, begun), (interrupted, waiting)):
        eventually(lambda person=person, fid=fid: _emails_about(person, fid), what=f"the email about {fid}")
        assert _emails_about(person, fid) == 1
