"""Converter and notification are killed, hang, or are stopped during their work."""

import signal
import subprocess
from pathlib import Path

import psutil
import pytest
from bson import ObjectId
from pymongo import MongoClient

from tests import invariant, media
from tests.faults.breaking import RECOVERY, converting, ffmpeg_of, housekeeping
from tests.waiting import eventually

# s of sound; about 6 s of work on an idle core.
LONG = 600


def emails_about(person, fid):
    return [email for email in person.emails() if fid in str(email["Message-ID"])]


def completes(person, fid):
    job = person.waits_for(fid, seconds=180)
    assert job["status"] == "completed", job
    assert person.download(job["mp3_fid"]).content[:3] == b"ID3"
    person.email_about(fid)


def test_a_converter_that_is_killed_during_the_conversion_loses_nothing(person, faults, stack):
    fid = person.uploads(media.long(LONG))
    eventually(converting(person, fid))
    encoder = ffmpeg_of(stack)
    faults.kill("converter")
    eventually(lambda: not encoder.is_running() or encoder.status() == psutil.STATUS_ZOMBIE, what="the end of ffmpeg")
    completes(person, fid)


def test_a_converter_that_is_killed_when_the_mp3_is_stored_makes_no_second_one(person, faults, stack, environment):
    fid = person.uploads(media.make("mp4"))
    with MongoClient(environment["MONGO_URI"]) as client:
        stored = {"metadata.video_fid": ObjectId(fid)}
        eventually(lambda: client["mp3s"]["fs.files"].find_one(stored), pause=0.002)
        faults.kill("converter")
        completes(person, fid)
        # Housekeeping deletes what the killed one has stored.
        eventually(lambda: housekeeping(stack) or client["mp3s"]["fs.files"].count_documents(stored) == 1)
    completes(person, fid)


def test_a_converter_that_is_killed_after_the_publish_causes_no_second_email(person, faults, environment):
    fid = person.uploads(media.make("mp4"))
    with MongoClient(environment["MONGO_URI"]) as client:
        eventually(lambda: client["videos"]["jobs"].find_one({"_id": ObjectId(fid), "notice_sent": True}), pause=0.002)
    faults.kill("converter")
    completes(person, fid)
    faults.start("converter")
    eventually(lambda: invariant.depth(environment, "video") == 0)
    assert len(emails_about(person, fid)) == 1


def test_a_converter_that_is_killed_again_and_again_ends_every_job_once(person, faults):
    video = media.long(120)
    fids = [person.uploads(video) for _ in range(12)]
    # Another job each time: one that ends its worker three times has failed.
    remaining = set(fids)

    def next_one() -> str | None:
        return next((fid for fid in remaining if person.job(fid)["status"] == "converting"), None)

    for _ in range(4):
        remaining.remove(eventually(next_one, pause=0.01, what="a conversion that was not killed before"))
        faults.kill("converter")
        faults.start("converter")
    for fid in fids:
        assert person.waits_for(fid, seconds=180)["status"] == "completed"


def test_a_job_that_crashes_its_worker_repeatedly_fails(person, faults, stack):
    fid = person.uploads(media.long(LONG))
    for _ in range(3):
        ffmpeg_of(stack)
        faults.kill("converter")
        faults.start("converter")
    job = person.waits_for(fid, seconds=120)
    assert job["status"] == "failed"
    assert job["error"] in person.email_about(fid)
    # Other jobs still work.
    completes(person, person.uploads(media.make("mp4")))


def test_an_encoder_that_hangs_is_ended_and_the_job_retried(person, faults, stack):
    fid = person.uploads(media.long(LONG))
    faults.freeze(ffmpeg_of(stack))
    completes(person, fid)


def test_an_encoder_that_is_killed_for_its_memory_is_retried(person, faults, stack):
    fid = person.uploads(media.long(LONG))
    ffmpeg_of(stack).kill()
    completes(person, fid)


def test_a_stopping_worker_finishes_or_returns_its_job(person, faults, stack):
    fid = person.uploads(media.long(LONG))
    eventually(converting(person, fid))
    ffmpeg_of(stack)
    faults.touched.add("converter")
    stack.kill("converter", signal.SIGTERM)
    completes(person, fid)


def test_a_conversion_outlasts_many_heartbeats(person, faults, stack):
    faults.restart("converter", RABBITMQ_HEARTBEAT="1")
    try:
        lines = len(stack.log("converter").splitlines())
        fid = person.uploads(media.long(900))
        completes(person, fid)
        received = [line for line in stack.log("converter").splitlines()[lines:] if "Received message" in line]
        assert len([line for line in received if fid in line]) == 1
    finally:
        faults.restart("converter")


