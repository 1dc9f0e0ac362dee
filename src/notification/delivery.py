"""Emails the owner of a job once when it has ended."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from common.domain.job_repository import Jobs
from common.domain.jobs import Job, Status
from common.domain.summaries import Summaries
from common.errors import TransientError
from common.messaging.handler import Busy
from common.messaging.message import InvalidMessage, Message
from common.runtime.checkpoints import Point, checkpoint
from common.runtime.clock import now
from notification.emails import Emails
from notification.mailer import Mailer

log = logging.getLogger(__name__)


@dataclass
class _Reservation:
    """The right to send the email about a job's run; its time also identifies it."""

    job: Job
    until: datetime


@dataclass(frozen=True)
class Delivery:
    """Handles the messages of the queue `mp3`.

    A reservation lasts `lease` s; a message waits up to `longest_delay` s for its next attempt.
    """

    jobs: Jobs
    summaries: Summaries
    emails: Emails
    mailer: Mailer
    lease: float
    longest_delay: float = 0.0

    def handle(self, message: Message) -> None:
        """Sends the email, unless it was sent or the job has not ended."""
        job = self.jobs.get(message.video_fid)
        if job is None or job.username != message.username:
            raise InvalidMessage("no job has this video_fid and username")
        if message.outdated(job.run):
            log.info("Ignored the message of an earlier run of the job")
            return
        if job.notified or not job.status.terminal or job.status is Status.DELETED:
            log.info("%s", "Already notified" if job.notified else f"No email is due: the job is {job.status}")
            return
        checkpoint(Point.NOTIFICATION_READ)
        reservation = _Reservation(job, self._reserve(job))
        checkpoint(Point.NOTIFICATION_RESERVED)
        try:
            self._send(reservation)
        except BaseException:
            self._release(reservation)
            raise

    def give_up(self, message: Message, reason: str) -> None:
        """Records that the owner cannot be notified; the dead letter has the reason, and can be replayed."""
        log.error("The owner of %s was not notified: %s", message.video_fid, reason)
        job = self.jobs.get(message.video_fid)
        if job is not None and job.username == message.username and not message.outdated(job.run):
            checkpoint(Point.NOTIFICATION_BEFORE_GIVE_UP)
            self.jobs.confirm(job, undeliverable=True)

    def _send(self, reservation: _Reservation) -> None:
        job = reservation.job
        email = self.emails.compose(job, self._about(job))
        log.info("Sending email to: %s", job.username)
        self.mailer.send(email, before=lambda: self._renew(reservation))
        checkpoint(Point.NOTIFICATION_SENT)
        log.info("Email sent successfully!")
        # A crash or a long stop after the mail server's acceptance and before this update causes a second email, with
        # the same Message-ID: the mail server and MongoDB have no transaction in common.
        self.jobs.confirm(job, notified=True, notice_sent=True)

    def _about(self, job: Job) -> str:
        """The first sentence of the summary, if it exists already: the email does not wait for it."""
        if job.mp3_fid is None:
            return ""
        try:
            found = self.summaries.of_mp3(job.mp3_fid)
        except TransientError as error:
            log.warning("The email goes without a summary: %s", error)
            return ""
        return found.first_sentence if found else ""

    def _renew(self, reservation: _Reservation) -> None:
        """Called when the mail server is ready for the email: this worker may have been stopped since it reserved."""
        checkpoint(Point.NOTIFICATION_CONNECTED)
        reservation.until = self._reserve(reservation.job, renewing=reservation.until)

    def _reserve(self, job: Job, renewing: datetime | None = None) -> datetime:
        """Returns the end of the reservation; raises Busy if another worker has the email, or the job has changed."""
        until = now() + timedelta(seconds=self.lease)
        # Twice the delay, because other messages may be before this one in the queue.
        retry_by = until + timedelta(seconds=2 * self.longest_delay)
        if not self.jobs.reserve_email(job, until, renewing=renewing, retry_by=retry_by):
            raise Busy("another worker is sending the email, or the job was queued again or deleted")
        return until

    def _release(self, reservation: _Reservation) -> None:
        checkpoint(Point.NOTIFICATION_BEFORE_RELEASE)
        try:
            self.jobs.release_email(reservation.job, reservation.until)
        except TransientError as error:
            log.warning("The reservation was not released and will expire: %s", error)
