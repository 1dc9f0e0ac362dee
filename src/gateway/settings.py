"""What the gateway and its commands read from the environment."""

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from common.settings import LinkSettings, LoginServiceSettings, MongoSettings, RabbitSettings, ServiceSettings


class StoreSettings(ServiceSettings, MongoSettings, RabbitSettings):
    """What everything that works on the stored jobs reads."""


class GatewaySettings(StoreSettings, LinkSettings, LoginServiceSettings):
    """The HTTP service."""

    # Without it there are no summaries.
    summary_svc_address: str | None = Field(None, pattern=r"^[\w.:\[\]-]+$")
    # s. A short text is summarised while its sender waits: longer than the summary service's AI_SUMMARY_TIMEOUT.
    summary_timeout: PositiveFloat = 90.0
    max_upload_mb: PositiveInt = 2048
    # bytes/s over UPLOAD_PATIENCE seconds. A slower upload is ended, or it would hold a thread for days.
    upload_min_rate: PositiveInt = 4096
    upload_patience: PositiveFloat = 30.0
    login_limit: str = "10/minute"
    login_limit_per_address: str = "60/minute"
    register_limit: str = "30/hour"
    # How many reverse proxies stand before the gateway and set X-Forwarded-For; 0 believes nobody.
    trusted_proxies: NonNegativeInt = 0
    # s between looks at the database while a client follows a job's events.
    events_interval: PositiveFloat = 0.5
    # Each follower holds a thread of the server.
    events_max_followers: PositiveInt = 16


class HousekeepingSettings(StoreSettings):
    """The housekeeping command."""

    # 0 keeps for ever.
    retention_days: NonNegativeInt = 30
    # s. What has no owner yet may belong to an upload that is still going on: 6 hours are 2 GiB at 100 kB/s.
    orphan_grace: NonNegativeFloat = 6 * 3600.0
    # s. A message that was not confirmed after this time is published again.
    publish_grace: NonNegativeFloat = 60.0
    # s. A job that stands still for this long is published again: well beyond the retries' longest delay.
    stalled_after: NonNegativeFloat = 3600.0
