"""Many files that end within a few minutes: one email at once, and one at the end of the window about all others."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from common.domain.jobs import NOTIFIED
from common.errors import PermanentError, TransientError
from common.messaging.handler import Busy, NotDue
from tests.unit.gateway.memory import OWNER
from tests.unit.notification.conftest import DIGEST, World, notice


@pytest.fixture
def delivery(world: World):
    return world.delivery(DIGEST)


def deferred(delivery, *jobs) -> list[float]:
    """For how long the messages of these jobs have to wait."""
    waits = []
    for job in jobs:
        with pytest.raises(NotDue) as caught:
            delivery.handle(notice(job))
        waits.append(caught.value.retry_after)
    return waits


def test_the_first_email_is_sent_at_once_and_the_others_are_one_email_after_the_window(world, delivery):
    delivery.handle(notice(world.ended()))
    assert world.subjects() == ["MP3 Download"]
    jobs = [world.ended(), world.ended(), world.ended(), world.failed(), world.failed()]
    assert all(DIGEST - 5 < wait <= DIGEST for wait in deferred(delivery, *jobs))
    world.window_ends()
    for job in jobs:
        delivery.handle(notice(job))
    assert world.subjects() == ["MP3 Download", "3 MP3s are ready, 2 conversions failed"]
    assert all(world.reloaded(job.video_fid).notified for job in jobs)
    # A new window has begun.
    deferred(delivery, world.ended())


def test_one_more_file_in_the_window_has_an_ordinary_email_at_its_end(world, delivery):
    delivery.handle(notice(world.ended()))
    job = world.ended()
    deferred(delivery, job)
    world.window_ends()
    delivery.handle(notice(job))
    assert world.subjects() == ["MP3 Download"] * 2


def test_files_that_have_ended_before_the_first_message_is_handled_are_one_email(world, delivery):
    jobs = [world.ended() for _ in range(4)]
    for job in jobs:
        delivery.handle(notice(job))
    assert world.subjects() == ["4 MP3s are ready"]


def test_the_windows_of_two_accounts_are_independent(world, delivery):
    jobs = [world.ended(), world.ended(username="other@example.com")]
    for job in jobs:
        delivery.handle(notice(job))
    assert [email["To"] for email in world.mailer.sent] == [OWNER, "other@example.com"]


@pytest.mark.parametrize("changes", [
    {"status": "queued"}, {"status": "converting"}, {"status": "deleted"}, {NOTIFIED: True}, {"undeliverable": True},
    {"telling_until": datetime.now(UTC) + timedelta(hours=1)}, {"username": "other@example.com"},
])  # fmt: skip
def test_a_digest_leaves_out_what_is_not_due(world, delivery, changes):
    left_out, job = world.ended(**changes), world.ended()
    before = dict(world.jobs[left_out.video_fid])
    delivery.handle(notice(job))
    assert world.subjects() == ["MP3 Download"]
    assert world.jobs[left_out.video_fid] == before


def test_the_message_of_a_replayed_dead_letter_is_sent_although_it_was_undeliverable(world, delivery):
    delivery.handle(notice(world.ended(undeliverable=True), run=None))
    assert world.subjects() == ["MP3 Download"]


def test_a_retry_after_a_failure_of_the_mail_server_does_not_wait_for_the_window(world, delivery):
    jobs = [world.ended() for _ in range(3)]
    world.mailer.error = TransientError("the mail server is down")
    with pytest.raises(TransientError, match="down"):
        delivery.handle(notice(jobs[0]))
    assert all(world.reserved(job) is None for job in jobs)
    # The messages of the others do not try in vain meanwhile.
    deferred(delivery, *jobs[1:])
    world.mailer.error = None
    delivery.handle(notice(jobs[0]))
    for job in jobs:
        delivery.handle(notice(job))
    assert world.subjects() == ["3 MP3s are ready"]


def test_after_a_refusal_of_the_address_the_other_messages_have_their_own_attempts(world, delivery):
    jobs = [world.ended() for _ in range(2)]
    world.mailer.error = PermanentError("no such mailbox")
    with pytest.raises(PermanentError):
        delivery.handle(notice(jobs[0]))
    delivery.give_up(notice(jobs[0]), "no such mailbox")
    deferred(delivery, jobs[1])
    world.window_ends()
    with pytest.raises(PermanentError):
        delivery.handle(notice(jobs[1]))
    assert not any(world.reloaded(job.video_fid).notified for job in jobs)


class Crash(BaseException):
    """Ends the worker: nothing of it runs after this."""


def test_after_a_crash_nothing_is_lost_and_the_repeated_email_has_the_same_message_id(world, delivery, monkeypatch):
    jobs = [world.ended(), world.failed()]
    monkeypatch.setattr(world.store.jobs, "confirm", crash)
    monkeypatch.setattr(world.store.jobs, "release_emails", lambda *_: None)
    with suppress(Crash):
        delivery.handle(notice(jobs[0]))
    monkeypatch.undo()
    # The broker delivers the message again: it waits for the reservation, not for the window.
    with pytest.raises(Busy) as caught:
        delivery.handle(notice(jobs[0]))
    assert not isinstance(caught.value, NotDue)
    past = datetime.now(UTC) - timedelta(seconds=1)
    for job in jobs:
        world.jobs[job.video_fid].update(telling_until=past, reserved_until=past)
    for job in jobs:
        delivery.handle(notice(job))
    first, second = world.mailer.sent
    assert first["Subject"] == second["Subject"] == "1 MP3 is ready, 1 conversion failed"
    assert first["Message-ID"] == second["Message-ID"]
    assert all(world.reloaded(job.video_fid).notified for job in jobs)


def crash(*_: object, **__: object) -> None:
    raise Crash


def test_a_job_that_changes_while_the_digest_is_sent_prevents_it_and_the_next_attempt_leaves_it_out(world, delivery):
    jobs = [world.ended() for _ in range(3)]
    world.mailer.connected = lambda: world.store.jobs.mark_deleted(jobs[2].video_fid)
    with pytest.raises(Busy):
        delivery.handle(notice(jobs[0]))
    assert (world.mailer.sent, [world.reserved(job) for job in jobs[:2]]) == ([], [None, None])
    delivery.handle(notice(jobs[0]))
    assert world.subjects() == ["2 MP3s are ready"]


def test_a_job_that_another_worker_reserves_at_the_same_moment_does_not_hold_up_the_email(world, delivery, monkeypatch):
    jobs = [world.ended() for _ in range(2)]
    found = world.store.jobs.to_notify(jobs[0])
    world.jobs[jobs[1].video_fid]["telling_until"] = datetime.now(UTC) + timedelta(seconds=30)
    monkeypatch.setattr(world.store.jobs, "to_notify", lambda _: found)
    delivery.handle(notice(jobs[0]))
    assert world.subjects() == ["MP3 Download"]
    assert not world.reloaded(jobs[1].video_fid).notified


def test_another_run_of_the_job_that_opened_the_window_waits_for_its_end(world, delivery):
    job = world.ended()
    delivery.handle(notice(job))
    world.store.jobs.reopen(job.video_fid, ended=(job.status,))
    world.jobs[job.video_fid].update(status="completed")
    deferred(delivery, world.reloaded(job.video_fid))
