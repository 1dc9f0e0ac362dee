"""Each run of a job has one email, when it has ended, from one worker at a time."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from bson import ObjectId

from common.domain.download_links import DownloadLinks
from common.domain.jobs import Job, Status
from common.errors import PermanentError, TransientError
from common.messaging.handler import Busy
from common.messaging.message import InvalidMessage, Message
from common.runtime.settings import LinkSettings
from notification.delivery import Delivery
from notification.emails import Emails

OWNER = "owner@example.com"
NOW = datetime.now(UTC)
COMPLETED = Job(
    video_fid=ObjectId(), username=OWNER, filename="talk.mp4", status=Status.COMPLETED, progress=100,
    mp3_fid=ObjectId(), error=None, created_at=NOW, updated_at=NOW, run=1,
)  # fmt: skip


class InMemoryJobs:
    """One job, with the rules of the repository for the reservation of its email."""

    def __init__(self) -> None:
        self.job: Job | None = COMPLETED
        self.reserved: datetime | None = None
        self.retry_by: datetime | None = None
        self.flags: dict[str, bool] = {}
        self.retried = False

    def get(self, video_fid: ObjectId) -> Job | None:
        return self.job if self.job and self.job.video_fid == video_fid else None

    def reserve_email(self, job: Job, until: datetime, *, renewing: datetime | None = None, retry_by: datetime) -> bool:
        free = self.reserved is None or self.reserved < datetime.now(UTC)
        if self.retried or not (self.reserved == renewing if renewing else free):
            return False
        self.reserved, self.retry_by = until, retry_by
        return True

    def release_email(self, _job: Job, reserved: datetime) -> None:
        if self.reserved == reserved:
            self.reserved = None

    def confirm(self, job: Job, **flags: bool) -> None:
        self.flags |= flags
        self.job = replace(job, notified=flags.get("notified", False))


class Mailer:
    """Keeps the emails, or fails."""

    def __init__(self) -> None:
        self.sent: list[EmailMessage] = []
        self.error: Exception | None = None
        self.connected: Callable[[], object] = lambda: None

    def send(self, email: EmailMessage, *, before: Callable[[], None]) -> None:
        self.connected()
        before()
        if self.error:
            raise self.error
        self.sent.append(email)


class NoSummaries:
    """Finds none, or cannot be asked."""

    error: Exception | None = None

    def of_mp3(self, _mp3_fid: ObjectId) -> None:
        if self.error:
            raise self.error


@pytest.fixture
def jobs() -> InMemoryJobs:
    return InMemoryJobs()


@pytest.fixture
def mailer() -> Mailer:
    return Mailer()


@pytest.fixture
def summaries() -> NoSummaries:
    return NoSummaries()


@pytest.fixture
def delivery(jobs: Any, mailer: Any, summaries: Any) -> Delivery:
    links = DownloadLinks(LinkSettings(link_secret="0123456789abcdef0123456789abcdef"))
    emails = Emails("noreply@example.com", links, "http://video2mp3.com")
    return Delivery(jobs, summaries, emails, mailer, lease=30, longest_delay=3600)


def notice(**changes: Any) -> Message:
    values = {"video_fid": COMPLETED.video_fid, "mp3_fid": COMPLETED.mp3_fid, "username": OWNER, "run": 1}
    return Message(**{**values, **changes})


def test_an_owner_is_notified_once(delivery, jobs, mailer):
    for _ in range(2):
        delivery.handle(notice())
    assert [email["To"] for email in mailer.sent] == [OWNER]
    assert jobs.flags == {"notified": True, "notice_sent": True}


@pytest.mark.parametrize("status", [Status.QUEUED, Status.CONVERTING, Status.DELETED])
def test_there_is_no_email_about_a_job_that_has_not_ended_or_is_deleted(delivery, jobs, mailer, status):
    jobs.job = replace(COMPLETED, status=status)
    delivery.handle(notice())
    assert (mailer.sent, jobs.reserved) == ([], None)


def test_there_is_no_email_about_an_earlier_run(delivery, mailer):
    delivery.handle(notice(run=0))
    assert mailer.sent == []


@pytest.mark.parametrize("changes", [{"video_fid": ObjectId()}, {"username": "other@example.com"}])
def test_a_message_about_an_unknown_job_or_another_owner_is_invalid(delivery, changes):
    with pytest.raises(InvalidMessage):
        delivery.handle(notice(**changes))


def test_a_second_worker_defers_the_message_until_the_reservation_expires(delivery, jobs, mailer):
    jobs.reserved = datetime.now(UTC) + timedelta(seconds=30)
    with pytest.raises(Busy):
        delivery.handle(notice())
    jobs.reserved = datetime.now(UTC) - timedelta(seconds=1)
    delivery.handle(notice())
    assert len(mailer.sent) == 1


def test_a_job_that_is_retried_meanwhile_has_no_email(delivery, jobs, mailer):
    jobs.retried = True
    with pytest.raises(Busy):
        delivery.handle(notice())
    assert mailer.sent == []


def test_a_worker_that_lost_its_reservation_while_it_connected_sends_nothing(delivery, jobs, mailer):
    other = datetime.now(UTC) + timedelta(seconds=60)
    mailer.connected = lambda: setattr(jobs, "reserved", other)
    with pytest.raises(Busy):
        delivery.handle(notice())
    assert (mailer.sent, jobs.reserved) == ([], other)


@pytest.mark.parametrize("error", [TransientError("down"), PermanentError("no such mailbox"), KeyError("a bug")])
def test_a_failure_releases_the_reservation_and_notifies_nobody(delivery, jobs, mailer, error):
    mailer.error = error
    with pytest.raises(type(error)):
        delivery.handle(notice())
    assert (jobs.reserved, jobs.flags) == (None, {})
    # Housekeeping leaves the notice alone while it waits for its retry.
    assert jobs.retry_by > datetime.now(UTC) + timedelta(seconds=3600)


def test_an_email_is_sent_without_a_summary_if_there_is_none_or_it_is_unavailable(delivery, jobs, mailer, summaries):
    delivery.handle(notice())
    jobs.job, jobs.reserved, summaries.error = COMPLETED, None, TransientError("down")
    delivery.handle(notice())
    assert len(mailer.sent) == 2
    assert all(b"Summary:" not in email.as_bytes() for email in mailer.sent)


def test_an_owner_who_cannot_be_notified_is_recorded_for_this_run_only(delivery, jobs):
    delivery.give_up(notice(run=0), "the mail server answered 550")
    assert jobs.flags == {}
    delivery.give_up(notice(), "the mail server answered 550")
    assert jobs.flags == {"undeliverable": True}
