"""Applies migrations: one runner at a time, each statement once, continued after a crash."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import MySQLdb
from MySQLdb.connections import Connection
from MySQLdb.constants import ER

from auth.migrations.files import Migration
from auth.settings import MigrationSettings
from common.errors import PermanentError, TransientError

log = logging.getLogger(__name__)

_CREATE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    version      INT UNSIGNED NOT NULL,
    name         VARCHAR(255) NOT NULL,
    checksum     CHAR(64) NOT NULL,
    statements   INT UNSIGNED NOT NULL,  -- how many of its statements are completed
    completed_at TIMESTAMP NULL,
    PRIMARY KEY (version)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci
"""
# s. How long a statement waits for transactions that use the table: the service's statements queue behind it.
_TABLE_WAIT = 10
# What a data definition statement reports that had succeeded before a crash.
_DONE_BEFORE = {
    ER.TABLE_EXISTS_ERROR,
    ER.BAD_TABLE_ERROR,
    ER.DUP_FIELDNAME,
    ER.DUP_KEYNAME,
    ER.CANT_DROP_FIELD_OR_KEY,
}
_REFUSED = {ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR, ER.SPECIFIC_ACCESS_DENIED_ERROR}


class SchemaChanged(PermanentError):
    """An applied migration differs from the file of this release."""


@dataclass(frozen=True)
class _Record:
    checksum: str
    statements: int
    completed: bool


def run(settings: MigrationSettings, migrations: Sequence[Migration]) -> list[int]:
    """Brings the database to the schema of `migrations`; returns the versions that it applied.

    A newer schema is not changed. If there is nothing to do, the account only needs to read. Raises SchemaChanged if
    the file of an applied migration has changed, PermanentError if the account lacks a privilege, and TransientError if
    the database fails or another runner holds the lock for longer than MIGRATION_TIMEOUT; the next run then continues.
    """
    with _failures(settings), closing(_connect(settings)) as connection:
        if not _pending(connection, migrations):
            return []
        with _locked(connection, settings):
            _execute(connection, _CREATE)
            # Another runner may have applied them before this one got the lock.
            pending = _pending(connection, migrations)
            for migration, completed in pending:
                _apply(connection, migration, completed)
            return [migration.version for migration, _ in pending]


def _pending(connection: Connection, migrations: Sequence[Migration]) -> list[tuple[Migration, int | None]]:
    """The migrations that are not completed, each with the number of its statements that are; None before its start."""
    records = _records(connection)
    newest = migrations[-1].version
    if records and max(records) > newest:
        log.warning(
            "The database has schema version %d and this release has %d: a newer release runs, nothing was changed",
            max(records),
            newest,
        )
        return []
    found = []
    for migration in migrations:
        record = records.get(migration.version)
        if record is not None and record.checksum != migration.checksum:
            raise SchemaChanged(
                f"Migration {migration.version} ({migration.name}) was applied with other content than this release's"
                " file. Restore the file: a change of the schema needs a new migration."
            )
        if record is None or not record.completed:
            found.append((migration, record.statements if record else None))
    if not found:
        log.info("The schema is up to date: version %d", newest)
    return found


def _records(connection: Connection) -> Mapping[int, _Record]:
    try:
        rows = _execute(connection, "SELECT version, checksum, statements, completed_at FROM schema_migrations")
    except MySQLdb.ProgrammingError as error:
        if error.args[0] != ER.NO_SUCH_TABLE:
            raise
        return {}
    return {version: _Record(checksum, statements, at is not None) for version, checksum, statements, at in rows}


def _apply(connection: Connection, migration: Migration, completed: int | None) -> None:
    log.info("Migration %d started: %s", migration.version, migration.name)
    new = "INSERT IGNORE INTO schema_migrations (version, name, checksum, statements) VALUES (%s, %s, %s, 0)"
    _execute(connection, new, migration.version, migration.name, migration.checksum)
    done = completed or 0
    for number, statement in enumerate(migration.statements[done:], done + 1):
        try:
            _execute(connection, statement)
        except MySQLdb.Error as error:
            # Of an interrupted migration, the first of the other statements may have run without a record of it.
            if completed != number - 1 or error.args[0] not in _DONE_BEFORE:
                raise
            log.info("Statement %d was completed before: %s", number, error.args[1])
        progress = "UPDATE schema_migrations SET statements = %s WHERE version = %s"
        _execute(connection, progress, number, migration.version)
    end = "UPDATE schema_migrations SET completed_at = CURRENT_TIMESTAMP WHERE version = %s"
    _execute(connection, end, migration.version)
    log.info("Migration %d completed", migration.version)


def _connect(settings: MigrationSettings) -> Connection:
    return MySQLdb.connect(
        host=settings.mysql_host,
        port=settings.mysql_port,
        user=settings.user,
        password=settings.password,
        database=settings.mysql_db,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=settings.mysql_timeout,
        # A statement may rebuild a table.
        read_timeout=settings.migration_timeout + 10,
        write_timeout=settings.mysql_timeout,
        **settings.tls_options,
        init_command=f"SET SESSION lock_wait_timeout = {_TABLE_WAIT}, innodb_lock_wait_timeout = {_TABLE_WAIT}",
    )


@contextmanager
def _locked(connection: Connection, settings: MigrationSettings) -> Iterator[None]:
    # At most 64 characters in MySQL. The server releases it when the connection ends, after its current statement.
    name = f"migrations:{settings.mysql_db}"[:64]
    if _execute(connection, "SELECT GET_LOCK(%s, %s)", name, settings.migration_timeout) != ((1,),):
        raise TransientError(f"Another migration runs for longer than {settings.migration_timeout} s")
    try:
        yield
    finally:
        _execute(connection, "SELECT RELEASE_LOCK(%s)", name)


def _execute(connection: Connection, statement: str, *values: object) -> Sequence[Sequence[Any]]:
    with closing(connection.cursor()) as cursor:
        # Without values, a percent sign has no meaning.
        cursor.execute(statement, values or None)
        rows: Sequence[Sequence[Any]] = cursor.fetchall()
        return rows


@contextmanager
def _failures(settings: MigrationSettings) -> Iterator[None]:
    try:
        yield
    except MySQLdb.Error as error:
        text = f"MySQL: {' '.join(map(str, error.args)) or type(error).__name__}"
        code = error.args[0] if error.args else None
        if code in _REFUSED:
            raise PermanentError(
                f"{text}. The account {settings.user} may not change the schema of {settings.mysql_db}: set"
                " MYSQL_MIGRATIONS_USER and MYSQL_MIGRATIONS_PASSWORD to an account that may."
            ) from error
        if code == ER.BAD_DB_ERROR:
            raise PermanentError(f"{text}. Create the database first (docs/kubernetes.md).") from error
        raise TransientError(text) from error
