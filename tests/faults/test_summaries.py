"""The provider, the summary service or its servers fail during a summary."""

import json
from pathlib import Path

import pytest

from tests import media
from tests.faults.breaking import RECOVERY
from tests.waiting import eventually

# s. Longer than the restart of a server takes on a busy machine.
PATIENT = "0.5,1,2,4,8,16,32,64"
TEXT = "Bees live together in a hive. They collect nectar from flowers. They dance to tell the others where."


@pytest.fixture
def set_mode(environment):
    """How the provider treats its clients from now on."""
    control = Path(environment["PROVIDER_CONTROL"])

    def apply(mode: str, **more: object) -> None:
        draft = control.with_suffix(".new")
        draft.write_text(json.dumps({"mode": mode, **more}))
        draft.rename(control)

    yield apply
    apply("ok")


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


def test_the_retry_after_of_a_provider_is_respected(person, faults, set_mode, environment):
    set_mode("limited", seconds=2, times=1)
    answer = person.orders(text=TEXT)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("mode", ["garbage", "wrong"])
def test_an_invalid_answer_of_the_provider_fails_the_summary_at_once(person, faults, set_mode, mode):
    set_mode(mode)
    answer = person.orders(text=TEXT)
    assert answer.status_code == 503
    assert "invalid response twice" in answer.json()["error"]


def test_no_part_is_paid_for_twice_after_a_worker_is_killed(person, faults, stack, set_mode, environment):
    faults.restart("summary-worker", AI_TRANSCRIPTION_MAX_SECONDS="10")
    try:
        job = person.converts(media.long(95))
        before = asked(environment, "audio")
        set_mode("slow", seconds=1, on="audio")
        answer = person.orders(file_id=job["mp3_fid"])
        eventually(lambda: asked(environment, "audio") >= before + 4)
        faults.kill("summary-worker")
        set_mode("ok")
        assert person.waits_for_summary(answer, RECOVERY)["status"] == "completed"
        # Eleven pieces, and the one that was under way when the worker died once more.
        assert asked(environment, "audio") - before in {11, 12}
    finally:
        faults.restart("summary-worker")


def test_a_summary_survives_the_end_of_the_other_servers(person, faults, set_mode, environment):
    faults.restart("summary-worker", RETRY_DELAYS=PATIENT)
    job = person.converts(media.make("mp4"))
    before = asked(environment, "chat")
    set_mode("slow", seconds=4, times=2)
    answer = person.orders(file_id=job["mp3_fid"])
    eventually(lambda: asked(environment, "chat") > before)
    for name in ("rabbitmq", "mongodb", "summary"):
        faults.kill(name)
    for name in ("rabbitmq", "mongodb", "summary", "gateway"):
        faults.stack.wait_ready(name, RECOVERY)
    assert person.waits_for_summary(answer, RECOVERY)["status"] == "completed"
    faults.restart("summary-worker")


def test_a_database_that_hangs_for_longer_than_a_lease_delays_the_summary(person, faults, stack, set_mode, environment):
    faults.restart("summary-worker", AI_TRANSCRIPTION_MAX_SECONDS="10")
    try:
        job = person.converts(media.long(35))
        before = asked(environment, "audio")
        # s. Longer than it takes to notice: the lease, and MongoDB's time-out.
        set_mode("slow", seconds=20, times=1)
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


def test_conversions_work_without_the_summary_service(person, faults):
    faults.stop("summary")
    faults.stop("summary-worker")
    answer = person.orders(text=TEXT)
    assert answer.status_code == 503
    assert "cannot be reached" in answer.json()["error"]
    job = person.converts(media.make("mp4"))
    faults.start("summary")
    faults.start("summary-worker")
    assert person.waits_for_summary(person.orders(file_id=job["mp3_fid"]), RECOVERY)["status"] == "completed"


def test_without_a_provider_the_answer_names_the_variables_and_everything_else_works(person, faults):
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


def test_a_gateway_without_the_summary_service_answers_with_a_clear_error(person, faults):
    faults.restart("gateway", SUMMARY_SVC_ADDRESS="")
    try:
        answer = person.orders(text=TEXT)
        assert answer.status_code == 503
        assert "SUMMARY_SVC_ADDRESS" in answer.json()["error"]
    finally:
        faults.restart("gateway")
