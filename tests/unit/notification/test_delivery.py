"""Each run of a job has one email, when it has ended, from one worker at a time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from common.domain.owners import Owner
from common.errors import PermanentError, TransientError
from common.messaging.handler import Busy
from common.messaging.message import InvalidMessage
from tests.unit.gateway.memory import OWNER
from tests.unit.notification.conftest import DIGEST, World, notice


@pytest.fixture(params=[0.0, DIGEST], ids=["at once", "digest"])
def delivery(world: World, request):
    return world.delivery(request.param)


def test_an_owner_is_notified_once(world, delivery):
    job = world.ended(notice_sent=False)
    for _ in range(2):
        delivery.handle(notice(job))
    assert [email["To"] for email in world.mailer.sent] == [OWNER]
    assert world.reloaded(job.video_fid).notified
    assert world.reloaded(job.video_fid).notice_sent


@pytest.mark.parametrize("status", ["queued", "converting", "deleted"])
def test_there_is_no_email_about_a_job_that_has_not_ended_or_is_deleted(world, delivery, status):
    job = world.ended(status=status)
    delivery.handle(notice(job))
    assert (world.mailer.sent, world.reserved(job), world.windows) == ([], None, {})


def test_there_is_no_email_about_an_earlier_run(world, delivery):
    delivery.handle(notice(world.ended(), run=0))
    assert world.mailer.sent == []


@pytest.mark.parametrize("changes", [{"video_fid": ObjectId()}, {"username": "other@example.com"}])
def test_a_message_about_an_unknown_job_or_another_owner_is_invalid(world, delivery, changes):
    with pytest.raises(InvalidMessage):
        delivery.handle(notice(world.ended(), **changes))


def test_a_second_worker_defers_the_message_until_the_reservation_expires(world, delivery):
    job = world.ended(telling_until=datetime.now(UTC) + timedelta(seconds=30))
    with pytest.raises(Busy):
        delivery.handle(notice(job))
    world.jobs[job.video_fid]["telling_until"] = datetime.now(UTC) - timedelta(seconds=1)
    delivery.handle(notice(job))
    assert len(world.mailer.sent) == 1


def test_a_job_that_is_retried_while_the_worker_connects_has_no_email(world, delivery):
    job = world.ended()
    world.mailer.connected = lambda: world.store.jobs.reopen(job.video_fid, ended=(job.status,))
    with pytest.raises(Busy):
        delivery.handle(notice(job))
    assert world.mailer.sent == []
    assert not world.reloaded(job.video_fid).notified


def test_a_worker_that_lost_its_reservation_while_it_connected_sends_nothing(world, delivery):
    job, other = world.ended(), datetime.now(UTC) + timedelta(seconds=60)
    world.mailer.connected = lambda: world.jobs[job.video_fid].update(telling_until=other)
    with pytest.raises(Busy):
        delivery.handle(notice(job))
    assert (world.mailer.sent, world.reserved(job)) == ([], other)


@pytest.mark.parametrize("error", [TransientError("down"), PermanentError("no such mailbox"), KeyError("a bug")])
def test_a_failure_releases_the_reservation_and_notifies_nobody(world, delivery, error):
    job, world.mailer.error = world.ended(), error
    with pytest.raises(type(error)):
        delivery.handle(notice(job))
    assert world.reserved(job) is None
    assert not world.reloaded(job.video_fid).notified
    # Housekeeping leaves the notice alone while it waits for its retry.
    assert world.jobs[job.video_fid]["notice_expected_until"] > datetime.now(UTC) + timedelta(seconds=3600)


def test_an_email_is_sent_without_a_summary_if_there_is_none_or_it_is_unavailable(world):
    world.delivery().handle(notice(world.ended()))
    world.summaries.error = TransientError("down")
    world.delivery().handle(notice(world.ended()))
    assert len(world.mailer.sent) == 2
    assert all(b"Summary:" not in email.as_bytes() for email in world.mailer.sent)


def test_an_owner_who_cannot_be_notified_is_recorded_for_this_run_only(world, delivery):
    job = world.ended()
    delivery.give_up(notice(job, run=0), "the mail server answered 550")
    assert "undeliverable" not in world.jobs[job.video_fid]
    delivery.give_up(notice(job), "the mail server answered 550")
    assert world.jobs[job.video_fid]["undeliverable"]


def test_an_account_that_has_switched_emails_off_gets_none_and_its_jobs_count_as_notified(world, delivery, caplog):
    caplog.set_level("INFO")
    world.accounts.choose_emails(Owner(OWNER), wanted=False)
    job, failed = world.ended(), world.failed()
    for message in (notice(job), notice(failed)):
        delivery.handle(message)
    assert (world.mailer.sent, world.windows) == ([], {})
    assert all(world.reloaded(one.video_fid).notified for one in (job, failed))
    assert "the account has switched emails off" in caplog.text
    world.accounts.choose_emails(Owner(OWNER), wanted=True)
    delivery.handle(notice(world.ended()))
    assert len(world.mailer.sent) == 1


def test_switching_emails_off_does_not_mark_a_run_that_the_owner_has_started_meanwhile(world, delivery):
    world.accounts.choose_emails(Owner(OWNER), wanted=False)
    job = world.ended()
    read, world.store.jobs.get = world.store.jobs.get, lambda _: replace(job)
    world.store.jobs.reopen(job.video_fid, ended=(job.status,))
    delivery.handle(notice(job))
    assert not read(job.video_fid).notified
