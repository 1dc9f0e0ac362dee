"""Connections to MySQL or MariaDB: a short one per statement or transaction, with timeouts."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

import MySQLdb
from flask import Flask
from flask_mysqldb import MySQL
from MySQLdb.constants import CR, ER

from auth.settings import MySQLSettings
from common.errors import TransientError

# The connection was lost: shut down, killed (MariaDB 1927), idle for too long (MySQL 4031), or closed by a proxy. A
# read is retried on a new one. Refused connections are not retried, as the next one would be refused too.
_LOST = {CR.SERVER_GONE_ERROR, CR.SERVER_LOST, CR.SERVER_LOST_EXTENDED, ER.SERVER_SHUTDOWN, 1927, 4031}

Row = Sequence[Any]


class Database:
    """Runs statements inside an application context; every method raises TransientError if the database fails.

    A login opens a connection (about 1 ms), reads one row and closes it before it spends 25 ms on the hash: connections
    are never idle, so `wait_timeout` does not matter, and many replicas need few connections.
    """

    def __init__(self, app: Flask, settings: MySQLSettings) -> None:
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

    def first(self, statement: str, *values: object) -> Row | None:
        """The first row that a statement returns."""
        return next(iter(self.rows(statement, *values)), None)

    def rows(self, statement: str, *values: object) -> Sequence[Row]:
        """What a statement returns that changes nothing; retried once if the connection is lost."""
        with _failures():
            try:
                return self._read(statement, values)
            except MySQLdb.Error as error:
                if not error.args or error.args[0] not in _LOST:
                    raise
            return self._read(statement, values)

    def change(self, statement: str, *values: object) -> int:
        """Returns the number of changed rows."""
        with self.cursor() as cursor:
            return int(cursor.execute(statement, values))

    @contextmanager
    def cursor(self) -> Iterator[Any]:
        """Of a connection for several statements, which begin with START TRANSACTION and end with COMMIT."""
        # Closing the connection ends a transaction that was not committed.
        with _failures(), self._connected() as cursor:
            yield cursor

    def _read(self, statement: str, values: Sequence[object]) -> Sequence[Row]:
        with self._connected() as cursor:
            cursor.execute(statement, values)
            rows: Sequence[Row] = cursor.fetchall()
            return rows

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        with closing(self._mysql.connect) as connection, closing(connection.cursor()) as cursor:
            yield cursor


@contextmanager
def _failures() -> Iterator[None]:
    """Turns failures of the database into TransientError."""
    try:
        yield
    except MySQLdb.Error as error:
        hint = " (run python -m auth.migrations)" if error.args[:1] in {(ER.NO_SUCH_TABLE,), (ER.BAD_DB_ERROR,)} else ""
        text = " ".join(map(str, error.args)) or type(error).__name__
        raise TransientError(f"MySQL: {text}{hint}") from error
