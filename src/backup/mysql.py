"""The accounts' database: dumped and loaded with MariaDB's clients, which work with MySQL too."""

import re
from collections import Counter
from pathlib import Path
from typing import IO

from backup.programs import BackupError, run
from backup.settings import BackupSettings

_INSERT = re.compile(rb"INSERT INTO `([^`]+)`")
# The table of `auth.migrations`.
_MIGRATIONS = "schema_migrations"
# The last line of a complete dump begins so.
_END = b"-- Dump completed"
_DUMP = (
    # One consistent snapshot, without a lock.
    "--single-transaction",
    # The account needs no right but SELECT.
    "--no-tablespaces", "--skip-triggers",
    # One line for each row, which can be counted, and one transaction for each table.
    "--skip-extended-insert", "--no-autocommit", "--skip-add-locks", "--skip-disable-keys",
    "--hex-blob", "--default-character-set=utf8mb4",
)  # fmt: skip


class AccountsDatabase:
    """Every method raises BackupError."""

    def __init__(self, settings: BackupSettings) -> None:
        self._settings = settings

    def dump(self, path: Path) -> None:
        with path.open("wb") as file:
            self._run("mariadb-dump", *_DUMP, stdout=file)

    def load(self, path: Path) -> None:
        """Replaces all tables by those of the dump."""
        # Tables that are not in the dump would be left: those that a newer release has added.
        drop = [f"DROP TABLE `{name}`;" for name in self._tables()]
        self._run("mariadb", f"--execute=SET FOREIGN_KEY_CHECKS = 0; {' '.join(drop)}", alter=True)
        with path.open("rb") as file:
            self._run("mariadb", stdin=file, alter=True)

    def rows(self) -> dict[str, int]:
        """The number of rows of each table that has any."""
        counts = {name: int(self._query(f"SELECT COUNT(*) FROM `{name}`")[0]) for name in self._tables()}  # noqa: S608
        return {name: count for name, count in counts.items() if count}

    def schema_version(self) -> int:
        """The last migration; 0 before the first one."""
        if _MIGRATIONS not in self._tables():
            return 0
        return int(self._query(f"SELECT COALESCE(MAX(version), 0) FROM {_MIGRATIONS}")[0])  # noqa: S608

    def _tables(self) -> list[str]:
        return self._query(
            "SELECT table_name FROM information_schema.tables"
            " WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
        )

    def _query(self, statement: str) -> list[str]:
        return self._run("mariadb", "--batch", "--skip-column-names", f"--execute={statement}").split()

    def _run(
        self,
        program: str,
        *arguments: str,
        alter: bool = False,
        stdin: IO[bytes] | None = None,
        stdout: IO[bytes] | None = None,
    ) -> str:
        """Runs a client, with the account that may change tables if `alter` is set."""
        settings = self._settings
        user, password = settings.mysql_user, settings.mysql_password
        if alter and settings.mysql_migrations_password:
            user, password = settings.mysql_migrations_user, settings.mysql_migrations_password
        command = [
            program, "--no-defaults", "--protocol=TCP", f"--host={settings.mysql_host}",
            f"--port={settings.mysql_port}", f"--user={user}", *self._tls(), *arguments, settings.mysql_db,
        ]  # fmt: skip
        variables = {"MYSQL_PWD": password.get_secret_value()}
        return run(command, variables, timeout=settings.backup_step_timeout, stdin=stdin, stdout=stdout)

    def _tls(self) -> list[str]:
        ca, certificate = self._settings.mysql_ca_file, self._settings.mysql_cert_file
        if ca is None:
            return []
        own = [f"--ssl-cert={certificate}", f"--ssl-key={certificate}"] if certificate else []
        return [f"--ssl-ca={ca}", "--ssl-verify-server-cert", *own]


def dumped_rows(path: Path) -> dict[str, int]:
    """The number of rows of each table in a dump; raises BackupError if the dump has no end."""
    counts: Counter[str] = Counter()
    last = b""
    with path.open("rb") as file:
        for line in file:
            if found := _INSERT.match(line):
                counts[found[1].decode()] += 1
            last = line if line.strip() else last
    if not last.startswith(_END):
        raise BackupError("The dump of MySQL is incomplete.")
    return dict(counts)
