"""Files that housekeeping holds back show in its exit code, its log and the gateway's metrics."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
from bson import ObjectId

from common.storage import mongo
from common.storage.bucket import Bucket
from scripts.stack import Stack
from tests.waiting import eventually


@pytest.fixture
def housekeeping(environment) -> Callable[..., subprocess.CompletedProcess[str]]:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        variables = {key: environment[key] for key in ("MONGO_URI", "RABBITMQ_URI", "AUTH_SVC_ADDRESS")}
        return subprocess.run(
            [sys.executable, "-m", "gateway.housekeeping", *arguments],
            # Without a grace, it would suspect the uploads of other tests.
            env={**os.environ, "PYTHONPATH": "src", "ORPHAN_GRACE": "3600", **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def lost(client) -> Iterator[ObjectId]:
    """An MP3 with our marker whose job is lost, in the database of the stack's services."""
    bucket, yesterday = Bucket(client[mongo.MP3S]), datetime.now(UTC) - timedelta(days=1)
    with bucket.create("talk.mp3", "audio/mpeg", {"video_fid": ObjectId()}) as writer:
        writer.id = ObjectId.from_datetime(yesterday)
        writer.write(b"x")
        fid = writer.finish()
    client[mongo.MP3S]["fs.files"].update_one({"_id": fid}, {"$set": {"uploadDate": yesterday}})
    yield fid
    bucket.delete(fid)


def test_a_file_whose_job_is_lost_fails_the_run_and_is_a_metric(housekeeping, lost, client, stack: Stack):
    done = housekeeping()
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    assert "python -m gateway.housekeeping.adopt" in output
    assert "--delete-held" in output

    def exported() -> bool:
        metrics = requests.get(f"http://127.0.0.1:{stack.state.ports['gateway_health']}/metrics", timeout=10).text
        return 'video2mp3_orphans_held{reason="lost"} 1.0' in metrics

    eventually(exported, seconds=90, what="the metric")
    assert client[mongo.MP3S]["fs.files"].find_one({"_id": lost}) is not None
    Bucket(client[mongo.MP3S]).delete(lost)
    done = housekeeping()
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_confirmation_needs_a_number(housekeeping):
    done = housekeeping("--delete-held", "0")
    assert done.returncode == 2
    assert "give the number" in done.stderr
