"""A process that is stopped (SIGSTOP) between two steps, and resumed when another one has done its work.

tests/integration/interleavings covers all points and orders; these are real processes, in real time.
"""

from collections.abc import Callable, Iterator

import psutil
import pytest

from common.runtime.checkpoints import Point
from tests import invariant, media
from tests.waiting import eventually

# With a heartbeat each second, RabbitMQ redelivers the messages of a stopped process after two or three.
REDELIVERED = {"RABBITMQ_HEARTBEAT": "1"}


@pytest.fixture
def stopping(stack, faults) -> Iterator[Callable[..., psutil.Process]]:
    """Starts a worker that will stop at a point; afterwards restarts it as usual."""
    started = []

    def start(program: str, point: Point, **settings: str) -> psutil.Process:
        started.append(program)
        faults.restart(program, STOP_AT=point.value, **settings)
        return psutil.Process(stack.pid(program))

    yield start
    for program in started:
        faults.restart(program)


@pytest.fixture
def rival(stack, faults) -> Iterator[Callable[[str], None]]:
    """Adds a second worker of the same program."""
    added = []

    def add(program: str) -> None:
        added.append(name := f"{program}-2")
        faults.touched.add(name)
        stack.add(name, like=program)

    yield add
    for name in added:
        stack.remove(name)


def stops(process: psutil.Process) -> None:
    eventually(lambda: process.status() == psutil.STATUS_STOPPED, what="the point at which the process stops")


def says(stack, program: str, fid: str, *words: str) -> None:
    """Waits for one of these texts in the program's log lines about the job."""

    def said() -> bool:
        lines = [line for line in stack.log(program).splitlines() if fid in line]
        return any(word in line for line in lines for word in words)

    eventually(said, what=f"{words} in the log of {program}")


def completed_with_its_mp3(person, environment, fid: str) -> dict:
    invariant.holds(environment, person.email)
    job = person.job(fid)
    assert job["status"] == "completed"
    assert person.download(job["mp3_fid"]).content[:3] == b"ID3"
    return job


def emails_about(person, fid: str) -> list[str]:
    return [str(email["Message-ID"]) for email in person.emails() if fid in str(email["Message-ID"])]


def test_a_converter_stopped_before_it_stores_leaves_the_mp3_of_the_one_that_took_over(
    person, stack, environment, stopping, rival
):
    process = stopping("converter", Point.CONVERTER_CONVERTED, **REDELIVERED)
    fid = person.uploads(media.make("mp4"))
    stops(process)
    rival("converter")
    assert person.waits_for(fid)["status"] == "completed"
    process.resume()
    says(stack, "converter", fid, "taken by another worker")
    completed_with_its_mp3(person, environment, fid)
    assert len(emails_about(person, fid)) == 1


@pytest.mark.parametrize("heartbeat", [{}, REDELIVERED], ids=["its connection open", "its connection lost"])
def test_a_converter_stopped_after_it_completed_leaves_the_mp3_of_the_next_run(
    person, stack, environment, stopping, rival, heartbeat
):
    process = stopping("converter", Point.CONVERTER_COMPLETED, **heartbeat)
    fid = person.uploads(media.make("mp4"))
    stops(process)
    first = person.job(fid)
    assert first["status"] == "completed"
    assert person.request("POST", f"/jobs/{fid}/retry", json={"bitrate": 64}).status_code == 202
    rival("converter")
    assert person.waits_for(fid)["status"] == "completed"
    if heartbeat:
        says(stack, "converter-2", fid, "Ignored the message of an earlier run of the job")
    process.resume()
    # It publishes the notice of the first run, or cannot: then the message of the first run is redelivered.
    says(stack, "converter", fid, "Conversion complete!", "Attempt 1 failed")
    job = completed_with_its_mp3(person, environment, fid)
    assert job["options"] == {"bitrate": 64}
    # One about the second run, and none about the first, whose MP3 is deleted.
    assert [job["mp3_fid"] in email for email in emails_about(person, fid)] == [True]
    assert person.download(first["mp3_fid"]).status_code == 404


def test_a_notification_stopped_before_it_sends_leaves_the_email_to_the_one_that_took_over(
    person, stack, environment, stopping, rival
):
    process = stopping("notification", Point.NOTIFICATION_RESERVED, **REDELIVERED)
    fid = person.uploads(media.make("mp4"))
    stops(process)
    rival("notification")
    person.email_about(fid, seconds=90)
    process.resume()
    says(stack, "notification", fid, "another worker is sending")
    completed_with_its_mp3(person, environment, fid)
    assert len(emails_about(person, fid)) == 1


def test_the_notice_of_a_converter_killed_before_it_published_is_not_lost(person, stopping, rival):
    process = stopping("converter", Point.CONVERTER_COMPLETED)
    fid = person.uploads(media.make("mp4"))
    stops(process)
    rival("converter")
    process.kill()
    assert person.waits_for(fid)["status"] == "completed"
    person.email_about(fid)
    assert len(emails_about(person, fid)) == 1
