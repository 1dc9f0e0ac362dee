"""The provider, the summary service and what it needs go away in the middle of a summary."""

import json
from pathlib import Path

import pytest

from tests import media
from tests.faults.breaking import RECOVERY
from tests.waiting import eventually

# s. Longer than a server takes to come back on a busy machine.
PATIENT = "0.5,1,2,4,8,16,32,64"
TEXT = "Bees live together in a hive. They collect nectar from flowers. They dance to tell the others where."


@pytest.fixture
def mood(environment):
    """How the provider treats its clients from now on."""
    control = Path(environment["PROVIDER_CONTROL"])

    def set_mood(mode: str, **more: object) -> None:
        draft = control.with_suffix(".new")
        draft.write_text(json.dumps({"mode": mode, **more}))
        draft.rename(control)

    yield set_mood
    set_mood("ok")


def asked(environment, kind: str) -> int:
    path = Path(environment["PROVIDER_REQUESTS"])
    return sum(json.loads(line)["kind"] == kind for line in path.read_text().splitlines()) if path.exists() else 0


def test_a_provider_that_is_down_for_a_while_delays_the_summary(person, faults, stack):
    faults.restart("summary-worker", RETRY_DELAYS=PATIENT)
    job = person.converts(media.make("mp4"))
    faults.stop("provider")
    answer = person.orders(file_id=job["mp3_fid"])
    assert answer.status_code == 202
    eventually(lambda: "cannot be reached" in stack.log("summary-worker"))
    at_once = person.orders(text=TEXT)
    assert at_once.status_code == 503
    assert "cannot be reached" in at_once.json()["error"]
    assert int(at_once.headers["Retry-After"]) > 0
    faults.start("provider")
    assert person.waits_for_summary(answer, RECOVERY)["status"] == "completed"
    faults.restart("summary-worker")


def test_a_provider_that_limits_is_given_the_time_it_asks_for(person, faults, mood, environment):
    mood("limited", seconds=2, times=1)
    answer = person.orders(text=TEXT)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("mode", ["garbage", "wrong"])
def test_a_provider_that_talks_nonsense_is_told_at_once(person, faults, mood, mode):
    mood(mode)
    answer = person.orders(text=TEXT)
    assert answer.status_code == 503
    assert "invalid response twice" in answer.json()["error"]


def test_a_worker_that_is_killed_pays_for_no_piece_twice(person, faults, stack, mood, environment):
    faults.restart("summary-worker", AI_TRANSCRIPTION_MAX_SECONDS="10")
    try:
        job = person.converts(media.long(95))
        before = asked(environment, "audio")
        mood("slow", seconds=1, on="audio")
        answer = person.orders(file_id=job["mp3_fid"])
        eventually(lambda: asked(environment, "audio") >= before + 4)
        faults.kill("summary-worker")
        mood("ok")
        assert person.waits_for_summary(answer, RECOVERY)["status"] == "completed"
        # Eleven pieces, and the one that was under way when the worker died once more.
        assert asked(environment, "audio") - before in {11, 12}
    finally:
        faults.restart("summary-worker")


def test_the_other_servers_may_die_meanwhile(person, faults, mood, environment):
    faults.restart("summary-worker", RETRY_DELAYS=PATIENT)
    job = person.converts(media.make("mp4"))
    before = asked(environment, "chat")
    mood("slow", seconds=4, times=2)
    answer = person.orders(file_id=job["mp3_fid"])
    eventually(lambda: asked(environment, "chat") > before)
    for name in ("rabbitmq", "mongodb", "summary"):
        faults.kill(name)
    for name in ("rabbitmq", "mongodb", "summary", "gateway"):
        faults.stack.wait_ready(name, RECOVERY)
    assert person.waits_for_summary(answer, RECOVERY)["status"] == "completed"
    faults.restart("summary-worker")


def test_a_database_that_hangs_for_longer_than_a_lease_delays_the_summary(person, faults, stack, mood, environment):
    faults.restart("summary-worker", AI_TRANSCRIPTION_MAX_SECONDS="10")
    try:
        job = person.converts(media.long(35))
        before = asked(environment, "audio")
        # s. Longer than it takes to notice: the lease, and MongoDB's time-out.
        mood("slow", seconds=20, times=1)
        answer = person.orders(file_id=job["mp3_fid"])
        eventually(lambda: asked(environment, "audio") > before)
        said = len(stack.log("summary-worker"))
        faults.hang("mongodb")
        eventually(lambda: "The lease could not be renewed" in stack.log("summary-worker")[said:])
        faults.thaw()
        assert person.waits_for_summary(answer, RECOVERY)["status"] == "completed"
        assert asked(environment, "audio") - before in {4, 5}
    finally:
        faults.thaw()
        faults.restart("summary-worker")


def test_a_summary_service_that_is_gone_keeps_nobody_from_converting(person, faults):
    faults.stop("summary")
    faults.stop("summary-worker")
    answer = person.orders(text=TEXT)
    assert answer.status_code == 503
    assert "cannot be reached" in answer.json()["error"]
    job = person.converts(media.make("mp4"))
    faults.start("summary")
    faults.start("summary-worker")
    assert person.waits_for_summary(person.orders(file_id=job["mp3_fid"]), RECOVERY)["status"] == "completed"


def test_without_a_provider_the_answer_names_the_variables_and_all_else_is_as_ever(person, faults):
    for program in ("summary", "summary-worker"):
        faults.restart(program, AI_SUMMARY_URL="", AI_SUMMARY_MODEL="")
    try:
        answer = person.orders(text=TEXT)
        assert answer.status_code == 503
        assert "AI_SUMMARY_URL and AI_SUMMARY_MODEL" in answer.json()["error"]
        assert person.request("GET", "/summaries").json()["available"] is False
        assert person.converts(media.make("mp4"))["status"] == "completed"
    finally:
        for program in ("summary", "summary-worker"):
            faults.restart(program)


def test_a_gateway_without_the_service_says_so(person, faults):
    faults.restart("gateway", SUMMARY_SVC_ADDRESS="")
    try:
        answer = person.orders(text=TEXT)
        assert answer.status_code == 503
        assert "SUMMARY_SVC_ADDRESS" in answer.json()["error"]
    finally:
        faults.restart("gateway")
