"""The stack's MySQL: a private MariaDB server with the accounts' database, whose tables `migrations` creates."""

import getpass
import os
import shutil
from contextlib import closing
from pathlib import Path

import MySQLdb

from scripts.stack import certificates, environment
from scripts.stack.program import Program, find, run
from scripts.stack.servers import server
from scripts.stack.state import State

# The privileges of the migrations, as in manifests/mysql/migrations.sh.
_SCHEMA = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES"


def program(state: State) -> Program:
    folder, socket_folder = state.folder / "mysql", Path(state.run)
    command = [
        find("mariadbd", package="mariadb-server"),
        "--no-defaults",
        f"--datadir={folder / 'data'}",
        f"--socket={socket_folder / 'mysql.sock'}",
        f"--pid-file={socket_folder / 'mysql.pid'}",
        f"--tmpdir={state.tmp}",
        f"--init-file={folder / 'init.sql'}",
        "--bind-address=127.0.0.1",
        f"--port={state.ports['mysql']}",
        f"--ssl-ca={certificates.authority(state)}",
        f"--ssl-cert={certificates.server(state)}",
        f"--ssl-key={certificates.server(state)}",
        "--skip-name-resolve",
        "--character-set-server=utf8mb4",
        "--skip-log-bin",
        # Less memory, for a development machine.
        "--performance-schema=OFF",
        "--innodb-buffer-pool-size=64M",
        *_user(),
    ]
    return server(state, "mysql", command, lambda: _check(state), lambda: _prepare(state))


def _user() -> list[str]:
    # The server refuses to run as root unless the user is named.
    return [f"--user={getpass.getuser()}"] if os.geteuid() == 0 else []


def _prepare(state: State) -> None:
    """Makes the data folder at the first start, and the statements that every start runs first."""
    folder = state.folder / "mysql"
    statements = folder / "init.sql"
    statements.touch(mode=0o600)
    statements.write_text(initial_statements(state))
    if (folder / "data").exists():
        return
    draft = folder / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    command = [
        find("mariadb-install-db", package="mariadb-server"),
        "--no-defaults",
        f"--datadir={draft}",
        f"--tmpdir={state.tmp}",
        "--skip-test-db",
        # No account without a password: root only through the socket, by the name of the system's user.
        "--auth-root-authentication-method=socket",
        f"--auth-root-socket-user={getpass.getuser()}",
        *_user(),
    ]
    run(command, environment.base(state))
    draft.rename(folder / "data")


def initial_statements(state: State) -> str:
    """The database and its accounts, one statement a line.

    The server runs them before it accepts connections, so that no account is without a password. The names and secrets
    need no quoting in SQL.
    """
    names = environment.own(state)
    database, user = f"`{names['MYSQL_DB']}`", f"'{names['MYSQL_USER']}'@'%'"
    migrations = f"'{names['MYSQL_MIGRATIONS_USER']}'@'%'"
    statements = [
        f"CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
        f"CREATE USER IF NOT EXISTS {user} IDENTIFIED BY '{names['MYSQL_PASSWORD']}'",
        # A stack of an older version granted more.
        f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM {user}",
        f"GRANT SELECT, INSERT, UPDATE ON {database}.* TO {user}",
        f"CREATE USER IF NOT EXISTS {migrations} IDENTIFIED BY '{names['MYSQL_MIGRATIONS_PASSWORD']}'",
        f"GRANT {_SCHEMA} ON {database}.* TO {migrations}",
        f"CREATE USER IF NOT EXISTS root@127.0.0.1 IDENTIFIED BY '{names['MYSQL_ROOT_PASSWORD']}'",
        "GRANT ALL ON *.* TO root@127.0.0.1 WITH GRANT OPTION",
    ]
    return "".join(f"{statement};\n" for statement in statements)


def _check(state: State) -> None:
    """Logs in as the auth service does."""
    names = environment.own(state)
    with closing(
        MySQLdb.connect(
            host="127.0.0.1", port=state.ports["mysql"], user=names["MYSQL_USER"], password=names["MYSQL_PASSWORD"],
            connect_timeout=5, read_timeout=10,
        )
    ) as connection:  # fmt: skip
        connection.ping()
