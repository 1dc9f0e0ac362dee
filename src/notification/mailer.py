"""Hands an email to the mail server, and sorts its refusals into those for now and those for ever."""

import contextlib
import smtplib
import ssl
from collections.abc import Callable
from email.message import EmailMessage

from common.errors import PermanentError, TransientError
from notification.settings import NotificationSettings


class Mailer:
    """Sends one email a connection; a mail server's limits on idle connections are then no concern."""

    def __init__(self, settings: NotificationSettings) -> None:
        self._settings = settings

    def send(self, email: EmailMessage, *, before: Callable[[], None] = lambda: None) -> None:
        """Returns when the mail server has accepted the email. Once it is ready to, calls `before`, which may raise.

        Raises PermanentError when it refuses this address or this email for good (5xx), TransientError for all else:
        4xx, a wrong password, no connection, no answer within SMTP_TIMEOUT.
        """
        try:
            server = self._connect()
        except (OSError, smtplib.SMTPException) as error:
            raise TransientError(f"the mail server: {_described(error)}") from error
        try:
            before()
            server.send_message(email)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            raise _refusal(code, text) from error
        except smtplib.SMTPDataError as error:
            raise _refusal(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise PermanentError(f"the mail server cannot send to this address: {error}") from error
        except (OSError, smtplib.SMTPException) as error:
            raise TransientError(f"the mail server: {_described(error)}") from error
        finally:
            # It has accepted or refused by now: how it says good-bye changes nothing.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                server.quit()
            server.close()

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        context = ssl.create_default_context(cafile=settings.smtp_ca_file)
        server: smtplib.SMTP
        if settings.smtp_security == "tls":
            server = smtplib.SMTP_SSL(
                settings.smtp_host, settings.smtp_port, timeout=settings.smtp_timeout, context=context
            )
        else:
            server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=settings.smtp_timeout)
        try:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
            if settings.account:
                server.login(*settings.account)
        except BaseException:
            server.close()
            raise
        return server


def _refusal(code: int, text: bytes | str) -> PermanentError | TransientError:
    kind = PermanentError if 500 <= code < 600 else TransientError
    return kind(f"the mail server answered {code} {_text(text)}")


def _described(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{type(error).__name__} {error.smtp_code} {_text(error.smtp_error)}"
    return f"{type(error).__name__}: {error}"


def _text(text: bytes | str) -> str:
    plain = text.decode(errors="replace") if isinstance(text, bytes) else text
    return " ".join(plain.split())[:200]
