"""Owners are notified once, through a real mail server with all kinds of failures."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from bson import ObjectId

from common.domain.accounts import Accounts
from common.domain.download_links import DownloadLinks
from common.domain.job_repository import Jobs
from common.domain.jobs import Job, Status
from common.domain.outbox import Outbox
from common.domain.quotas import Quotas
from common.domain.summaries import Recording, Summaries
from common.errors import TransientError
from common.messaging.handler import Busy, NotDue
from common.messaging.message import Message
from common.runtime.clock import now
from gateway.housekeeping.runner import Housekeeping
from gateway.jobs.store import Store
from gateway.settings import HousekeepingSettings
from notification.delivery import Delivery
from notification.emails import Emails
from notification.mailer import AddressRefused, Mailer, MailServerUnavailable
from notification.settings import NotificationSettings
from notification.windows import EmailWindows
from tests.integration import mail
from tests.waiting import eventually

OWNER = "owner@example.com"
EMAIL = EmailMessage()
EMAIL["From"], EMAIL["To"] = "noreply@example.com", OWNER


@pytest.fixture
def mail_server(environment, tmp_path):
    with mail.running(environment, tmp_path) as server:
        yield server


@pytest.fixture
def settings(environment, mail_server):
    def make(**changes: object) -> NotificationSettings:
        return NotificationSettings(**mail.settings(environment, mail_server, **changes))

    return make


@pytest.fixture
def delivery(store, settings):
    def make(**changes: object) -> Delivery:
        made = settings(**changes)
        return deliveries(store, made)

    return make


def deliveries(store: Store, settings: NotificationSettings, **changes: Any) -> Delivery:
    parts = {
        "jobs": store.jobs,
        "accounts": Accounts(store.jobs.collection.database),
        "summaries": store.summaries,
        "emails": Emails(settings.sender, DownloadLinks(settings), settings.public_url),
        "mailer": Mailer(settings),
        "lease": 30,
    }
    return Delivery(**{**parts, **changes})


@pytest.fixture
def mailer(settings) -> Mailer:
    return Mailer(settings())


def ended(jobs: Jobs, status: Status = Status.COMPLETED, filename: str = "talk.mp4") -> Message:
    fid, mp3_fid = ObjectId(), ObjectId()
    jobs.create(fid, OWNER, filename, {})
    if status is Status.COMPLETED:
        jobs.update(fid, {}, {"status": status.value, "mp3_fid": mp3_fid})
    else:
        jobs.update(fid, {}, {"status": status.value, "error": "The video has no audio track."})
    return Message(video_fid=fid, mp3_fid=mp3_fid, username=OWNER)


def test_an_owner_is_notified_once(store, delivery, mail_server):
    message = ended(store.jobs)
    delivery().handle(message)
    delivery().handle(message)
    assert [email["Subject"] for email in mail_server.inbox] == ["MP3 Download"]
    assert store.jobs.get(message.video_fid).notified


def test_the_owner_of_a_failed_job_gets_the_reason(store, delivery, mail_server):
    delivery().handle(ended(store.jobs, Status.FAILED))
    (email,) = mail_server.inbox
    assert b"no audio track" in email.as_bytes()


class Retried(Jobs):
    """Jobs that are retried just after they were read."""

    def get(self, video_fid: ObjectId) -> Job | None:
        job = super().get(video_fid)
        self.reopen(video_fid)
        return job


def test_a_job_that_is_retried_meanwhile_has_its_email_without_delay_when_it_has_ended(store, settings, mail_server):
    message = ended(store.jobs, Status.FAILED)
    with pytest.raises(Busy):
        deliveries(store, settings(), jobs=Retried(store.jobs.collection.database), lease=300).handle(message)
    assert mail_server.inbox == []
    store.jobs.update(message.video_fid, {}, {"status": Status.FAILED.value, "error": "It has no audio track."})
    deliveries(store, settings(), lease=300).handle(message)
    assert len(mail_server.inbox) == 1


@pytest.mark.parametrize("name", ["Grüße 🎵.mp4", "a\r\nBcc: x@example.com.mp4", "x" * 300, "\u202egpj.mp4"])
def test_an_unusual_name_arrives(store, delivery, mail_server, name):
    delivery().handle(ended(store.jobs, filename=name))
    (email,) = mail_server.inbox
    assert email["Bcc"] is None


@pytest.mark.parametrize("mode", ["4xx", "hang", "refuse-auth"])
def test_a_temporary_failure_is_transient_and_a_retry_succeeds(store, delivery, mail_server, mode):
    message = ended(store.jobs)
    mail_server.set_mode(mode)
    with pytest.raises(TransientError):
        delivery().handle(message)
    assert not store.jobs.get(message.video_fid).notified
    mail_server.set_mode("ok")
    delivery().handle(message)
    assert len(mail_server.inbox) == 1


TRANSIENT = {
    "no TLS": {"STARTTLS": "454 4.7.0 TLS is not available for a temporary reason"},
    "a refused password": {"AUTH": "535 5.7.8 Username and password not accepted"},
    "too many logins": {"AUTH": "454 4.7.0 Too many login attempts, please try again later"},
    "an exhausted quota, at the sender": {"MAIL": "550 5.4.5 Daily user sending limit exceeded"},
    "an exhausted quota, at the recipient": {"RCPT": "550 5.4.5 Daily user sending limit exceeded"},
    "an exhausted quota, at the content": {"CONTENT": "550 5.4.5 Daily user sending limit exceeded"},
    "a refused sender": {"MAIL": "550 5.1.8 Sender address rejected"},
    "relaying": {"RCPT": "554 5.7.1 Relay access denied"},
    "greylisting": {"RCPT": "450 4.2.0 Greylisted, see you in five minutes"},
    "a full mailbox": {"RCPT": "552 5.2.2 Mailbox full"},
    "a shutdown": {"RCPT": "421 4.3.2 Shutting down"},
    "no space": {"DATA": "452 4.3.1 Insufficient system storage"},
    "refused content": {"CONTENT": "554 5.7.1 Message refused as spam"},
    "refused content, without a reason": {"CONTENT": "554 Transaction failed"},
}
PERMANENT = {
    "no such mailbox": {"RCPT": "550 5.1.1 No such mailbox"},
    "a disabled mailbox": {"RCPT": "550 5.2.1 The account is disabled"},
    "an answer without a class": {"RCPT": "553 sorry, that address is not here"},
    "an address that is checked late": {"CONTENT": "550 5.1.1 No such mailbox"},
}


@pytest.mark.parametrize("replies", TRANSIENT.values(), ids=TRANSIENT)
def test_a_refusal_that_is_not_about_the_address_is_transient(mailer, mail_server, replies):
    mail_server.set_mode("ok", replies=replies)
    with pytest.raises(MailServerUnavailable):
        mailer.send(EMAIL)
    assert mail_server.inbox == []
    mail_server.set_mode("ok")
    mailer.send(EMAIL)
    assert len(mail_server.inbox) == 1


@pytest.mark.parametrize("replies", PERMANENT.values(), ids=PERMANENT)
def test_a_refused_address_is_permanent(mailer, mail_server, replies):
    mail_server.set_mode("ok", replies=replies)
    with pytest.raises(AddressRefused, match="answered 55"):
        mailer.send(EMAIL)


def test_after_a_lost_answer_the_second_email_has_the_same_message_id(store, delivery, mail_server):
    message = ended(store.jobs)
    mail_server.set_mode("ok", accepted_then_drop=True)
    with pytest.raises(TransientError):
        delivery().handle(message)
    mail_server.set_mode("ok")
    delivery().handle(message)
    ids = [email["Message-ID"] for email in mail_server.inbox]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_one_replica_at_a_time_notifies_an_owner(store, delivery):
    message = ended(store.jobs)
    until = now() + timedelta(seconds=30)
    assert store.jobs.reserve_emails([store.jobs.get(message.video_fid)], until, retry_by=until)
    with pytest.raises(Busy):
        delivery().handle(message)


def test_a_wrong_password_or_certificate_is_transient_and_never_shown(store, delivery):
    with pytest.raises(TransientError) as caught:
        delivery(smtp_password="hunter2-wrong").handle(ended(store.jobs))
    assert "hunter2" not in str(caught.value)
    with pytest.raises(TransientError, match="certificate"):
        delivery(smtp_ca_file=None).handle(ended(store.jobs))


def test_no_mail_server_is_transient(store, delivery):
    with pytest.raises(TransientError):
        delivery(smtp_port=9).handle(ended(store.jobs))


def test_an_email_has_the_first_sentence_of_a_summary_that_is_there(store, delivery, mail_server, db):
    message = ended(store.jobs)
    text = "It is about <bees> & flowers. They fly."
    recording = Recording(message.mp3_fid, message.mp3_fid, message.video_fid)
    Summaries(db).create(OWNER, "talk.mp4", recording, status="completed", summary=text, category="Nature")
    delivery().handle(message)
    (email,) = mail_server.inbox
    plain, html = (part.get_payload(decode=True).decode() for part in email.get_payload())
    assert "Summary: It is about <bees> & flowers.\n" in plain
    assert "They fly" not in plain
    assert "It is about &lt;bees&gt; &amp; flowers.</p>" in html


def test_many_files_have_one_email_at_once_and_one_after_the_window(store, settings, mail_server, db):
    windows = EmailWindows(db, duration=1)
    windows.ensure_indexes()
    delivery = deliveries(store, settings(), windows=windows)
    delivery.handle(ended(store.jobs))
    messages = [ended(store.jobs), ended(store.jobs), ended(store.jobs, Status.FAILED)]
    for message in messages:
        with pytest.raises(NotDue):
            delivery.handle(message)

    def due() -> bool:
        try:
            delivery.handle(messages[0])
        except NotDue:
            return False
        return True

    eventually(due, pause=0.1, what="the end of the window")
    for message in messages:
        delivery.handle(message)
    assert [email["Subject"] for email in sorted(mail_server.inbox, key=lambda email: email["Date"])] == [
        "MP3 Download", "2 MP3s are ready, 1 conversion failed",
    ]  # fmt: skip
    assert all(store.jobs.get(message.video_fid).notified for message in messages)


def test_only_one_of_many_workers_opens_a_window(store, db):
    windows = EmailWindows(db, duration=60)
    jobs = [store.jobs.get(ended(store.jobs).video_fid) for _ in range(16)]
    with ThreadPoolExecutor(16) as pool:
        opened = list(pool.map(windows.open, jobs))
    assert opened.count(None) == 1
    # The message that opened it is not held up by it.
    assert windows.open(jobs[opened.index(None)]) is None


def test_the_emails_of_a_digest_are_reserved_together_or_not_at_all(store):
    jobs = [store.jobs.get(ended(store.jobs).video_fid) for _ in range(3)]
    until = now() + timedelta(seconds=30)
    assert store.jobs.reserve_emails(jobs[:1], until, retry_by=until)
    later = until + timedelta(seconds=1)
    assert not store.jobs.reserve_emails(jobs, later, retry_by=later)
    assert [job.video_fid for job in store.jobs.to_notify(jobs[0])] == [job.video_fid for job in jobs[1:]]
    assert store.jobs.reserve_emails(jobs[:1], later, renewing=until, retry_by=later)
    assert store.jobs.reserve_emails(jobs[1:], later, retry_by=later)


def test_while_an_email_waits_for_its_retry_housekeeping_publishes_no_second_notice(
    store, settings, mail_server, rabbit, publisher, taken, db
):
    made = settings()
    message = ended(store.jobs)
    store.jobs.collection.update_one(
        {"_id": message.video_fid}, {"$set": {"notice_sent": True, "updated_at": now() - timedelta(hours=5)}}
    )
    outbox = Outbox(rabbit, store.jobs, store.summaries, publisher)
    recovery = Housekeeping(HousekeepingSettings(**values(made)), db, store, outbox).recovery
    mail_server.set_mode("4xx")
    with pytest.raises(TransientError):
        deliveries(store, made, longest_delay=3600).handle(message)
    assert recovery.publish_notices() == 0
    assert taken(rabbit.mp3_queue) is None
    # The time of the retry is over: the message was lost.
    store.jobs.collection.update_one(
        {"_id": message.video_fid}, {"$set": {"notice_expected_until": now() - timedelta(seconds=1)}}
    )
    assert recovery.publish_notices() == 1


def values(settings: NotificationSettings) -> dict[str, object]:
    addresses = {"mongo_uri": settings.mongo_uri, "rabbitmq_uri": settings.rabbitmq_uri}
    return {**addresses, "auth_svc_address": "127.0.0.1:9"}


def test_an_email_that_was_not_sent_does_not_count(store, settings, mail_server):
    delivery = deliveries(store, settings(), usage=store.usage, quotas=Quotas(emails=1))
    message = ended(store.jobs)
    mail_server.set_mode("4xx")
    for _ in range(2):
        with pytest.raises(MailServerUnavailable):
            delivery.handle(message)
    mail_server.set_mode("ok")
    delivery.handle(message)
    assert store.usage.used(OWNER).emails == len(mail_server.inbox) == 1


def test_more_emails_than_the_quota_wait_for_the_next_hour(store, settings, mail_server, db):
    made = settings()
    delivery = deliveries(store, made, usage=store.usage, quotas=Quotas(emails=2))
    messages = [ended(store.jobs) for _ in range(3)]
    for message in messages[:2]:
        delivery.handle(message)
    for _ in range(2):
        with pytest.raises(NotDue) as deferred:
            delivery.handle(messages[2])
        assert 0 < deferred.value.retry_after <= 3600
    assert len(mail_server.inbox) == 2
    # Housekeeping does not take its notice for a lost one.
    expected = store.jobs.collection.find_one({"_id": messages[2].video_fid})["notice_expected_until"]
    assert expected >= now() + timedelta(seconds=deferred.value.retry_after)
    db["usage"].update_one({"_id": OWNER}, {"$set": {"hour": "2000-01-01T00"}})
    delivery.handle(messages[2])
    assert len(mail_server.inbox) == 3
