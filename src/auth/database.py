"""MySQL or MariaDB: one short connection per statement, with timeouts, and failures as TransientError."""

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import MySQLdb
from flask import Flask
from flask_mysqldb import MySQL
from MySQLdb.constants import CR, ER

from auth.settings import AuthSettings
from common.errors import TransientError

Row = tuple[Any, ...]

# The connection was lost: shut down, killed (MariaDB 1927), idle for too long (MySQL 4031), or closed by a proxy. A
# read is retried on a new one. Refused connections are not retried, as the next one would be refused too.
_LOST = {CR.SERVER_GONE_ERROR, CR.SERVER_LOST, CR.SERVER_LOST_EXTENDED, ER.SERVER_SHUTDOWN, 1927, 4031}


class Database:
    """Runs statements inside an application context.

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
            },
        )
        self._mysql = MySQL(app)

    def read(self, statement: str, values: Sequence[object] = ()) -> Row | None:
        """Returns the first row; retried once if the connection is lost. Raises TransientError."""
        try:
            return self._run(statement, values)
        except MySQLdb.Error as error:
            if not error.args or error.args[0] not in _LOST:
                raise _unavailable(error) from error
        try:
            return self._run(statement, values)
        except MySQLdb.Error as error:
            raise _unavailable(error) from error

    def write(self, statement: str, values: Sequence[object]) -> None:
        """Raises MySQLdb.IntegrityError if a unique value is taken, TransientError for any other failure."""
        try:
            self._run(statement, values)
        except MySQLdb.IntegrityError:
            raise
        except MySQLdb.Error as error:
            raise _unavailable(error) from error

    def check(self) -> None:
        """Raises TransientError unless the database answers and has its table."""
        self.read("SELECT 1 FROM user LIMIT 1")

    def _run(self, statement: str, values: Sequence[object]) -> Row | None:
        with closing(self._mysql.connect) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(statement, tuple(values))
            row: Row | None = cursor.fetchone()
            return row


def _unavailable(error: Exception) -> TransientError:
    hint = " (was init.sql run?)" if error.args[:1] in {(ER.NO_SUCH_TABLE,), (ER.BAD_DB_ERROR,)} else ""
    return TransientError(f"MySQL: {' '.join(map(str, error.args)) or type(error).__name__}{hint}")
