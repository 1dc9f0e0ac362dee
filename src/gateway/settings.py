"""Settings of the gateway and its commands."""

import re
from dataclasses import replace

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)

from common.domain.quotas import Quotas
from common.runtime.settings import (
    EmailQuotaSettings,
    EnvironmentSettings,
    LinkSettings,
    LoginServiceSettings,
    MongoSettings,
    Names,
    RabbitSettings,
    RetentionSettings,
    ServiceSettings,
)
from common.runtime.single_sign_on import SingleSignOnSettings, host

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?")


class StoreSettings(ServiceSettings, MongoSettings, RabbitSettings):
    """Settings of all processes that access the stored jobs."""

    # s. An unfinished upload may be continued for this long after its last part; then it is deleted.
    upload_lifetime: PositiveFloat = 24 * 3600.0
    mail_queue: str | None = Field("mail", pattern=r"^[\w.-]{1,80}$")


class MigrationSettings(ServiceSettings, MongoSettings):
    """`python -m gateway.migrations`."""

    # s. For the creation of all indexes, and for migrations that another process applies.
    migration_timeout: PositiveFloat = 600.0


class QuotaSettings(EmailQuotaSettings):
    """Quotas of each account; 0 is no limit. An account can have its own ones: docs/security.md."""

    # MB of videos, MP3s and unfinished uploads.
    quota_stored_mb: NonNegativeInt = 100 * 1024
    quota_unfinished_uploads: NonNegativeInt = 100
    # Per day of UTC.
    quota_uploaded_mb: NonNegativeInt = 100 * 1024
    quota_conversions: NonNegativeInt = 2000
    quota_minutes: NonNegativeInt = 20_000

    @property
    def quotas(self) -> Quotas:
        return Quotas(
            stored=self.quota_stored_mb * 1024**2 or None,
            unfinished=self.quota_unfinished_uploads or None,
            uploaded=self.quota_uploaded_mb * 1024**2 or None,
            conversions=self.quota_conversions or None,
            seconds=self.quota_minutes * 60 or None,
            emails=self.quota_emails_per_hour or None,
        )


class VideoSettings(EnvironmentSettings):
    # Days after the MP3 is stored until the video is deleted, and cannot be converted again. 0: the next pass of
    # housekeeping deletes it. The video of a failed job is kept as long as the job.
    keep_videos_days: NonNegativeInt = 7


class GatewaySettings(
    StoreSettings, VideoSettings, QuotaSettings, LinkSettings, LoginServiceSettings, SingleSignOnSettings
):
    # What the page calls the provider: "Sign in with …". By default the host name of OIDC_ISSUER.
    oidc_name: str | None = Field(None, max_length=60)
    # None disables summaries.
    summary_svc_address: str | None = Field(None, pattern=r"^[\w.:\[\]-]+$")
    # s. Must exceed the summary service's AI_SUMMARY_TIMEOUT, as a short text is summarised within its request.
    summary_timeout: PositiveFloat = 90.0
    max_upload_mb: PositiveInt = 2048
    # To one account from one client: an IPv4 address, or the /64 of an IPv6 address.
    login_limit: str = "10/minute"
    login_limit_per_address: str = "60/minute"
    # To one account from all clients together. Whoever exceeds it keeps the owner from signing in for up to an hour.
    login_limit_per_account: str = "100/hour"
    register_limit: str = "30/hour"
    # Emails about an account (confirmation, forgotten password), per address.
    account_mail_limit: str = "3/hour"
    # Per account, as each new summary costs money.
    summary_limit: str = "30/hour"
    # Number of reverse proxies in front of our nginx that set X-Forwarded-For.
    trusted_proxies: NonNegativeInt = 0
    # s. nginx closes a connection whose client neither sends nor receives anything for this long.
    client_timeout: PositiveInt = 30
    # bytes/s, averaged over CLIENT_TIMEOUT. Slower uploads are ended.
    upload_min_rate: PositiveInt = 4096
    # Origins of other web pages that may use the API: https://app.example.com,http://localhost:5173
    cors_origins: Names = ()
    # s between two polls while clients follow their jobs, if MongoDB is a standalone server, which has no change
    # streams; and until a change stream that failed is resumed.
    events_interval: PositiveFloat = 0.5
    # The number of gunicorn's threads: each open request holds one.
    web_threads: PositiveInt = 64
    # Maximum number of event streams per replica; by default four fifths of the threads.
    events_max_followers: PositiveInt | None = None
    # Concurrent uploads and downloads of one account per replica; by default a quarter of the threads. The transfers
    # and streams of all accounts hold at most seven eighths of the threads.
    transfers_per_account: PositiveInt | None = None
    # Concurrent event streams of one account per replica: a page has one.
    streams_per_account: PositiveInt = 8
    # s. The maximum length of an event stream; clients reconnect by themselves.
    events_longest: PositiveFloat = 3600.0

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin):
                raise ValueError("must be origins such as https://app.example.com, with commas between them")
        return origins

    @field_validator("events_max_followers")
    @classmethod
    def _leaves_threads(cls, most: int | None, info: ValidationInfo) -> int | None:
        threads = info.data.get("web_threads", 0)
        if most is not None and most >= threads:
            raise ValueError(f"must be less than WEB_THREADS ({threads}), or no thread is left for uploads")
        return most

    @property
    def quotas(self) -> Quotas:
        return replace(super().quotas, jobs=self.jobs_per_account)

    @property
    def single_sign_on(self) -> str | None:
        """The name of the provider, None without single sign-on."""
        return (self.oidc_name or host(self.oidc_issuer)) if self.oidc_issuer else None

    @property
    def followers(self) -> int:
        """Maximum number of event streams."""
        return self.events_max_followers or max(1, self.web_threads * 4 // 5)

    @property
    def transfers(self) -> int:
        """Maximum number of uploads and downloads of one account."""
        return self.transfers_per_account or max(1, self.web_threads // 4)

    @property
    def long_requests(self) -> int:
        """Maximum number of transfers and streams; the other threads are reserved for short requests."""
        return max(1, self.web_threads - -(-self.web_threads // 8))


class HousekeepingSettings(StoreSettings, RetentionSettings, VideoSettings, LoginServiceSettings):
    # s. The age at which a file or chunk without a job is suspected, and the time for which it must have been suspected
    # before it is deleted: it may belong to an upload in progress (6 hours are 2 GiB at 100 kB/s). Twice this time must
    # be less than the 7 days for which the tombstone of a deleted job is kept.
    orphan_grace: float = Field(6 * 3600.0, ge=0, le=3 * 24 * 3600.0)
    # A pass that would delete more orphaned files than this share of the number of jobs deletes none, because a
    # collection may have been lost. Up to ORPHAN_MINIMUM files are deleted regardless of the share.
    orphan_share: float = Field(0.01, ge=0, le=1)
    orphan_minimum: NonNegativeInt = 20
    # s. A message that is not confirmed after this time is published again.
    publish_grace: NonNegativeFloat = 60.0
    # s. A job that has not changed for this long is published again: well above the longest delay of a retry.
    stalled_after: NonNegativeFloat = 3600.0
