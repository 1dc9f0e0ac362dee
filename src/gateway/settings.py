"""What the gateway and its commands read from the environment."""

import re

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationInfo,
    field_validator,
)

from common.runtime.settings import (
    LinkSettings,
    LoginServiceSettings,
    MongoSettings,
    Names,
    RabbitSettings,
    ServiceSettings,
)

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?")


class StoreSettings(ServiceSettings, MongoSettings, RabbitSettings):
    """What everything that works on the stored jobs reads."""

    # s. An unfinished upload may go on for so long after its last part; then its bytes are deleted.
    upload_lifetime: PositiveFloat = 24 * 3600.0


class GatewaySettings(StoreSettings, LinkSettings, LoginServiceSettings):
    """The HTTP service."""

    # Without it there are no summaries.
    summary_svc_address: str | None = Field(None, pattern=r"^[\w.:\[\]-]+$")
    # s. A short text is summarised while its sender waits: longer than the summary service's AI_SUMMARY_TIMEOUT.
    summary_timeout: PositiveFloat = 90.0
    max_upload_mb: PositiveInt = 2048
    login_limit: str = "10/minute"
    login_limit_per_address: str = "60/minute"
    register_limit: str = "30/hour"
    # Of one account: each new summary is paid for.
    summary_limit: str = "30/hour"
    # How many reverse proxies stand before our nginx and set X-Forwarded-For; with 0, nginx's own clients count.
    trusted_proxies: NonNegativeInt = 0
    # s. nginx ends a connection whose client is silent, or does not take its answer, for this long.
    client_timeout: PositiveInt = 30
    # bytes/s, averaged over CLIENT_TIMEOUT, below which an upload is ended.
    upload_min_rate: PositiveInt = 4096
    # Web pages on other origins that may use the API: https://app.example.com,http://localhost:5173
    cors_origins: Names = ()
    # s between looks at the database while clients follow their jobs: one look for all of them.
    events_interval: PositiveFloat = 0.5
    # As gunicorn has them: each open request holds one.
    web_threads: PositiveInt = 64
    # Clients that follow their jobs at the same time; by default four in five threads.
    events_max_followers: PositiveInt | None = None
    # Uploads and downloads that one account may have at the same time, for each replica; by default a quarter of the
    # threads. All accounts together can hold seven in eight threads with transfers and streams.
    transfers_per_account: PositiveInt | None = None
    # Streams by which one account may follow its jobs at the same time, for each replica: a page has one.
    streams_per_account: PositiveInt = 8
    # s. Followers come back by themselves; nobody holds a thread for ever.
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
            raise ValueError(f"must be less than WEB_THREADS ({threads}), or nobody can upload")
        return most

    @property
    def followers(self) -> int:
        """How many clients may follow their jobs."""
        return self.events_max_followers or max(1, self.web_threads * 4 // 5)

    @property
    def transfers(self) -> int:
        """How many uploads and downloads an account may have in progress."""
        return self.transfers_per_account or max(1, self.web_threads // 4)

    @property
    def long_requests(self) -> int:
        """How many transfers and streams may be in progress; the other threads are for short requests."""
        return max(1, self.web_threads - -(-self.web_threads // 8))


class HousekeepingSettings(StoreSettings):
    """The housekeeping command."""

    # 0 keeps for ever.
    retention_days: NonNegativeInt = 30
    # s. What nothing needs may belong to an upload that is still going on (6 hours are 2 GiB at 100 kB/s): it is
    # suspected when it is so old, and deleted when it has been suspected for so long. The tombstone of a deleted job,
    # which is kept for 7 days, must still be there then.
    orphan_grace: float = Field(6 * 3600.0, ge=0, le=3 * 24 * 3600.0)
    # A pass that would delete more orphaned files than this share of the number of jobs deletes none: a collection may
    # have been lost. ORPHAN_MINIMUM of them are deleted whatever the share.
    orphan_share: float = Field(0.01, ge=0, le=1)
    orphan_minimum: NonNegativeInt = 20
    # s. A message that was not confirmed after this time is published again.
    publish_grace: NonNegativeFloat = 60.0
    # s. A job that stands still for this long is published again: well beyond the retries' longest delay.
    stalled_after: NonNegativeFloat = 3600.0
