"""The typed settings that services share: one class a dependency, mixed into one class a service."""

from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from common.runtime.checkpoints import Point

Port = Annotated[int, Field(ge=1, le=65535)]


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


# In a variable: values with commas between them.
Delays = Annotated[tuple[PositiveFloat, ...], NoDecode, BeforeValidator(_split)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class EnvironmentSettings(BaseSettings):
    """A field's name in capitals is its variable; an empty variable counts as none.

    What depends on two fields is checked by the validator of the later one, not of the whole: the whole is validated
    only when each field is right, and an operator shall see every problem at once.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)


class ServiceSettings(EnvironmentSettings):
    """What each service reads."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["text", "json"] = "text"


class MongoSettings(EnvironmentSettings):
    """How to reach MongoDB: `MONGO_URI`, or host and port with or without a user."""

    mongo_uri: SecretStr | None = None
    mongodb_host: str | None = Field(None, validate_default=True)
    mongodb_port: Port = 27017
    mongodb_user: str | None = None
    mongodb_password: SecretStr | None = None
    mongodb_auth_source: str = "admin"
    # One database server that stops answering must not hold a request for longer than a person waits.
    mongodb_timeout: PositiveFloat = 10.0

    @field_validator("mongodb_host")
    @classmethod
    def _one_address(cls, host: str | None, info: ValidationInfo) -> str | None:
        if host is None and info.data.get("mongo_uri") is None:
            raise ValueError("MONGO_URI or MONGODB_HOST must be set")
        return host

    @property
    def mongo_url(self) -> str:
        """The connection string, which holds the password: never log it."""
        if self.mongo_uri is not None:
            return self.mongo_uri.get_secret_value()
        user = ""
        if self.mongodb_user and self.mongodb_password:
            secret = quote(self.mongodb_password.get_secret_value(), safe="")
            user = f"{quote(self.mongodb_user, safe='')}:{secret}@"
        source = f"?authSource={self.mongodb_auth_source}" if user else ""
        return f"mongodb://{user}{self.mongodb_host}:{self.mongodb_port}/{source}"


class RabbitSettings(EnvironmentSettings):
    """How to reach RabbitMQ, the names of the queues, and how often delivery is tried."""

    rabbitmq_uri: SecretStr | None = None
    rabbitmq_host: str | None = None
    rabbitmq_port: Port = 5672
    rabbitmq_user: str = "guest"
    rabbitmq_password: SecretStr | None = Field(None, validate_default=True)
    rabbitmq_vhost: str = "/"
    # s. RabbitMQ's own default is 60; half of it finds a dead peer within a minute.
    rabbitmq_heartbeat: PositiveInt = 30
    # s. How long a connect, a declaration or a confirm may take.
    rabbitmq_timeout: PositiveFloat = 10.0
    video_queue: str = Field("video", pattern=r"^[\w.-]{1,80}$")
    mp3_queue: str = Field("mp3", pattern=r"^[\w.-]{1,80}$")
    # Only for those who use it: the others do not declare it.
    summary_queue: str | None = Field(None, pattern=r"^[\w.-]{1,80}$")
    # s. The waits before the second, third, … attempt; their number limits the attempts.
    retry_delays: Delays = (2, 10, 60, 300)
    # How many deliveries of a message may end without an answer, as its consumer vanished, before it is a dead letter.
    # Well above the crashes that the services count themselves; this is the last resort.
    delivery_limit: PositiveInt = 30
    # How many of a queue's messages may become dead letters for unexpected errors within dead_letter_window s; then its
    # consumers pause, and try one message every dead_letter_probe s.
    dead_letter_limit: PositiveInt = 20
    dead_letter_window: PositiveFloat = 3600.0
    dead_letter_probe: PositiveFloat = 60.0

    @field_validator("rabbitmq_password")
    @classmethod
    def _one_broker(cls, password: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if info.data.get("rabbitmq_uri") is None and (info.data.get("rabbitmq_host") is None or password is None):
            raise ValueError("RABBITMQ_URI, or RABBITMQ_HOST and RABBITMQ_PASSWORD, must be set")
        return password

    @property
    def rabbitmq_url(self) -> str:
        """The connection string, which holds the password: never log it."""
        if self.rabbitmq_uri is not None:
            return self.rabbitmq_uri.get_secret_value()
        secret = self.rabbitmq_password.get_secret_value() if self.rabbitmq_password else ""
        user = f"{quote(self.rabbitmq_user, safe='')}:{quote(secret, safe='')}"
        return f"amqp://{user}@{self.rabbitmq_host}:{self.rabbitmq_port}/{quote(self.rabbitmq_vhost, safe='')}"


class LinkSettings(EnvironmentSettings):
    """How the download links of the emails are signed and where they lead."""

    # At least 32 bytes, as RFC 7518 section 3.2 asks of a key for HMAC-SHA256.
    link_secret: SecretStr = Field(min_length=32)
    public_url: str = Field("http://video2mp3.com", pattern=r"^https?://[^\s/]+(/[^\s]*)?$")
    # s. A link in an email is used within days; the job itself stays for RETENTION_DAYS.
    link_lifetime: PositiveInt = 7 * 24 * 3600
    # s. How far the clocks of the services may differ: a link that another one signed just now may be from the future.
    link_leeway: NonNegativeFloat = 60.0


class LoginServiceSettings(EnvironmentSettings):
    """How to reach the auth service, which knows whose a token is."""

    auth_svc_address: str = Field(pattern=r"^[\w.:\[\]-]+$")
    # s. To connect, and to answer: a login spends 50 ms on its password hash and may wait its turn.
    auth_connect_timeout: PositiveFloat = 2.0
    auth_timeout: PositiveFloat = 8.0


class HealthSettings(EnvironmentSettings):
    """Where probes and Prometheus ask: apart from what clients reach, who may use up what serves them."""

    health_host: str = "0.0.0.0"  # noqa: S104  probes come from the node
    health_port: Port = 8081


class ServerSettings(ServiceSettings, HealthSettings):
    """Where an HTTP service listens, and how many requests it serves at once (`common.runtime.gunicorn_conf`)."""

    host: str = "0.0.0.0"  # noqa: S104  a container's only interface
    port: Port = 5000
    # One process: replicas are Kubernetes' business, hashing and file transfers release the interpreter's lock, and
    # each process counts its own metrics and rate limits.
    web_workers: PositiveInt = 1
    # Uploads, downloads and followed jobs each hold a thread while they last.
    web_threads: PositiveInt = 64
    # s. For what is in progress at SIGTERM; Kubernetes kills after 30.
    web_grace: PositiveInt = 25


class WorkerSettings(ServiceSettings, HealthSettings, MongoSettings, RabbitSettings):
    """What both workers read."""

    # s. A worker whose loop did not turn for this long is reported dead to the liveness probe.
    health_stale_after: PositiveFloat = 60.0
    # s. How long the job at hand may go on after SIGTERM before it is handed back to the queue.
    shutdown_grace: NonNegativeFloat = 10.0
    # For tests only: the process stops itself when it first gets to this point.
    stop_at: Point | None = None
