"""Emails the owner of a job once when it has ended, together with the owner's other jobs that have ended meanwhile."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from common.domain.accounts import Accounts
from common.domain.job_repository import Jobs
from common.domain.jobs import Job, Status
from common.domain.quotas import Amounts, Quotas
from common.domain.summaries import Summaries
from common.domain.usage import UsageRepository
from common.errors import TooManyRequests, TransientError
from common.messaging.handler import Busy, NotDue
from common.messaging.message import InvalidMessage, Message
from common.runtime.checkpoints import Point, checkpoint
from common.runtime.clock import now
from notification.emails import Emails
from notification.mailer import Mailer
from notification.windows import EmailWindows

log = logging.getLogger(__name__)


@dataclass
class _Reservation:
    """The right to send one email about runs of these jobs; its time also identifies it."""

    jobs: list[Job]
    until: datetime


@dataclass(frozen=True)
class Delivery:
    """Handles the messages of the queue `mp3`.

    A reservation lasts `lease` s; a message waits up to `longest_delay` s for its next attempt. Without `windows` each
    job has an email of its own, at once.
    """

    jobs: Jobs
    accounts: Accounts
    summaries: Summaries
    emails: Emails
    mailer: Mailer
    lease: float
    longest_delay: float = 0.0
    windows: EmailWindows | None = None
    usage: UsageRepository | None = None
    quotas: Quotas = field(default_factory=Quotas)

    def handle(self, message: Message) -> None:
        """Sends the email, unless it was sent or the job has not ended; raises NotDue while it has to wait."""
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
        if not self.accounts.wants_emails(job.account or job.username):
            log.info("No email is sent: the account has switched emails off")
            self.jobs.confirm(job, notified=True, notice_sent=True)
            return
        reservation = self._reserve_with_others(job)
        checkpoint(Point.NOTIFICATION_RESERVED)
        try:
            self._count(reservation)
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

    def _reserve_with_others(self, job: Job) -> _Reservation:
        """Reserves the email about the job and all other jobs of its owner that are due.

        Raises NotDue while the owner's window is open. After a failed attempt the window stays open, so that the
        messages of the other jobs do not all try in vain; the retries of this message do not wait for its end.
        """
        if self.windows is not None:
            until = self.windows.open(job)
            if until is not None:
                wait = max(0.0, (until - now()).total_seconds())
                raise NotDue(f"the emails of this account are collected for another {wait:.1f} s", retry_after=wait)
            checkpoint(Point.NOTIFICATION_WINDOW_OPENED)
            others = [other for other in self.jobs.to_notify(job) if other.video_fid != job.video_fid]
            if others and (together := self._reserved([job, *others])):
                return together
        alone = self._reserved([job])
        if alone is None:
            raise Busy("another worker is sending the email, or the job was queued again or deleted")
        return alone

    def _send(self, reservation: _Reservation) -> None:
        job, *others = reservation.jobs
        email = self.emails.compose_digest(reservation.jobs) if others else self.emails.compose(job, self._about(job))
        log.info("Sending email to: %s", job.username)
        if others:
            log.info("It is also about: %s", ", ".join(str(other.video_fid) for other in others))
        try:
            self.mailer.send(email, before=lambda: self._renew(reservation))
        except BaseException:
            self._give_back(job)
            raise
        checkpoint(Point.NOTIFICATION_SENT)
        log.info("Email sent successfully!")
        # A crash or a long stop after the mail server's acceptance and before this update causes a second email, with
        # the same Message-ID unless other jobs have ended: the mail server and MongoDB have no transaction in common.
        self.jobs.confirm(*reservation.jobs, notified=True, notice_sent=True)

    def _count(self, reservation: _Reservation) -> None:
        """Counts an email before it is sent; raises NotDue if the account has had too many in this hour."""
        # The account may have a quota of its own, also if there is none by default.
        if self.usage is None:
            return
        try:
            self.usage.charge(reservation.jobs[0].owner, Amounts(emails=1), self.quotas)
        except TooManyRequests as refused:
            wait = float(refused.headers["Retry-After"])
            self._extend(reservation, wait)
            raise NotDue(str(refused), retry_after=wait) from refused

    def _give_back(self, job: Job) -> None:
        if self.usage is None:
            return
        try:
            self.usage.give_back(job.owner, Amounts(emails=1))
        except TransientError as error:
            log.warning("An email that was not sent counts for the account: %s", error)

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
        self._extend(reservation)

    def _extend(self, reservation: _Reservation, wait: float = 0.0) -> None:
        """Renews the reservation; for `wait` s more, housekeeping does not take its notices for lost ones."""
        renewed = self._reserved(reservation.jobs, renewing=reservation.until, wait=wait)
        if renewed is None:
            raise Busy("another worker is sending one of the emails, or a job was queued again or deleted")
        reservation.until = renewed.until

    def _reserved(self, jobs: list[Job], renewing: datetime | None = None, wait: float = 0.0) -> _Reservation | None:
        """None if another worker has the email about one of the jobs, or one of them has changed."""
        until = now() + timedelta(seconds=self.lease)
        # Twice the delay, because other messages may be before these in the queue.
        retry_by = until + timedelta(seconds=wait + 2 * self.longest_delay)
        reserved = self.jobs.reserve_emails(jobs, until, renewing=renewing, retry_by=retry_by)
        return _Reservation(jobs, until) if reserved else None

    def _release(self, reservation: _Reservation) -> None:
        checkpoint(Point.NOTIFICATION_BEFORE_RELEASE)
        try:
            self.jobs.release_emails(reservation.jobs, reservation.until)
        except TransientError as error:
            log.warning("The reservation was not released and will expire: %s", error)
