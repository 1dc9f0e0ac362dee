"""The settings that services share: one class per dependency, combined into one class per service."""

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeVar
from urllib.parse import quote

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from common.runtime import tls
from common.runtime.checkpoints import Point
from common.runtime.secret_files import SecretFiles

Port = Annotated[int, Field(ge=1, le=65535)]


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


# Comma-separated in a variable.
Delays = Annotated[tuple[PositiveFloat, ...], NoDecode, BeforeValidator(_split)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class EnvironmentSettings(BaseSettings):
    """A field's name in capitals is its variable; an empty variable counts as missing.

    Secrets can be in files instead (`common.runtime.secret_files`).

    A rule about two fields is checked by the validator of the later field, not of the model: the model's validators
    only run when all fields are valid, and an operator should see all problems at once.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *_: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (named["init_settings"], named["env_settings"], SecretFiles(settings_cls))


class ServiceSettings(EnvironmentSettings):
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
    # Enables TLS (`common.runtime.tls`). The second file has a client's certificate and its key.
    mongodb_ca_file: Path | None = None
    mongodb_cert_file: Path | None = None
    # s. A database that does not answer must not hold a request for longer than a user waits.
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
    """How to reach RabbitMQ, the names of the queues, and the limits of retries."""

    rabbitmq_uri: SecretStr | None = None
    rabbitmq_host: str | None = None
    rabbitmq_port: Port = 5672
    rabbitmq_user: str = "guest"
    rabbitmq_password: SecretStr | None = Field(None, validate_default=True)
    rabbitmq_vhost: str = "/"
    # Enables TLS (`common.runtime.tls`), usually on port 5671. The second file has a client's certificate and its key.
    rabbitmq_ca_file: Path | None = None
    rabbitmq_cert_file: Path | None = None
    # s. RabbitMQ's default is 60; half of it detects a dead peer within a minute.
    rabbitmq_heartbeat: PositiveInt = 30
    # s. How long a connect, a declaration or a confirm may take.
    rabbitmq_timeout: PositiveFloat = 10.0
    video_queue: str = Field("video", pattern=r"^[\w.-]{1,80}$")
    mp3_queue: str = Field("mp3", pattern=r"^[\w.-]{1,80}$")
    # Services without this setting do not declare the queue.
    summary_queue: str | None = Field(None, pattern=r"^[\w.-]{1,80}$")
    # Requests for emails about accounts. Services without this setting do not declare the queue.
    mail_queue: str | None = Field(None, pattern=r"^[\w.-]{1,80}$")
    # Jobs of one account that are published at the same time. By default an account can have all converters that no
    # other account needs.
    jobs_per_account: PositiveInt | None = None
    # s. The delays before the second, third, … attempt; their number limits the attempts.
    retry_delays: Delays = (2, 10, 60, 300)
    # How many deliveries of a message may end without an acknowledgement, because its consumer crashed, before it is
    # dead-lettered. A last resort, well above the number of crashes that the services count themselves.
    delivery_limit: PositiveInt = 30
    # How many of a queue's messages may be dead-lettered for unexpected errors within dead_letter_window s; then its
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


class RetentionSettings(EnvironmentSettings):
    # Days after its end until a job is deleted with its files. 0 disables the deletion.
    retention_days: NonNegativeInt = 30


class EmailQuotaSettings(EnvironmentSettings):
    # Emails about ended jobs to one account in an hour, with or without the windows of EMAIL_DIGEST_SECONDS; 0 is no
    # limit. Further ones are sent in the next hour. The notification service decides, and the gateway shows it.
    quota_emails_per_hour: NonNegativeInt = 60


class LinkSecrets(EnvironmentSettings):
    """What signs the links in emails."""

    # At least 32 bytes: RFC 7518 section 3.2, for a key for HMAC-SHA256.
    link_secret: SecretStr = Field(min_length=32)
    # During a rotation: links with its signature are accepted too, and none is signed with it.
    link_secret_previous: SecretStr | None = Field(None, min_length=32)


class LinkSettings(RetentionSettings, LinkSecrets):
    """The address and the lifetime of the links in emails."""

    public_url: str = Field("http://video2mp3.com", pattern=r"^https?://[^\s/]+(/[^\s]*)?$")
    # s. The MP3 is kept for RETENTION_DAYS.
    link_lifetime: PositiveInt = 7 * 24 * 3600
    # s. How far the clocks of the services may differ: a link that was just signed may be from the future.
    link_leeway: NonNegativeFloat = 60.0


class LoginServiceSettings(EnvironmentSettings):
    """How to reach the auth service."""

    auth_svc_address: str = Field(pattern=r"^[\w.:\[\]-]+$")
    # s. To connect, and to answer: a login spends 50 ms on its password hash and may wait for others.
    auth_connect_timeout: PositiveFloat = 2.0
    auth_timeout: PositiveFloat = 8.0


class HealthSettings(EnvironmentSettings):
    """The health port, for probes and Prometheus: clients cannot reach it, nor use up its threads."""

    health_host: str = "0.0.0.0"  # noqa: S104  probes come from the node
    health_port: Port = 8081


class ServerSettings(ServiceSettings, HealthSettings):
    """Where an HTTP service listens, and how many requests it serves at once (`common.runtime.gunicorn_conf`)."""

    host: str = "0.0.0.0"  # noqa: S104  a container's only interface
    port: Port = 5000
    # One process: Kubernetes adds replicas, hashing and file transfers release the interpreter's lock, and each process
    # has its own metrics and rate limits.
    web_workers: PositiveInt = 1
    # Each upload, download and event stream holds a thread.
    web_threads: PositiveInt = 64
    # s. For requests in progress at SIGTERM. Less than terminationGracePeriodSeconds: 45 for auth, otherwise 330.
    web_grace: PositiveInt = 25


class WorkerSettings(ServiceSettings, HealthSettings, MongoSettings, RabbitSettings):
    # s. A worker whose loop is blocked for this long fails its liveness probe.
    health_stale_after: PositiveFloat = 60.0
    # s. How long the current message may take after SIGTERM before it is returned to the queue.
    shutdown_grace: NonNegativeFloat = 10.0
    # For tests only: the process stops itself when it first reaches this point.
    stop_at: Point | None = None


Settings = TypeVar("Settings", bound=ServiceSettings)

# The same as gunicorn's for an application that failed to load.
EXIT_CONFIGURATION = 4


def configuration_errors(error: ValidationError) -> list[str]:
    """One line per problem: the variable's name and what is wrong, never its value."""
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        name = "_".join(str(part) for part in problem["loc"][:1]).upper()
        text = "is missing" if problem["type"] == "missing" else problem["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {text}" if name else text)
    return lines


def load_settings(settings: type[Settings]) -> Settings:
    """Returns the settings, or prints every problem by the variable's name and exits with 4."""
    try:
        loaded = settings()
        problems = list(tls.unusable_files(loaded))
        if not problems:
            return loaded
    except ValidationError as error:
        problems = configuration_errors(error)
    except SettingsError as error:
        problems = [str(error)]
    sys.stderr.write("The configuration is invalid. Correct these environment variables and start again:\n")
    for line in problems:
        sys.stderr.write(f"  {line}\n")
    raise SystemExit(EXIT_CONFIGURATION)
