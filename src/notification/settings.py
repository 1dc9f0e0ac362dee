"""The settings of the notification service."""

from pathlib import Path
from typing import Literal

from pydantic import (
    AliasChoices,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from common.messaging.retries import RetryPolicy
from common.runtime.settings import Delays, EmailQuotaSettings, LinkSettings, Port, WorkerSettings

_GMAIL_HOST = "smtp.gmail.com"


class NotificationSettings(WorkerSettings, LinkSettings, EmailQuotaSettings):
    """The mail server: any by `SMTP_…`, or Gmail by `GMAIL_ADDRESS` and an app password in `GMAIL_PASSWORD`."""

    smtp_host: str = _GMAIL_HOST
    smtp_port: Port = 587
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    # The certificate authority of a private mail server.
    smtp_ca_file: Path | None = None
    # s per step of the SMTP dialogue. RFC 5321 section 4.5.3.2 allows minutes, but a retry follows soon.
    smtp_timeout: PositiveFloat = 20.0
    gmail_address: str | None = None
    gmail_password: SecretStr | None = Field(None, validate_default=True)
    mail_from: str | None = None
    # s. The delays before retries of an email; the last is repeated until they add up to mail_retry_for s. Mail
    # servers retry for four or five days (RFC 5321 section 4.5.4.1).
    mail_retry_delays: Delays = (10, 60, 300, 900, 3600)
    mail_retry_for: NonNegativeFloat = 3 * 24 * 3600.0
    # s. After an email, what else ends for the same account within this time is in one email at its end; 0 sends each
    # email at once. Less than half of STALLED_AFTER, after which housekeeping publishes the notices again.
    email_digest_seconds: float = Field(120.0, ge=0, le=1800)
    mail_queue: str | None = Field("mail", pattern=r"^[\w.-]{1,80}$")
    # s. How long a replica has the exclusive right to send an email. Longer than an SMTP dialogue can take, which has
    # up to 14 steps with TLS and a login, each of at most SMTP_TIMEOUT.
    # TELLING_LEASE is its deprecated name.
    send_lease: PositiveFloat = Field(300.0, validation_alias=AliasChoices("send_lease", "telling_lease"))

    @field_validator("gmail_password")
    @classmethod
    def _an_account_for_gmail(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if info.data.get("smtp_host") == _GMAIL_HOST and not (info.data.get("gmail_address") and password):
            raise ValueError("SMTP_HOST, or GMAIL_ADDRESS and GMAIL_PASSWORD, must be set")
        return password

    @property
    def mail_retries(self) -> RetryPolicy:
        return RetryPolicy(self.mail_retry_delays, self.mail_retry_for)

    @property
    def account(self) -> tuple[str, str] | None:
        """User and password for the mail server, None if it needs none."""
        user, password = self.smtp_user, self.smtp_password
        if user is None or password is None:
            user, password = self.gmail_address, self.gmail_password
        return (user, password.get_secret_value()) if user and password else None

    @property
    def sender(self) -> str:
        """The From address."""
        return self.mail_from or self.gmail_address or "video2mp3@localhost"
