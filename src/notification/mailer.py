"""Sends emails through the mail server.

Only the refusal of the recipient's address is permanent. All other failures are temporary, or the operator can fix
them: no connection, TLS, a refused password or sender, an exhausted sending quota, refused content. They are retried.
"""

import contextlib
import functools
import re
import smtplib
from collections.abc import Callable
from email.message import EmailMessage

from common.errors import PermanentError, TransientError
from common.runtime import tls
from notification.settings import NotificationSettings

# 5xx codes that are not about the recipient's address (RFC 3463 and the large providers): the sender's address, a full
# mailbox, the mail system, an exhausted quota (Gmail's 5.4.5), policy and authentication.
_NOT_THE_ADDRESS = re.compile(r"5\.(1\.[78]|2\.[0234]|3\.\d+|4\.[57]|7\.\d+)\b")
_THE_ADDRESS = re.compile(r"5\.1\.\d+\b")


class MailServerUnavailable(TransientError):
    """The mail server does not accept this email now."""


class AddressRefused(PermanentError):
    """The mail server permanently refuses the recipient."""


class Mailer:
    """Sends each email on its own connection: mail servers limit how long a connection may be idle."""

    def __init__(self, settings: NotificationSettings) -> None:
        self._settings = settings

    def send(self, email: EmailMessage, *, before: Callable[[], None] = lambda: None) -> None:
        """Returns when the mail server has accepted the email. Calls `before`, which may raise, just before sending.

        Raises MailServerUnavailable or AddressRefused.
        """
        server = self._connected()
        try:
            before()
            server.send_message(email)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise _refusal(code, text, of_address=True) from error
        except smtplib.SMTPDataError as error:
            # About the content, unless the code says otherwise: some servers check the address only then.
            of_address = bool(_THE_ADDRESS.match(_text(error.smtp_error)))
            raise _refusal(error.smtp_code, error.smtp_error, of_address=of_address) from error
        except smtplib.SMTPNotSupportedError as error:
            raise AddressRefused(f"the mail server cannot send to this address: {error}") from error
        except (OSError, smtplib.SMTPException) as error:
            raise MailServerUnavailable(f"the mail server: {_described(error)}") from error
        finally:
            # The email is accepted or refused by now: failures of QUIT do not matter.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()

    def check(self) -> str:
        """Signs in and sends nothing; returns the answer to NOOP. Raises MailServerUnavailable."""
        with self._connected() as server:
            try:
                code, answer = server.noop()
            except (OSError, smtplib.SMTPException) as error:
                raise MailServerUnavailable(f"the mail server: {_described(error)}") from error
        return f"{code} {_text(answer)}"

    def _connected(self) -> smtplib.SMTP:
        try:
            return self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise MailServerUnavailable(f"the mail server: {_described(error)}") from error

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        context = tls.context(settings.smtp_ca_file)
        over_tls = functools.partial(smtplib.SMTP_SSL, context=context)
        connect = over_tls if settings.smtp_security == "tls" else smtplib.SMTP
        server = connect(settings.smtp_host, settings.smtp_port, timeout=settings.smtp_timeout)
        try:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
            if settings.account:
                server.login(*settings.account)
        except BaseException:
            server.close()
            raise
        return server


def _refusal(code: int, text: bytes | str, *, of_address: bool) -> AddressRefused | MailServerUnavailable:
    answer = _text(text)
    reason = f"the mail server answered {code} {answer}"
    if of_address and 500 <= code < 600 and not _NOT_THE_ADDRESS.match(answer):
        return AddressRefused(reason)
    return MailServerUnavailable(reason)


def _described(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code} {_text(error.smtp_error)}"
    return f"{type(error).__name__}: {error}"


def _text(text: bytes | str) -> str:
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join(plain.split())[:200]
