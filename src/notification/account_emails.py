"""Sends the emails about accounts: to confirm an address, to choose a new password, and that an account exists."""

import logging
from dataclasses import dataclass

from common.domain.account_links import LIFETIMES, PATHS, AccountLink, AccountLinks, AccountMail
from common.messaging.message import AccountMessage
from notification.emails import Emails
from notification.mailer import Mailer

log = logging.getLogger(__name__)

_SUBJECTS = {
    AccountMail.VERIFY: "Confirm your email address",
    AccountMail.RESET: "Choose a new password",
    AccountMail.EXISTS: "You already have an account",
}


@dataclass(frozen=True)
class AccountDelivery:
    """Handles the messages of the queue `mail`. A crash after the mail server's acceptance causes a second email."""

    emails: Emails
    mailer: Mailer
    links: AccountLinks
    public_url: str

    def handle(self, message: AccountMessage) -> None:
        # The link is signed now: its time begins when the email is sent, and it is in no message and no log.
        values = {"link": self._link(message), "hours": LIFETIMES.get(message.kind, 0) / 3600}
        name = f"{message.kind}.{message.account}.{message.version}"
        email = self.emails.compose_about(
            message.username, _SUBJECTS[message.kind], f"account-{message.kind}", name, values
        )
        log.info("Sending email to: %s", message.username)
        self.mailer.send(email)
        log.info("Email sent successfully!")

    def give_up(self, message: AccountMessage, reason: str) -> None:
        log.error("The email about account %s was not sent: %s", message.account, reason)

    def _link(self, message: AccountMessage) -> str:
        path = PATHS.get(message.kind)
        if path is None:
            return ""
        token = self.links.sign(message.kind, AccountLink(message.account, message.username, message.version))
        return f"{self.public_url.rstrip('/')}{path}?token={token}"
