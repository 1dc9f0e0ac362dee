"""A converter that is stopped between any two steps while another worker continues, and is then resumed.

Whatever the order: the job has one end, a completed job has the one MP3 that was made for its last run, nothing that
belongs to another run is deleted, and its owner gets one email.
"""

import io
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from bson import ObjectId

from common.domain.accounts import Accounts
from common.domain.download_links import DownloadLinks
from common.domain.jobs import CANCELLED, NOTIFIED, Job, Status
from common.domain.outbox import Outbox
from common.errors import Conflict, Failure, TransientError
from common.messaging.message import Message, decode, run_of
from common.runtime.checkpoints import Point
from common.runtime.clock import now
from converter import conversion
from converter.conversion import Conversion
from converter.ffmpeg.process import Stalled
from converter.settings import ConverterSettings
from gateway.jobs.store import Store
from notification.delivery import Delivery
from notification.emails import Emails
from notification.mailer import Mailer
from notification.settings import NotificationSettings
from tests import media
from tests.integration import mail
from tests.integration.converter import sounds
from tests.integration.interleavings.stopping import Worker
from tests.waiting import eventually

FIRST_MP3 = b"the MP3 of the first run"
TECHNICAL = "because of a server error"
TOO_LONG = "longer than the limit"


class World:
    """One job in its second run, its owner, and healthy workers."""

    def __init__(
        self, store: Store, outbox: Outbox, received: Callable[[str], list[Message]], settings: dict[str, Any],
        convert: Callable[..., Conversion], delivery: Delivery, server: mail.MailServer,
    ) -> None:  # fmt: skip
        self.store = store
        self.owner = f"{secrets.token_hex(6)}@example.com"
        self.convert = convert
        self._outbox = outbox
        self._received = received
        self._settings = settings
        self._delivery = delivery
        self._server = server
        self.fid = self._run_once()
        self.first_mp3 = self.job.mp3_fid
        self.retries(bitrate=128)
        (self.message,) = self.messages()
        assert self.message.run == 1

    @property
    def job(self) -> Job:
        found = self.store.jobs.get(self.fid)
        assert found is not None
        return found

    def _run_once(self) -> ObjectId:
        store = self.store
        with store.videos.create("talk.wav", "video/*", {"username": self.owner}) as writer:
            writer.write(media.ffmpeg(media.sound(seconds=1), "wav").read_bytes())
            fid = writer.finish()
        with store.mp3s.create("talk.mp3", "audio/mpeg", {"username": self.owner, "video_fid": fid}) as writer:
            writer.write(FIRST_MP3)
            mp3_fid = writer.finish()
        store.jobs.create(fid, self.owner, "talk.wav", {})
        ended = {"status": "completed", "mp3_fid": mp3_fid, "notice_sent": True, NOTIFIED: True}
        store.jobs.update(fid, {}, ended)
        return fid

    def messages(self) -> list[Message]:
        """The messages in the queue `video`."""
        return self._received("video")

    # What the owner does.
    def retries(self, **options: object) -> None:
        self.store.retry(self._outbox, self.job, options)

    def cancels(self) -> None:
        self.store.cancel(self.job)

    def cancels_if_possible(self) -> None:
        try:
            self.cancels()
        except Conflict:
            assert self.job.status.terminal

    def deletes(self) -> None:
        self.store.delete(self.fid)

    # What workers do.
    def lease_expires(self) -> None:
        past = now() - timedelta(seconds=1)
        self.store.jobs.collection.update_one(
            {"_id": self.fid, "claim": {"$ne": None}}, {"$set": {"claim.until": past}}
        )

    def handles(self, *messages: Message) -> None:
        """A healthy worker handles these, and all that are in the queue, as often as the broker would deliver them."""
        for message in (*messages, *self.messages()):
            eventually(partial(self._handled, message), what="an end of the message")

    def _handled(self, message: Message) -> bool:
        try:
            self.convert().handle(message)
        except TransientError:
            return False
        return True

    def notifies(self) -> None:
        for message in self._received("mp3"):
            assert message.run is not None
            self._delivery.handle(message)

    def received_notices(self) -> list[Message]:
        return self._received("mp3")

    # Conditions at the end.
    def content(self, mp3_fid: ObjectId) -> bytes:
        file = self.store.mp3s.find(mp3_fid)
        assert file is not None, "the MP3 is gone"
        assert file.metadata["username"] == self.owner
        return b"".join(self.store.mp3s.read(file))

    def emails(self) -> list[str]:
        return [str(email["Message-ID"]) for email in self._server.inbox if self.owner in str(email["To"])]


