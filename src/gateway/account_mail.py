"""Publishes requests for emails about accounts, a few per address and hour."""

import hashlib
import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flask import g
from flask_limiter import Limiter, RateLimitExceeded

from common.domain.account_links import AccountMail
from common.errors import TransientError, Unavailable
from common.messaging.message import AccountMessage
from common.messaging.publisher import Publisher
from gateway.settings import GatewaySettings

log = logging.getLogger(__name__)


class AccountMails:
    def __init__(self, settings: GatewaySettings, publisher: Publisher, limiter: Limiter) -> None:
        self._queue = settings.mail_queue
        self._publisher = publisher
        # Shared: each route that sends an email would have a counter of its own.
        limit = limiter.shared_limit(settings.account_mail_limit, scope="account-mail", key_func=_kind_and_address)
        self._publish_limited = limit(self._publish)

    def check(self) -> None:
        """Raises Unavailable if no email can be sent now, to whomever."""
        if self._queue is None:
            raise _no_emails()
        try:
            self._publisher.check()
        except TransientError as error:
            raise _not_now() from error

    def send(self, mail: Mapping[str, Any]) -> None:
        """Publishes what the auth service wants to be sent.

        Raises RateLimitExceeded, and Unavailable without RabbitMQ.
        """
        message = AccountMessage(AccountMail(mail["kind"]), mail["account"], mail["username"], mail["version"])
        g.account_mail = message
        self._publish_limited(message)

    def send_quietly(self, mail: Mapping[str, Any] | None, *, check: bool = False) -> None:
        """As `send`, but its errors do not show, nor whether there is an email to send; those of `check` do."""
        if check:
            self.check()
        # RabbitMQ may fail after the check. Then the email is missing, and its owner requests another one.
        with suppress(Unavailable):
            try:
                if mail is not None:
                    self.send(mail)
            except RateLimitExceeded:
                log.warning("No email was sent: ACCOUNT_MAIL_LIMIT is reached for its address")

    def _publish(self, message: AccountMessage) -> None:
        if self._queue is None:
            raise _no_emails()
        try:
            self._publisher.publish(self._queue, message)
        except TransientError as error:
            log.warning("The email about account %s cannot be sent now: %s", message.account, error)
            raise _not_now() from error


def _no_emails() -> Unavailable:
    return Unavailable("This server sends no emails about accounts. Ask its operator.", retry_after=3600)


def _not_now() -> Unavailable:
    return Unavailable("The email cannot be sent right now. Try again in a few minutes.", retry_after=60)


def _kind_and_address() -> str:
    """The key of the limit. Emails of another kind count apart: nobody can use up the owner's new password."""
    message: AccountMessage = g.account_mail
    return hashlib.sha256(f"{message.kind} {message.username}".encode()).hexdigest()[:32]
