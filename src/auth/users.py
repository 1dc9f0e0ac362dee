"""The table `user` in MySQL or MariaDB: one short connection per statement, with timeouts."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import MySQLdb
from flask import Flask
from flask_mysqldb import MySQL
from MySQLdb.constants import CR, ER

from auth.settings import AuthSettings
from common.errors import Conflict, TransientError

TAKEN = "This email address is already registered. Sign in, or use another address."

# The connection was lost: shut down, killed (MariaDB 1927), idle for too long (MySQL 4031), or closed by a proxy. A
# read is retried on a new one. Refused connections are not retried, as the next one would be refused too.
_LOST = {CR.SERVER_GONE_ERROR, CR.SERVER_LOST, CR.SERVER_LOST_EXTENDED, ER.SERVER_SHUTDOWN, 1927, 4031}


# Before the account's id, in place of the address of a deleted account. Nobody can register such an address.
DELETED = "deleted:"
_COLUMNS = "account_id, email, password, token_version, verified, disabled, UNIX_TIMESTAMP(created_at)"


@dataclass(frozen=True)
class User:
    """One row; `password` is a hash, plain text that an operator inserted, or empty: then no password is right."""

    account: str
    """The id, which is never used again."""
    email: str
    password: str = field(repr=False)
    token_version: int = 0
    """Tokens with another version are not valid any more."""
    verified: bool = True
    disabled: bool = False
    """By an operator."""
    since: int | None = None
    """Seconds since 1970; None if a release without ids created the account."""

    @property
    def deleted(self) -> bool:
        return self.email == f"{DELETED}{self.account}"


class Users:
    """Runs statements inside an application context; every method raises TransientError if the database fails.

    A login opens a connection (about 1 ms), reads one row and closes it before it spends 25 ms on the hash: connections
    are never idle, so `wait_timeout` does not matter, and many replicas need few connections.
    """

    def __init__(self, app: Flask, settings: AuthSettings) -> None:
        app.config.update(
            MYSQL_HOST=settings.mysql_host,
            MYSQL_PORT=settings.mysql_port,
            MYSQL_USER=settings.mysql_user,
            MYSQL_PASSWORD=settings.mysql_password.get_secret_value(),
            MYSQL_DB=settings.mysql_db,
            MYSQL_CHARSET="utf8mb4",
            MYSQL_AUTOCOMMIT=True,
            MYSQL_CONNECT_TIMEOUT=settings.mysql_timeout,
            MYSQL_CUSTOM_OPTIONS={
                "read_timeout": settings.mysql_timeout,
                "write_timeout": settings.mysql_timeout,
                "multi_statements": False,
                **settings.tls_options,
            },
        )
        self._mysql = MySQL(app)

    def find(self, email: str) -> User | None:
        """The user with this address, which must be canonical."""
        user = self._find("email", email)
        if user is None:
            return None
        # The collation also ignores accents and trailing spaces, but account names must be exact.
        return user if user.email.lower() == email else None

    def find_account(self, account: str) -> User | None:
        """The user with this id."""
        return self._find("account_id", account)

    def add(self, email: str, password: str, *, verified: bool) -> None:
        """Adds a user with a hashed password; raises Conflict if the address is taken, even concurrently."""
        with failures():
            try:
                statement = "INSERT INTO user (email, password, verified) VALUES (%s, %s, %s)"
                self._run(statement, email, password, verified)
            except MySQLdb.IntegrityError:
                raise Conflict(TAKEN, code="account_exists") from None

    def replace_password(self, user: User, password: str) -> None:
        """Stores another hash, unless the row was changed since `user` was read."""
        statement = "UPDATE user SET password = %s WHERE account_id = %s AND password = %s"
        with failures():
            self._run(statement, password, user.account, user.password)

    def change_password(self, seen: User, password: str, *, verified: bool = True) -> bool:
        """Stores a new hash and ends all tokens; False if either has been changed since the user was read.

        An address that was `verified` stays so.
        """
        return self._change(
            "password = %s, token_version = token_version + 1, verified = (verified OR %s)", seen, password, verified
        )

    def end_tokens(self, seen: User) -> bool:
        """False if they have been ended since the user was read."""
        return self._change("token_version = token_version + 1", seen)

    def verify(self, seen: User) -> bool:
        """Marks the address as verified; False if the user has changed."""
        return self._change("verified = TRUE", seen)

    def delete(self, seen: User) -> bool:
        """Deletes the address and the password; False if the user has changed.

        A row without data is left, because the service's account may not delete rows in existing installations.
        """
        change = f"email = CONCAT('{DELETED}', account_id), password = '', disabled = TRUE"
        return self._change(f"{change}, token_version = token_version + 1", seen)

    def page(self, prefix: str, after: str, limit: int) -> list[User]:
        """At most `limit` accounts whose address begins so and comes after this one, in the order of addresses.

        What it costs does not depend on the number of accounts. Without the hint, the server may read and sort all.
        """
        pattern = re.sub(r"([|%_])", r"|\1", prefix) + "%"
        # The rows of deleted accounts are a range of the index, which two ranges leave out: ";" follows ":".
        outside = "(email < %s OR email >= %s)"
        where = f"email LIKE %s ESCAPE '|' AND email > %s AND {outside}"
        statement = f"SELECT {_COLUMNS} FROM user FORCE INDEX (email) WHERE {where} ORDER BY email LIMIT %s"  # noqa: S608
        values = (pattern, after, DELETED, DELETED.replace(":", ";"), limit)
        return [_user(row) for row in self._read_all(statement, *values)]

    def set_disabled(self, seen: User, administrator: User, *, disabled: bool) -> bool:
        """Also ends its tokens; False if the account or the administrator's has changed since they were read.

        Of two administrators who disable each other at the same time, one succeeds: the statement locks both rows.
        """
        statement = """
            UPDATE user JOIN user AS administrator ON administrator.account_id = %s
                AND NOT administrator.disabled AND administrator.token_version = %s
            SET user.disabled = %s, user.token_version = user.token_version + 1
            WHERE user.account_id = %s AND user.token_version = %s AND user.email = %s AND user.disabled <> %s
        """
        caller = (administrator.account, administrator.token_version)
        values = (*caller, disabled, seen.account, seen.token_version, seen.email, disabled)
        return self._execute(statement, *values) == 1

    def check(self) -> None:
        """Raises TransientError unless the database answers and has its table."""
        self._read("SELECT 1 FROM user LIMIT 1")

    def _change(self, change: str, seen: User, *values: object) -> bool:
        statement = f"UPDATE user SET {change} WHERE account_id = %s AND token_version = %s AND email = %s"  # noqa: S608
        return self._execute(statement, *values, seen.account, seen.token_version, seen.email) == 1

    def _find(self, column: str, value: str) -> User | None:
        row = self._read(f"SELECT {_COLUMNS} FROM user WHERE {column} = %s", value)  # noqa: S608  constants
        return None if row is None else _user(row)

    def _execute(self, statement: str, *values: object) -> int:
        """Returns the number of changed rows."""
        with failures(), closing(self._mysql.connect) as connection, closing(connection.cursor()) as cursor:
            changed: int = cursor.execute(statement, values)
        return changed

    def _read(self, statement: str, *values: object) -> Sequence[Any] | None:
        """Returns the first row."""
        return next(iter(self._read_all(statement, *values)), None)

    def _read_all(self, statement: str, *values: object) -> Sequence[Sequence[Any]]:
        """Returns the rows; retried once if the connection is lost."""
        with failures():
            try:
                return self._run(statement, *values)
            except MySQLdb.Error as error:
                if not error.args or error.args[0] not in _LOST:
                    raise
            return self._run(statement, *values)

    def _run(self, statement: str, *values: object) -> Sequence[Sequence[Any]]:
        with closing(self._mysql.connect) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(statement, values)
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
            return rows


def _user(row: Sequence[Any]) -> User:
    account, email, password, token_version, verified, disabled, since = row
    return User(account, email, password, token_version, bool(verified), bool(disabled), since)


@contextmanager
def failures() -> Iterator[None]:
    """Turns failures of the database into TransientError."""
    try:
        yield
    except MySQLdb.Error as error:
        hint = " (run python -m auth.migrations)" if error.args[:1] in {(ER.NO_SUCH_TABLE,), (ER.BAD_DB_ERROR,)} else ""
        text = " ".join(map(str, error.args)) or type(error).__name__
        raise TransientError(f"MySQL: {text}{hint}") from error
