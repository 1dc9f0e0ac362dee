"""What the auth service depends on, for `python -m common.doctor`."""

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import MySQLdb
from MySQLdb.connections import Connection

from auth.settings import AuthSettings
from common.doctor import network
from common.doctor.checks import Check
from common.runtime import tls
from common.runtime.settings import load_settings

# Each needs its right, and none is executed.
_STATEMENTS = {
    "SELECT": "EXPLAIN SELECT email FROM user",
    "INSERT": "EXPLAIN INSERT INTO user (email, password) VALUES ('', '')",
    "UPDATE": "EXPLAIN UPDATE user SET email = email",
}


def checks() -> tuple[AuthSettings, Iterator[Check]]:
    settings = load_settings(AuthSettings)
    return settings, _checks(settings)


def _checks(settings: AuthSettings) -> Iterator[Check]:
    yield from network.reach("mysql", settings.mysql_host, settings.mysql_port)
    yield Check("mysql", "login", lambda timeout: _login(settings, timeout))
    yield Check("mysql", "rights", lambda timeout: _rights(settings, timeout))
    if settings.oidc_issuer is not None:
        host, port = network.address(settings.oidc_issuer, 443)
        secure = urlsplit(settings.oidc_issuer).scheme == "https"
        yield from network.reach("provider", host, port, tls.context(None) if secure else None)


def _connect(settings: AuthSettings, timeout: float) -> Connection:
    seconds = max(1, int(timeout))
    return MySQLdb.connect(
        host=settings.mysql_host,
        port=settings.mysql_port,
        user=settings.mysql_user,
        password=settings.mysql_password.get_secret_value(),
        database=settings.mysql_db,
        charset="utf8mb4",
        connect_timeout=seconds,
        read_timeout=seconds,
        write_timeout=seconds,
        **settings.tls_options,
    )


def _login(settings: AuthSettings, timeout: float) -> str:
    with closing(_connect(settings, timeout)) as connection, closing(connection.cursor()) as cursor:
        cursor.execute("SELECT CURRENT_USER(), VERSION()")
        user, version = cursor.fetchone()
        cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
        _, protocol = cursor.fetchone()
    return f"user {user}, version {version}, {protocol or 'without TLS'}"


def _rights(settings: AuthSettings, timeout: float) -> str:
    lacking = []
    with closing(_connect(settings, timeout)) as connection, closing(connection.cursor()) as cursor:
        for right, statement in _STATEMENTS.items():
            try:
                cursor.execute(statement)
                cursor.fetchall()
            except MySQLdb.Error as error:
                lacking.append(f"{right}: {error.args[-1]}")
    if lacking:
        raise PermissionError("; ".join(lacking))
    return f"{', '.join(_STATEMENTS)} on the table user"
