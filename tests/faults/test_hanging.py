"""Servers that hang: their connections stay open without answers."""

import re
import time

import requests

from tests import media
from tests.faults.breaking import RECOVERY, converting, uploading
from tests.faults.test_workers import LONG, completes, emails_about
from tests.waiting import eventually


def logs(stack, program: str, pattern: str):
    """Whether the program has logged that since now."""
    before = len(stack.log(program))
    return lambda: re.search(pattern, stack.log(program)[before:])


def test_a_broker_that_hangs_for_longer_than_its_heartbeats_delays_jobs(person, faults, stack):
    faults.restart("converter", RABBITMQ_HEARTBEAT="1")
    try:
        running = person.uploads(media.long(LONG))
        eventually(converting(person, running))
        noticed = logs(stack, "converter", "RabbitMQ: AMQPHeartbeatTimeout|RabbitMQ did not answer in time")
        faults.hang("rabbitmq")
        accepted = person.uploads(media.make("mp4"))
        eventually(noticed, what="the converter's notice")
        faults.thaw()
        for fid in (running, accepted):
            completes(person, fid)
            assert len(emails_about(person, fid)) == 1
    finally:
        faults.thaw()
        faults.restart("converter")


def test_a_database_that_hangs_for_longer_than_a_lease_delays_the_conversion(person, faults, stack, environment):
    fid = person.uploads(media.long(LONG))
    eventually(converting(person, fid))
    noticed = logs(stack, "converter", "The lease could not be renewed")
    faults.hang("mongodb")
    answer = person.request("GET", "/jobs")
    assert answer.status_code == 503
    eventually(noticed, what="the loss of the lease")
    faults.thaw()
    eventually(lambda: person.request("GET", "/jobs").ok, seconds=RECOVERY)
    completes(person, fid)
    assert len(emails_about(person, fid)) == 1


def test_a_database_that_hangs_during_an_upload_ends_it_with_a_clear_error(person, faults, stack):
    upload = uploading(stack, person, 400)
    faults.hang("mongodb")
    status = upload.result(RECOVERY)
    faults.thaw()
    # 202: it was complete just before. Not 408: it was not the client that was slow.
    assert status in {202, 503}


def test_a_users_database_that_hangs_delays_only_logins(person, faults):
    faults.hang("mysql")
    begun = time.monotonic()
    answer = requests.post(f"{person.url}/login", auth=(person.email, person.password), timeout=120)
    assert answer.status_code == 503, time.monotonic() - begun
    assert person.request("GET", "/jobs").status_code == 200
    faults.thaw()
    eventually(lambda: requests.post(f"{person.url}/login", auth=(person.email, person.password), timeout=60).ok)