def test_two_converters_share_the_work_and_the_other_takes_over(person, faults, stack):
    stack.add("converter-2")
    try:
        fids = [person.uploads(media.long(120)) for _ in range(6)]
        eventually(lambda: all(fid in stack.log("converter") + stack.log("converter-2") for fid in fids[:2]))
        faults.kill("converter")
        for fid in fids:
            completes(person, fid)
        assert any(fid in stack.log("converter-2") for fid in fids)
    finally:
        faults.touched.add("converter-2")
        stack.remove("converter-2")


def test_a_full_temporary_disk_fails_the_job_and_its_owner_is_notified(person, faults, tmp_path):
    if psutil.Process().uids().effective != 0:
        pytest.skip("mounting a small tmpfs needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)], check=True, timeout=30)
    try:
        faults.restart("converter", WORK_FOLDER=str(disk), RETRY_DELAYS="0.5,1,2,4,8")
        fid = person.uploads(media.make("mov"))
        assert media.make("mov").stat().st_size > 300_000
        job = person.waits_for(fid, seconds=120)
        assert job["status"] == "failed"
        assert "server error" in job["error"]
        assert job["error"] in person.email_about(fid)
        assert list(Path(disk).iterdir()) == []
    finally:
        faults.restart("converter")
        subprocess.run(["umount", str(disk)], check=True, timeout=30)


def test_a_notification_that_is_killed_after_the_mail_was_accepted_repeats_the_same_message(person, faults):
    faults.mail("hang-after-accept")
    fid = person.uploads(media.make("mp4"))
    eventually(lambda: emails_about(person, fid))
    faults.kill("notification")
    faults.mail("ok")
    eventually(lambda: len(emails_about(person, fid)) >= 2, seconds=120)
    assert len({str(email["Message-ID"]) for email in emails_about(person, fid)}) == 1


@pytest.mark.parametrize("mode", ["hang", "4xx", "refuse-auth"])
def test_a_mail_server_that_fails_delays_the_email(person, faults, mode, stack):
    faults.mail(mode)
    fid = person.uploads(media.make("mp4"))
    assert person.waits_for(fid)["status"] == "completed"
    eventually(lambda: failed_attempts(stack, fid) >= 1)
    faults.mail("ok")
    person.email_about(fid, seconds=120)
    assert len(emails_about(person, fid)) == 1


def test_a_long_mail_outage_delays_the_email_even_across_restarts(person, faults, stack):
    faults.mail("refuse-auth")
    fid = person.uploads(media.make("mp4"))
    assert person.waits_for(fid)["status"] == "completed"
    # A conversion has 6 attempts.
    eventually(lambda: failed_attempts(stack, fid) >= 7, seconds=120)
    faults.kill("rabbitmq")
    faults.kill("notification")
    stack.wait_ready("notification", RECOVERY)
    before = failed_attempts(stack, fid)
    eventually(lambda: failed_attempts(stack, fid) > before, seconds=120)
    # The job has not changed for longer than STALLED_AFTER; its notice is not lost.
    housekeeping(stack, STALLED_AFTER="0")
    faults.mail("ok")
    person.email_about(fid, seconds=120)
    assert fid not in dead_letters("list")
    assert len(emails_about(person, fid)) == 1


def failed_attempts(stack, fid: str) -> int:
    return sum(fid in line and "retrying in" in line for line in stack.log("notification").splitlines())


def test_a_greylisted_mailbox_delays_no_other_email(person, newcomer, faults, stack):
    other = newcomer().joins()
    faults.mail("ok", replies={person.email: "451 4.7.1 Greylisted, try again later"})
    fid = person.uploads(media.make("mp4"))
    eventually(lambda: failed_attempts(stack, fid) >= 2, seconds=120)
    other.email_about(other.uploads(media.make("mp4")), seconds=120)
    faults.mail("ok")
    person.email_about(fid, seconds=120)


def test_a_notice_for_a_refused_address_is_a_dead_letter_that_can_be_replayed(person, faults, stack, environment):
    faults.mail("5xx")
    fid = person.uploads(media.make("mp4"))
    eventually(lambda: fid in dead_letters("list"), seconds=90)
    assert "550" in dead_letters("list")
    faults.mail("ok")
    assert "replayed" in dead_letters("replay", fid)
    person.email_about(fid)


def dead_letters(*arguments: str) -> str:
    """What the operator's command prints for the stack of the faults."""
    done = subprocess.run(
        ["./scripts/dead-letters.sh", "--stack", "faults", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout
