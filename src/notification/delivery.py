"""What the notification does with a message: email the owner once how the job ended."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.domain.jobs import NOT_NOTIFIED, Job, Jobs, Status
from common.domain.summaries import Summaries
from common.errors import TransientError
from common.messaging.handler import Busy
from common.messaging.message import InvalidMessage, Message
from common.runtime.checkpoints import Point, checkpoint
from common.runtime.clock import now
from common.storage.mongo import Document, failures
from notification.emails import Emails
from notification.mailer import Mailer

log = logging.getLogger(__name__)


_HELD = "another worker is sending the email, or the job was queued again or deleted"


@dataclass
class _Reservation:
    """The right to send the email about a job's run until that time, which also tells it from other workers' ones."""

    job: Job
    until: datetime

    @property
    def stored(self) -> Document:
        """What finds the job while this reservation is in it."""
        return {**self.job.this_run, "telling_until": self.until}


class Delivery:
    """Handles the messages of the queue `mp3`."""

    def __init__(self, jobs: Jobs, emails: Emails, mailer: Mailer, lease: float, longest_delay: float = 0.0) -> None:
        """`longest_delay` s a message may wait for its next attempt."""
        self._longest_delay = longest_delay
        self._jobs = jobs
        self._emails = emails
        self._mailer = mailer
        self._lease = lease

    def handle(self, message: Message) -> None:
        """Sends the email unless it was sent, or is not due."""
        job = self._jobs.get(message.video_fid)
        if job is None or job.username != message.username:
            raise InvalidMessage("no job has this video_fid and username")
        if message.outdated(job.run):
            log.info("The job was queued again since this message was sent")
            return
        if job.notified or not job.status.terminal or job.status is Status.DELETED:
            log.info("No email is due: %s", "already sent" if job.notified else job.status.value)
            return
        checkpoint(Point.NOTIFICATION_READ)
        reservation = self._reserve(job)
        if reservation is None:
            raise Busy(_HELD)
        checkpoint(Point.NOTIFICATION_RESERVED)
        try:
            self._send(reservation)
        except BaseException:
            self._release(reservation)
            raise

    def give_up(self, message: Message, reason: str) -> None:
        """Notes that the owner cannot be notified; the dead letter says why, and can be replayed."""
        log.error("The owner of %s was not notified: %s", message.video_fid, reason)
        job = self._jobs.get(message.video_fid)
        if job is not None and job.username == message.username and not message.outdated(job.run):
            checkpoint(Point.NOTIFICATION_BEFORE_GIVE_UP)
            self._jobs.confirm(job, undeliverable=True)

    def _send(self, reservation: "_Reservation") -> None:
        job = reservation.job
        email = self._emails.compose(job, self._about(job))
        log.info("Sending email to: %s", job.username)
        self._mailer.send(email, before=lambda: self._renew(reservation))
        checkpoint(Point.NOTIFICATION_SENT)
        log.info("Email sent successfully!")
        # A crash or a long stop between the mail server's acceptance and this note brings a second email, with the same
        # Message-ID: the mail server and we have no transaction in common.
        self._jobs.confirm(job, notified=True, notice_sent=True)

    def _about(self, job: Job) -> str:
        """The first sentence of the summary, if there is one by now: the email waits for nothing."""
        if job.mp3_fid is None:
            return ""
        try:
            found = Summaries(self._jobs.collection.database).of_mp3(job.mp3_fid)
        except TransientError as error:
            log.warning("The email goes without a summary: %s", error)
            return ""
        return found.first_sentence if found else ""

    def _reserve(self, job: Job) -> "_Reservation | None":
        moment = now()
        free = [{"telling_until": None}, {"telling_until": {"$lt": moment}}]
        reservation = _Reservation(job, moment + timedelta(seconds=self._lease))
        return reservation if self._set_until({**job.this_run, "$or": free}, reservation.until) else None

    def _renew(self, reservation: "_Reservation") -> None:
        """Called when the mail server is ready for the email: this worker may have been stopped since it reserved."""
        checkpoint(Point.NOTIFICATION_CONNECTED)
        until = now() + timedelta(seconds=self._lease)
        if not self._set_until(reservation.stored, until):
            raise Busy(_HELD)
        reservation.until = until

    def _set_until(self, where: Mapping[str, object], until: datetime) -> bool:
        # Until then housekeeping assumes that the message waits for its next attempt: twice the delay, because others
        # may be before it in the queue.
        expected = until + timedelta(seconds=2 * self._longest_delay)
        with failures():
            change = {"$set": {"telling_until": until, "notice_expected_until": expected}}
            return self._jobs.collection.update_one({**where, **NOT_NOTIFIED}, change).matched_count == 1

    def _release(self, reservation: "_Reservation") -> None:
        checkpoint(Point.NOTIFICATION_BEFORE_RELEASE)
        try:
            with failures():
                self._jobs.collection.update_one(reservation.stored, {"$unset": {"telling_until": ""}})
        except TransientError as error:
            log.warning("The reservation stays until it expires: %s", error)