@pytest.fixture
def world(store, rabbit, publisher, taken, environment, tmp_path, mail_server) -> World:
    values: dict[str, object] = {
        "mongo_uri": environment["MONGO_URI"],
        "rabbitmq_uri": environment["RABBITMQ_URI"],
        "video_queue": rabbit.video_queue,
        "mp3_queue": rabbit.mp3_queue,
        "work_folder": tmp_path,
        "claim_lease": 5,
        "progress_interval": 0.05,
        "bind_processors": False,
    }

    outbox = Outbox(rabbit, store.jobs, store.summaries, publisher)

    def convert(**changes: object) -> Conversion:
        settings = ConverterSettings(**{**values, **changes})
        buckets = {"videos": store.videos, "mp3s": store.mp3s}
        return Conversion(
            settings,
            jobs=store.jobs,
            publisher=publisher,
            must_stop=lambda: False,
            advance=outbox.publish_next,
            usage=store.usage,
            **buckets,
        )

    def received(queue: str) -> list[Message]:
        name = {"video": rabbit.video_queue, "mp3": rabbit.mp3_queue}[queue]
        return [replace(decode(body), run=run_of(headers)) for body, headers in iter(lambda: taken(name), None)]

    sending = NotificationSettings(**mail.settings(environment, mail_server))
    emails = Emails(sending.sender, DownloadLinks(sending), sending.public_url)
    delivery = Delivery(
        store.jobs, Accounts(store.jobs.collection.database), store.summaries, emails, Mailer(sending), lease=30
    )
    return World(store, outbox, received, values, convert, delivery, mail_server)


@dataclass(frozen=True)
class Case:
    """How a worker gets to a point, and what the job becomes without interference."""

    point: Point
    alone: Status
    error: str | None = None
    # Whether the job has not ended when the worker is at that point.
    open: bool = False
    work: Callable[[World], object] = lambda world: world.convert().handle(world.message)
    # Before the worker begins, and when it passes other points.
    first: Callable[[World], object] = lambda world: None
    on: dict[Point, Callable[[World], object]] = field(default_factory=dict)


def _completed_without_notice(world: World) -> None:
    world.convert().handle(world.message)
    world.store.jobs.confirm(world.job, notice_sent=False)


def _refused(world: World) -> object:
    return world.convert(max_duration=0.5).handle(world.message)


def _without_disk(world: World) -> object:
    return world.convert(work_folder="/nonexistent").handle(world.message)


def _last_attempt(world: World) -> object:
    return world.convert().give_up(world.message, "after 5 attempts: the disk is full")


CASES = [
    Case(Point.CONVERTER_LEASED, Status.COMPLETED, open=True),
    Case(Point.CONVERTER_CONVERTED, Status.COMPLETED, open=True),
    Case(Point.CONVERTER_STORED, Status.COMPLETED, open=True),
    Case(Point.CONVERTER_COMPLETED, Status.COMPLETED),
    Case(Point.CONVERTER_PUBLISHED, Status.COMPLETED),
    Case(Point.CONVERTER_CONFIRMED, Status.COMPLETED),
    Case(Point.CONVERTER_LEASE_LOST, Status.FAILED, CANCELLED, on={Point.CONVERTER_STORED: World.cancels}),
    Case(Point.CONVERTER_BEFORE_FAIL, Status.FAILED, TOO_LONG, open=True, work=_refused),
    Case(Point.CONVERTER_FAILED, Status.FAILED, TOO_LONG, work=_refused),
    Case(Point.CONVERTER_BEFORE_RELEASE, Status.COMPLETED, open=True, work=_without_disk),
    Case(Point.CONVERTER_BEFORE_GIVE_UP, Status.FAILED, TECHNICAL, open=True, work=_last_attempt),
    Case(Point.CONVERTER_BEFORE_SETTLE, Status.COMPLETED, first=_completed_without_notice),
]

Rival = Callable[[World], Any]


@contextmanager
def no_rival(world: World) -> Iterator[None]:
    yield


@contextmanager
def lease_expired_and_rival_completed(world: World) -> Iterator[None]:
    world.lease_expires()
    world.handles(world.message)
    yield


@contextmanager
def lease_expired_and_rival_has_stored(world: World) -> Iterator[None]:
    world.lease_expires()
    rival = Worker(lambda: world.convert().handle(world.message), Point.CONVERTER_STORED)
    yield
    assert rival.resume() is None


