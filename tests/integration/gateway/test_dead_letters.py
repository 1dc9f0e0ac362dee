"""The command that lists, shows, replays and drops dead letters."""

import json
import os
import subprocess
import sys

import pytest
from bson import ObjectId

from common.domain.job_repository import Jobs
from common.domain.jobs import Status
from common.domain.summaries import Stage, Summaries
from common.messaging.message import DIED_AT, REASON, Message, SummaryMessage
from common.messaging.topology import dead_queue
from common.storage import mongo
from gateway.administration.audit import AuditLog

OWNER = "owner@example.com"


@pytest.fixture
def jobs(client):
    return Jobs(client[mongo.VIDEOS])


@pytest.fixture
def command(environment, rabbit):
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        variables = {
            **os.environ,
            "PYTHONPATH": "src",
            "MONGO_URI": environment["MONGO_URI"],
            "RABBITMQ_URI": environment["RABBITMQ_URI"],
            "VIDEO_QUEUE": rabbit.video_queue,
            "MP3_QUEUE": rabbit.mp3_queue,
            "SUMMARY_QUEUE": rabbit.summary_queue,
            "RETRY_DELAYS": "0.2,0.4",
        }
        return subprocess.run(
            [sys.executable, "-m", "gateway.dead_letters", *arguments],
            env=variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def failed(jobs, rabbit, publisher):
    """A job whose message became a dead letter because of a full disk."""
    fid = ObjectId()
    jobs.create(fid, OWNER, "talk.mp4", {})
    jobs.fail(fid, "The conversion failed because of a server error.")
    message = Message(video_fid=fid, mp3_fid=None, username=OWNER)
    publisher.publish(
        dead_queue(rabbit.video_queue), message, {REASON: "the disk is full", DIED_AT: "2026-01-31T12:00:00"}
    )
    yield message
    jobs.collection.delete_one({"_id": fid})


def test_without_dead_letters_the_list_is_empty(command, broker):
    done = command("list")
    assert done.returncode == 0
    assert "no dead letters" in done.stderr


def test_the_list_shows_the_reason_and_changes_nothing(command, failed):
    for _ in range(2):
        done = command("list")
        assert done.returncode == 0, done.stderr
        assert "the disk is full" in done.stdout
        assert str(failed.video_fid) in done.stdout


def test_a_letter_is_shown_with_its_job(command, failed):
    shown = json.loads(command("show", str(failed.video_fid)).stdout)
    assert shown["reason"] == "the disk is full"
    assert shown["job"]["status"] == "failed"


def test_a_replay_queues_the_job_again(command, failed, jobs, rabbit, taken):
    done = command("replay", "1")
    assert "replayed" in done.stdout, done.stderr
    assert jobs.get(failed.video_fid).status is Status.QUEUED
    assert taken(rabbit.video_queue)[0] == failed.encode()
    assert taken(dead_queue(rabbit.video_queue)) is None


def test_a_letter_can_be_dropped(command, failed, rabbit, taken):
    assert "dropped" in command("drop", "all").stdout
    assert taken(dead_queue(rabbit.video_queue)) is None


def test_a_letter_without_a_job_stays_until_it_is_dropped_with_a_record(client, command, rabbit, publisher, taken):
    publisher.publish_raw(dead_queue(rabbit.mp3_queue), b"nonsense", {REASON: "the message is not JSON"})
    assert "remove it with drop" in command("replay", "all").stdout
    assert "nonsense" in command("list").stdout
    assert "dropped" in command("drop", "1").stdout
    (act,) = AuditLog(client[mongo.VIDEOS]).page(1)
    assert (act["act"], act["actor"]["command"], act["outcome"]) == ("drop", "dead-letters", "done")
    assert act["target"]["queue"] == rabbit.mp3_queue
    assert taken(dead_queue(rabbit.mp3_queue)) is None


def test_an_unknown_number_is_an_error(command, failed):
    done = command("replay", "7")
    assert done.returncode == 1
    assert "Dead letter not found" in done.stderr


def test_a_command_without_numbers_is_an_error(command):
    done = command("replay")
    assert done.returncode == 2
    assert "which?" in done.stderr


def test_the_dead_letter_of_a_summary_can_be_replayed(command, client, rabbit, publisher, taken):
    summaries = Summaries(client[mongo.VIDEOS])
    made = summaries.create(OWNER, "notes.txt", "A text.", status="failed", error="The key is wrong.")
    letter = SummaryMessage(made.id, OWNER)
    try:
        publisher.publish(dead_queue(rabbit.summary_queue), letter, {REASON: "the key is wrong"})
        assert json.loads(command("show", str(made.id)).stdout)["summary"]["error"] == "The key is wrong."
        assert "replayed" in command("replay", str(made.id)).stdout
        assert summaries.get(made.id).status is Stage.QUEUED
        assert taken(rabbit.summary_queue)[0] == letter.encode()
    finally:
        summaries.delete(made.id)
