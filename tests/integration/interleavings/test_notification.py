"""A notification worker that is stopped between any two steps while another worker continues, and is then resumed.

Whatever the order: each run of a job has one email, and none of an earlier run is sent once the job was queued again.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from bson import ObjectId

from common.domain.accounts import Accounts
from common.domain.download_links import DownloadLinks
from common.domain.jobs import Job, Status
from common.domain.owners import Owner
from common.errors import PermanentError, TransientError
from common.messaging.message import Message
from common.runtime.checkpoints import Point
from common.runtime.clock import now
from gateway.jobs.store import Store
from notification.delivery import Delivery
from notification.emails import Emails
from notification.mailer import Mailer
from notification.settings import NotificationSettings
from notification.windows import EmailWindows
from tests.integration import mail
from tests.integration.interleavings.stopping import Worker
from tests.waiting import eventually

# s. The tests wait for the end of a window.
_WINDOW = 0.5


class World:
    """A job that has completed, its owner, and healthy workers."""

    def __init__(self, store: Store, deliver: Callable[..., Delivery], server: mail.MailServer) -> None:
        self.store = store
        self.deliver = deliver
        self.server = server
        self.owner = f"{secrets.token_hex(6)}@example.com"
        self.fid = ObjectId()
        store.jobs.create(self.fid, self.owner, "talk.mp4", {})
        self.message = self.completes()

    @property
    def job(self) -> Job:
        found = self.store.jobs.get(self.fid)
        assert found is not None
        return found

    def completes(self) -> Message:
        """The job completes; returns its notice."""
        mp3_fid = ObjectId()
        done = {"status": Status.COMPLETED.value, "mp3_fid": mp3_fid, "notice_sent": True}
        assert self.store.jobs.update(self.fid, {"status": Status.QUEUED.value}, done)
        return Message(video_fid=self.fid, mp3_fid=mp3_fid, username=self.owner, run=self.job.run)

    def also_completes(self) -> Message:
        """The notice of another job of the owner that has completed."""
        fid, mp3_fid = ObjectId(), ObjectId()
        self.store.jobs.create(fid, self.owner, f"{fid}.mp4", {})
        done = {"status": Status.COMPLETED.value, "mp3_fid": mp3_fid, "notice_sent": True}
        assert self.store.jobs.update(fid, {}, done)
        return Message(video_fid=fid, mp3_fid=mp3_fid, username=self.owner, run=0)

    def texts(self) -> list[str]:
        """The plain texts of the emails to the owner."""
        mine = [email for email in self.server.inbox if self.owner in str(email["To"])]
        return [email.get_payload()[0].get_payload(decode=True).decode() for email in mine]

    def retries(self) -> None:
        assert self.store.jobs.reopen(self.fid, {"bitrate": 64}, ended=(Status.COMPLETED,))

    def reservation_expires(self) -> None:
        past = now() - timedelta(seconds=1)
        self.store.jobs.collection.update_many(
            {"username": self.owner, "telling_until": {"$ne": None}},
            {"$set": {"telling_until": past, "reserved_until": past}},
        )

    def handles(self, message: Message) -> None:
        """A healthy worker handles it as often as the broker would deliver it."""
        eventually(partial(self._handled, message), what="an end of the message")

    def _handled(self, message: Message) -> bool:
        try:
            self.deliver().handle(message)
        except TransientError:
            return False
        return True

    def emails(self) -> list[str]:
        """The results that the emails to the owner are about."""
        ids = [str(email["Message-ID"]) for email in self.server.inbox if self.owner in str(email["To"])]
        return [one.split("@")[0].split(".", 1)[1] for one in ids]


@pytest.fixture
def world(store, environment, mail_server) -> Iterator[World]:
    def deliver(**changes: object) -> Delivery:
        settings = NotificationSettings(**mail.settings(environment, mail_server, **changes))
        emails = Emails(settings.sender, DownloadLinks(settings), settings.public_url)
        db = store.jobs.collection.database
        parts = (store.jobs, Accounts(db), store.summaries, emails, Mailer(settings))
        return Delivery(*parts, lease=30, windows=EmailWindows(db, _WINDOW))

    mail_server.set_mode("ok")
    yield World(store, deliver, mail_server)
    mail_server.set_mode("ok")


def _without_mail_server(world: World) -> None:
    world.deliver(smtp_port=9).handle(world.message)


def _last_attempt(world: World) -> None:
    world.deliver().give_up(world.message, "the mail server answered 550")


@dataclass(frozen=True)
class Case:
    """How a worker gets to a point."""

    point: Point
    work: Callable[[World], object] = lambda world: world.deliver().handle(world.message)


CASES = [
    Case(Point.NOTIFICATION_READ),
    Case(Point.NOTIFICATION_WINDOW_OPENED),
    Case(Point.NOTIFICATION_RESERVED),
    Case(Point.NOTIFICATION_CONNECTED),
    Case(Point.NOTIFICATION_SENT),
    Case(Point.NOTIFICATION_BEFORE_RELEASE, _without_mail_server),
    Case(Point.NOTIFICATION_BEFORE_GIVE_UP, _last_attempt),
]

Rival = Callable[[World], Any]


@contextmanager
def no_rival(world: World) -> Iterator[None]:
    yield


@contextmanager
def reservation_expired_and_rival_sent(world: World) -> Iterator[None]:
    world.reservation_expires()
    world.handles(world.message)
    yield


@contextmanager
def reservation_expired_and_rival_has_reserved(world: World) -> Iterator[None]:
    world.reservation_expires()
    rival = Worker(lambda: world.deliver().handle(world.message), Point.NOTIFICATION_RESERVED)
    yield
    if rival.resume():
        world.handles(world.message)


@contextmanager
def owner_retried(world: World) -> Iterator[None]:
    world.retries()
    yield
    world.message = world.completes()


@contextmanager
def owner_retried_and_rival_sent(world: World) -> Iterator[None]:
    world.retries()
    world.message = world.completes()
    world.handles(world.message)
    yield


@contextmanager
def owner_deleted(world: World) -> Iterator[None]:
    world.store.delete(world.fid)
    yield


RIVALS: list[Rival] = [
    no_rival,
    reservation_expired_and_rival_sent,
    reservation_expired_and_rival_has_reserved,
    owner_retried,
    owner_retried_and_rival_sent,
    owner_deleted,
]


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.point)
def test_a_notification_worker_that_is_resumed_late_does_no_harm(world: World, case: Case, rival: Rival) -> None:
    first = str(world.job.mp3_fid)
    victim = Worker(lambda: case.work(world), case.point)
    with rival(world):
        error = victim.resume()
    assert error is None or isinstance(error, TransientError), error
    # A message whose handler raised is delivered again; so is that of the run after it.
    world.handles(world.message)
    world.handles(world.message)
    emails = world.emails()
    sent_before = case.point is Point.NOTIFICATION_SENT
    if rival is owner_deleted:
        assert emails == ([first] if sent_before else [])
        assert world.job.status is Status.DELETED
        return
    assert world.job.notified
    last = str(world.job.mp3_fid)
    if "retried" in rival.__name__:
        assert emails.count(last) == 1
        # The owner gets no email about the MP3 of the earlier run.
        assert emails.count(first) == (1 if sent_before else 0)
        # Nothing is noted about the next run: housekeeping may have its notice sent again.
        assert not world.store.jobs.collection.find_one({"_id": world.fid}).get("undeliverable")
    elif sent_before and rival is reservation_expired_and_rival_sent:
        # Only the stopped worker knows that the mail server has accepted it: the same email is sent twice.
        assert set(emails) == {first}
        assert len(emails) == 2
    else:
        assert emails == [first]


@contextmanager
def reservation_and_window_expired_and_rival_sent(world: World, others: list[Message]) -> Iterator[None]:
    """The rival has the message of another job, and sends the digest."""
    world.reservation_expires()
    world.handles(others[0])
    yield


@contextmanager
def owner_deleted_one_of_them(world: World, others: list[Message]) -> Iterator[None]:
    world.store.delete(others[0].video_fid)
    yield


@contextmanager
def emails_are_switched_off(world: World, others: list[Message]) -> Iterator[None]:
    Accounts(world.store.jobs.collection.database).choose_emails(Owner(world.owner), wanted=False)
    for message in (world.message, *others):
        with suppress(TransientError):
            world.deliver().handle(message)
    yield


DIGEST_RIVALS = [reservation_and_window_expired_and_rival_sent, owner_deleted_one_of_them, emails_are_switched_off]


@pytest.mark.parametrize("rival", DIGEST_RIVALS, ids=lambda rival: rival.__name__)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.point)
def test_a_worker_that_is_resumed_late_with_a_digest_does_no_harm(world: World, case: Case, rival: Any) -> None:
    others = [world.also_completes(), world.also_completes()]
    messages = [world.message, *others]
    victim = Worker(lambda: case.work(world), case.point)
    with rival(world, others):
        error = victim.resume()
    assert error is None or isinstance(error, TransientError), error
    for message in messages:
        world.handles(message)
    sent = case.point is Point.NOTIFICATION_SENT
    texts = world.texts()
    for message in messages:
        about = sum(str(message.mp3_fid) in text for text in texts)
        if rival is reservation_and_window_expired_and_rival_sent:
            # As with one job: only the stopped worker knows that the mail server has accepted its email.
            assert about == (2 if sent else 1)
        elif rival is owner_deleted_one_of_them and message is others[0]:
            assert about == sent
        elif rival is owner_deleted_one_of_them or sent:
            assert about == 1
        else:
            # An email that is already on its way is still sent.
            assert about <= 1
        assert world.store.jobs.get(message.video_fid).notified  # type: ignore[union-attr]


def test_every_point_of_the_notification_has_its_case() -> None:
    assert [case.point for case in CASES] == [point for point in Point if point.startswith("notification.")]


def test_a_refused_address_of_an_earlier_run_does_not_mark_the_next_one(world: World) -> None:
    world.server.set_mode("5xx")
    message = world.message
    with suppress(PermanentError):
        world.deliver().handle(message)
    world.retries()
    world.deliver().give_up(message, "the mail server answered 550")
    assert not world.store.jobs.collection.find_one({"_id": world.fid}).get("undeliverable")
