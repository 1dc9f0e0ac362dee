"""What the notification does with a message: tell the owner once how the job ended."""

import logging
from datetime import datetime, timedelta

from common.errors import TransientError
from common.jobs import Job, Jobs, Status
from common.messaging.handler import Busy
from common.messaging.message import InvalidMessage, Message
from common.moments import now
from common.storage.mongo import failures
from common.summaries import Summaries
from notification.emails import Emails
from notification.mailer import Mailer

log = logging.getLogger(__name__)


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
        if job.told or not job.status.terminal or job.status is Status.DELETED:
            log.info("There is nothing to tell: %s", "told already" if job.told else job.status.value)
            return
        until = self._reserve(job)
        if until is None:
            raise Busy("another worker is telling the owner, or the job was queued anew")
        try:
            self._tell(job)
        except BaseException:
            self._release(job, until)
            raise

    def give_up(self, message: Message, reason: str) -> None:
        """Notes that the owner cannot be told; the dead letter says why, and can be replayed."""
        log.error("The owner of %s was not told: %s", message.video_fid, reason)
        job = self._jobs.get(message.video_fid)
        if job is not None and job.username == message.username:
            self._jobs.confirm(job, undeliverable=True)

    def _tell(self, job: Job) -> None:
        email = self._emails.compose(job, self._about(job))
        log.info("Sending email to: %s", job.username)
        self._mailer.send(email)
        log.info("Email sent successfully!")
        # Before this is written down a crash brings a second email, with the same Message-ID: the mail server and we
        # have no transaction in common.
        self._jobs.confirm(job, told=True, notice_sent=True)

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

    def _reserve(self, job: Job) -> datetime | None:
        moment = now()
        until = moment + timedelta(seconds=self._lease)
        # Until then housekeeping takes the message for one that waits for its next attempt: twice the delay, as others
        # may be before it in the queue.
        expected = until + timedelta(seconds=2 * self._longest_delay)
        free = [{"telling_until": None}, {"telling_until": {"$lt": moment}}]
        with failures():
            result = self._jobs.collection.update_one(
                {**job.this_round, "told": False, "$or": free},
                {"$set": {"telling_until": until, "notice_expected_until": expected}},
            )
        return until if result.matched_count else None

    def _release(self, job: Job, until: datetime) -> None:
        try:
            with failures():
                ours = {**job.this_round, "telling_until": until}
                self._jobs.collection.update_one(ours, {"$unset": {"telling_until": ""}})
        except TransientError as error:
            log.warning("The reservation stays until it expires: %s", error)
