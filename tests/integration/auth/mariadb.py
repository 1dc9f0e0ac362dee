"""A private MariaDB server for tests: on a free port, in a temporary folder, stopped by its process id."""

import getpass
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import MySQLdb

from auth.migrations import files, runner
from auth.migrations.settings import MigrationSettings
from scripts.stack import ports

USER = "auth_user"
MIGRATIONS_USER = "migrations"
PASSWORD = "a password of the tests"

# A test that exceeds pytest's timeout ends its process without fixtures' clean-up; the servers must not outlive it.
ENDS_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL")

# s. A machine under load needs long to make a data directory.
_TIMEOUT = 120


class MariaDB:
    """One server with the schema of this release, and a user who may only work with rows, as the service's should."""

    def __init__(self) -> None:
        # Not pytest's folder: the socket's path must stay below 108 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="v2m-db-", dir="/tmp")
        self.data = Path(self._folder.name) / "data"
        self.socket = Path(self._folder.name) / "s"
        self.port = ports.choose(1)[0]
        self._process: subprocess.Popen[bytes] | None = None
        self._undo = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as undo:
            undo.callback(self._folder.cleanup)
            undo.callback(self.stop)
            self._install()
            self.start()
            self.execute("CREATE DATABASE auth CHARACTER SET utf8mb4")
            for user, privileges in ((USER, "SELECT, INSERT, UPDATE"), (MIGRATIONS_USER, "ALL")):
                self.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'")
                self.execute(f"GRANT {privileges} ON auth.* TO '{user}'@'%'")
            self.migrate()
            self._undo = undo.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._undo.close()

    def _install(self) -> None:
        subprocess.run(
            ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db",
             f"--datadir={self.data}", f"--user={getpass.getuser()}"],
            check=True, capture_output=True, timeout=_TIMEOUT,
        )  # fmt: skip

    def start(self) -> None:
        """Starts the server and returns when it answers."""
        with (Path(self._folder.name) / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*ENDS_WITH_PARENT, "mariadbd", "--no-defaults",
                 f"--user={getpass.getuser()}", f"--datadir={self.data}",
                 f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={self.socket}", "--skip-name-resolve",
                 "--innodb-buffer-pool-size=16M", "--innodb-flush-log-at-trx-commit=0"],
                stdout=log, stderr=log,
            )  # fmt: skip
        deadline = time.monotonic() + _TIMEOUT
        while True:
            try:
                self.execute("SELECT 1")
            except MySQLdb.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """Stops the server and returns when it is gone."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=_TIMEOUT)
            self._process = None

    @property
    def pid(self) -> int:
        """The running server's process id."""
        assert self._process is not None
        return self._process.pid

    def connect(self) -> Any:
        """A connection of the server's administrator, closed by `with`."""
        return MySQLdb.connect(
            unix_socket=str(self.socket), user="root", connect_timeout=10, charset="utf8mb4", autocommit=True
        )

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Runs one statement as the server's administrator and returns the rows."""
        with self.connect() as connection:
            cursor = connection.cursor()
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())

    @contextmanager
    def table_locked(self) -> Iterator[None]:
        """Makes every statement on the users wait while the block runs."""
        with self.connect() as connection:
            connection.cursor().execute("LOCK TABLES auth.user WRITE")
            yield

    def waiting(self) -> list[int]:
        """The ids of the service's connections that wait for the table's lock."""
        rows = self.execute(
            "SELECT id FROM information_schema.processlist WHERE user = %s AND state LIKE %s",
            USER,
            "Waiting for table%",
        )
        return [int(row[0]) for row in rows]

    def migrate(self) -> None:
        """Brings the database to the schema of this release."""
        values: dict[str, Any] = {name.lower(): value for name, value in self.environment.items()}
        account = {"mysql_migrations_user": MIGRATIONS_USER, "mysql_migrations_password": PASSWORD}
        runner.run(MigrationSettings(**values, **account), files.load())

    @property
    def environment(self) -> dict[str, str]:
        """What the auth service needs to know about this server."""
        return {
            "MYSQL_HOST": "127.0.0.1", "MYSQL_PORT": str(self.port),
            "MYSQL_USER": USER, "MYSQL_PASSWORD": PASSWORD, "MYSQL_DB": "auth",
        }  # fmt: skip
