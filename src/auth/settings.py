"""The settings of the auth service."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveFloat, PositiveInt, SecretStr

from auth.addresses import canonical
from auth.sso.settings import OidcSettings
from common.runtime.settings import LinkSecrets, Names, Port, ServiceSettings

# RFC 7518 section 3.2: a key for HMAC-SHA256 is at least as long as its output.
_MIN_SECRET_BYTES = 32


def _long_enough(secret: SecretStr | None) -> SecretStr | None:
    if secret is not None and len(secret.get_secret_value().encode()) < _MIN_SECRET_BYTES:
        raise ValueError(
            f"must have at least {_MIN_SECRET_BYTES} bytes, or tokens can be forged. Make one: openssl rand -hex 32"
        )
    return secret


def _canonical(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(canonical(name) for name in names)


class MySQLSettings(ServiceSettings):
    """How to reach MySQL or MariaDB."""

    mysql_host: str
    mysql_port: Port = 3306
    mysql_user: str
    mysql_password: SecretStr
    mysql_db: str = "auth"
    # Enables TLS (`common.runtime.tls`). The second file has a client's certificate and its key.
    mysql_ca_file: Path | None = None
    mysql_cert_file: Path | None = None
    # s. To connect, and for each answer. Two attempts must end within the gateway's AUTH_TIMEOUT.
    mysql_timeout: Annotated[PositiveInt, Field(le=60)] = 2

    @property
    def tls_options(self) -> dict[str, object]:
        """Arguments of MySQLdb.connect."""
        if self.mysql_ca_file is None:
            return {}
        files = {"ca": self.mysql_ca_file, "cert": self.mysql_cert_file, "key": self.mysql_cert_file}
        return {"ssl_mode": "VERIFY_IDENTITY", "ssl": {name: str(path) for name, path in files.items() if path}}


class MigrationSettings(MySQLSettings):
    """`python -m auth.migrations`."""

    # An account that may change the schema: the service's own account, which is used without a password here, may only
    # work with the rows.
    mysql_migrations_user: str = "migrations"
    mysql_migrations_password: SecretStr | None = None
    # s. For each statement, and for a migration that another process runs.
    migration_timeout: Annotated[PositiveInt, Field(le=86400)] = 600

    @property
    def user(self) -> str:
        return self.mysql_migrations_user if self.mysql_migrations_password else self.mysql_user

    @property
    def password(self) -> str:
        return (self.mysql_migrations_password or self.mysql_password).get_secret_value()


class AuthSettings(MySQLSettings, LinkSecrets, OidcSettings):
    """The auth service; HOST, PORT and the number of threads are in `common.runtime.settings.ServerSettings`."""

    jwt_secret: Annotated[SecretStr, AfterValidator(_long_enough)]
    # During a rotation: tokens with its signature are accepted too, and none is signed with it.
    jwt_secret_previous: Annotated[SecretStr | None, AfterValidator(_long_enough)] = None
    # s.
    token_lifetime: PositiveInt = 24 * 3600
    # Addresses whose tokens carry `admin: true`. They cannot be registered: an operator inserts their rows.
    admin_emails: Annotated[Names, AfterValidator(_canonical)] = ()

    # Whether a registered address must be confirmed by the link in an email. Rows of an operator count as confirmed.
    require_verification: bool = True

    # Limit of API keys that are not revoked.
    api_keys_per_account: PositiveInt = 20

    # Passwords hashed at the same time; each needs 19 MiB and one processor.
    hash_concurrency: PositiveInt = 2
    # s. How long a login waits for its hash; the gateway's timeout is AUTH_TIMEOUT (8 s).
    hash_wait: PositiveFloat = 5.0
    # Limit of logins and registrations in progress; more are refused. Well below WEB_THREADS (64): many logins, or a
    # database that hangs, leave threads for /validate, which needs no database.
    logins_at_once: PositiveInt = 48