@contextmanager
def owner_retried_and_rival_completed(world: World) -> Iterator[None]:
    world.cancels_if_possible()
    world.retries(bitrate=64)
    world.handles()
    yield


@contextmanager
def owner_retried_and_rival_has_stored(world: World) -> Iterator[None]:
    world.cancels_if_possible()
    world.retries(bitrate=64)
    (message,) = world.messages()
    rival = Worker(lambda: world.convert().handle(message), Point.CONVERTER_STORED)
    yield
    assert rival.resume() is None


@contextmanager
def owner_retried(world: World) -> Iterator[None]:
    world.cancels_if_possible()
    world.retries(bitrate=64)
    yield


@contextmanager
def owner_cancelled(world: World) -> Iterator[None]:
    world.cancels_if_possible()
    yield


@contextmanager
def owner_deleted(world: World) -> Iterator[None]:
    world.deletes()
    yield


RIVALS: list[Rival] = [
    no_rival,
    lease_expired_and_rival_completed,
    lease_expired_and_rival_has_stored,
    owner_retried_and_rival_completed,
    owner_retried_and_rival_has_stored,
    owner_retried,
    owner_cancelled,
    owner_deleted,
]


def expected(case: Case, rival: Rival) -> tuple[Status, str | None]:
    """The end of the job, and a part of its reason."""
    if rival is owner_deleted:
        return Status.DELETED, None
    if "retried" in rival.__name__ or ("expired" in rival.__name__ and case.open):
        return Status.COMPLETED, None
    if rival is owner_cancelled and case.open:
        return Status.FAILED, CANCELLED
    return case.alone, case.error


def meaningful(case: Case, rival: Rival) -> bool:
    """A rival that finds the job ended converts nothing."""
    return case.open or rival is not lease_expired_and_rival_has_stored


@pytest.mark.parametrize(
    ("case", "rival"),
    [
        pytest.param(case, rival, id=f"{case.point}-{rival.__name__}")
        for case in CASES
        for rival in RIVALS
        if meaningful(case, rival)
    ],
)
def test_a_converter_that_is_resumed_late_does_no_harm(world: World, case: Case, rival: Rival) -> None:
    case.first(world)
    on = {point: partial(action, world) for point, action in case.on.items()}
    victim = Worker(lambda: case.work(world), case.point, on)
    with rival(world):
        error = victim.resume()
        # Nothing is noted about a run that has not ended.
        assert world.job.status.terminal or not (world.job.notice_sent or world.job.notified)
    # A message whose handler raised is delivered again.
    world.handles(*([world.message] if error else []))
    world.notifies()
    world.notifies()
    job = world.job
    status, reason = expected(case, rival)
    assert job.status is status
    assert job.notified
    assert (reason or "") in (job.error or "")
    files = world.store.mp3s.ids_of_video(world.fid)
    if status is Status.COMPLETED:
        # The one MP3, with the options of the run that was asked for last.
        assert files == [job.mp3_fid]
        made = sounds.mp3(io.BytesIO(world.content(job.mp3_fid)))  # type: ignore[arg-type]
        assert made.info.bitrate == job.options["bitrate"] * 1000
        assert made.info.length == pytest.approx(1, abs=0.1)
        assert [str(job.mp3_fid) in email for email in world.emails()] == [True]
    elif status is Status.FAILED:
        # The owner still has the earlier MP3.
        assert files == [job.mp3_fid] == [world.first_mp3]
        assert world.content(job.mp3_fid) == FIRST_MP3
        assert [".failed." in email for email in world.emails()] == ([] if reason == CANCELLED else [True])
    else:
        assert files == []
        assert world.emails() == []


def test_every_point_of_the_converter_has_its_case() -> None:
    assert [case.point for case in CASES] == [point for point in Point if point.startswith("converter.")]


def test_a_second_stall_in_the_same_run_is_permanent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def stall(*_: object, **__: object) -> None:
        raise Stalled("ffmpeg made no progress for 120 seconds")

    monkeypatch.setattr(conversion, "transcode", stall)
    with pytest.raises(Stalled):
        world.convert().handle(world.message)
    assert world.job.status is Status.QUEUED

    world.convert().handle(world.message)

    assert (world.job.status, world.job.error_code) == (Status.FAILED, Failure.TIME_LIMIT)
    assert "no progress" in (world.job.error or "")
    assert [message.mp3_fid for message in world.received_notices()] == [None]
    world.retries(bitrate=64)
    (again,) = world.messages()
    with pytest.raises(Stalled):
        world.convert().handle(again)
