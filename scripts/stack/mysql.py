"""The stack's MySQL: a private MariaDB server with the accounts' database."""

import getpass
import os
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import MySQLdb

from scripts.stack import environment
from scripts.stack.program import Program, StackError, find
from scripts.stack.state import ROOT, State

# Seconds. Making the system tables takes about three on an idle machine.
_INSTALL_TIMEOUT = 120
_SCHEMA = ROOT / "src" / "auth" / "init.sql"


def _folder(state: State) -> Path:
    return state.folder / "mysql"


def program(state: State) -> Program:
    """The server; its data folder must have been prepared."""
    folder, run, port = _folder(state), Path(state.run), state.ports["mysql"]
    command = [
        find("mariadbd", package="mariadb-server"),
        "--no-defaults",
        f"--datadir={folder / 'data'}",
        f"--socket={run / 'mysql.sock'}",
        f"--pid-file={run / 'mysql.pid'}",
        f"--tmpdir={state.tmp}",
        f"--init-file={folder / 'accounts.sql'}",
        "--bind-address=127.0.0.1",
        f"--port={port}",
        "--skip-name-resolve",
        "--character-set-server=utf8mb4",
        "--skip-log-bin",
        # A development machine has better use for its memory.
        "--performance-schema=OFF",
        "--innodb-buffer-pool-size=64M",
        *_user(),
    ]
    return Program(
        name="mysql",
        command=tuple(command),
        environment=environment.base(state),
        check=lambda: check(state),
        port=port,
        url=f"mysql://127.0.0.1:{port}",
        is_server=True,
        stop_seconds=30,
    )


def _user() -> list[str]:
    # The server refuses to run as root unless the user is named.
    return [f"--user={getpass.getuser()}"] if os.geteuid() == 0 else []


def prepare(state: State) -> None:
    """Makes the data folder at the first start, and the statements that every start runs first."""
    folder = _folder(state)
    folder.mkdir(mode=0o700, exist_ok=True)
    _write_accounts(state)
    if (folder / "data").exists():
        return
    draft = folder / "data.new"
    shutil.rmtree(draft, ignore_errors=True)
    result = subprocess.run(
        [
            find("mariadb-install-db", package="mariadb-server"),
            "--no-defaults",
            f"--datadir={draft}",
            f"--tmpdir={state.tmp}",
            "--skip-test-db",
            # No account without a password: root only through the socket, by the name of the system's user.
            "--auth-root-authentication-method=socket",
            f"--auth-root-socket-user={getpass.getuser()}",
            *_user(),
        ],
        env=environment.base(state),
        capture_output=True,
        text=True,
        timeout=_INSTALL_TIMEOUT,
        check=False,
    )
    if result.returncode != 0:
        raise StackError(f"mariadb-install-db failed:\n{result.stdout}{result.stderr}")
    draft.rename(folder / "data")


def _write_accounts(state: State) -> None:
    # The server runs it before it accepts connections, so that no account is without a password. One statement a line.
    names = _names(state)
    statements = [
        f"CREATE DATABASE IF NOT EXISTS `{names['MYSQL_DB']}`;",
        f"CREATE USER IF NOT EXISTS '{names['MYSQL_USER']}'@'%' IDENTIFIED BY '{names['MYSQL_PASSWORD']}';",
        f"GRANT ALL ON `{names['MYSQL_DB']}`.* TO '{names['MYSQL_USER']}'@'%';",
        f"CREATE USER IF NOT EXISTS root@127.0.0.1 IDENTIFIED BY '{names['MYSQL_ROOT_PASSWORD']}';",
        "GRANT ALL ON *.* TO root@127.0.0.1 WITH GRANT OPTION;",
    ]
    path = _folder(state) / "accounts.sql"
    path.touch(mode=0o600)
    path.write_text("\n".join(statements) + "\n")


def _names(state: State) -> dict[str, str]:
    """The stack's own names and secrets, which hold nothing that SQL would need quoted."""
    return {key: value for key, value in environment.own(state).items() if key.startswith("MYSQL_")}


def initialise(state: State) -> None:
    """Creates the auth service's tables unless they exist."""
    names = _names(state)
    with closing(_connect(names["MYSQL_ROOT_USER"], names["MYSQL_ROOT_PASSWORD"], state)) as connection:
        cursor = connection.cursor()
        cursor.execute(_SCHEMA.read_text())
        while cursor.nextset() is not None:
            pass


def _connect(user: str, password: str, state: State) -> "MySQLdb.Connection":
    return MySQLdb.connect(
        host="127.0.0.1", port=state.ports["mysql"], user=user, password=password, connect_timeout=5, read_timeout=10
    )


def check(state: State) -> None:
    """Logs in as the auth service does."""
    names = _names(state)
    with closing(_connect(names["MYSQL_USER"], names["MYSQL_PASSWORD"], state)) as connection:
        connection.ping()
