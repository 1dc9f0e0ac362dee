"""Migrations of the accounts' database on a real server: once, in order, by one runner at a time, and after a crash."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import MySQLdb
import pytest

from auth.migrations import files, runner
from auth.migrations.settings import MigrationSettings
from common.errors import PermanentError, TransientError
from tests.integration.auth.mariadb import MariaDB
from tests.waiting import eventually

# What the first release's operators ran by hand.
INIT_SQL = """
CREATE TABLE IF NOT EXISTS user (
    id       INT UNSIGNED NOT NULL AUTO_INCREMENT,
    email    VARCHAR(254) NOT NULL,
    password VARCHAR(255) NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY email (email)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci
"""
PASSWORD = "another password of the tests"

Load = Callable[[dict[str, str]], list[files.Migration]]


class Database:
    """An empty database, with an account that may change its schema and one that may only work with the rows."""

    def __init__(self, server: MariaDB) -> None:
        self.server = server
        self.name = f"accounts_{uuid4().hex[:8]}"
        self.migrator, self.service = f"m_{self.name}", f"s_{self.name}"
        server.execute(f"CREATE DATABASE {self.name} CHARACTER SET utf8mb4")
        for user, privileges in ((self.migrator, "ALL"), (self.service, "SELECT, INSERT, UPDATE")):
            server.execute(f"CREATE USER '{user}'@'%' IDENTIFIED BY '{PASSWORD}'")
            server.execute(f"GRANT {privileges} ON {self.name}.* TO '{user}'@'%'")

    def settings(self, **changes: object) -> MigrationSettings:
        values: dict[str, object] = {
            "mysql_host": "127.0.0.1", "mysql_port": self.server.port, "mysql_db": self.name,
            "mysql_user": self.service, "mysql_password": PASSWORD,
            "mysql_migrations_user": self.migrator, "mysql_migrations_password": PASSWORD,
        }  # fmt: skip
        return MigrationSettings(**(values | changes))  # type: ignore[arg-type]

    def query(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        with self.server.connect() as connection:
            connection.select_db(self.name)
            cursor = connection.cursor()
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())

    def versions(self) -> list[object]:
        """The versions of the completed migrations."""
        rows = self.query("SELECT version FROM schema_migrations WHERE completed_at IS NOT NULL ORDER BY version")
        return [version for (version,) in rows]


@pytest.fixture
def database(mariadb: MariaDB) -> Iterator[Database]:
    made = Database(mariadb)
    yield made
    mariadb.execute(f"DROP DATABASE {made.name}")
    for user in (made.migrator, made.service):
        mariadb.execute(f"DROP USER '{user}'@'%'")


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Writes the texts as migrations with the numbers 1, 2, … and loads them."""

    def write(texts: dict[str, str]) -> list[files.Migration]:
        for number, (name, text) in enumerate(texts.items(), 1):
            (tmp_path / f"{number:04d}_{name}.sql").write_text(text)
        return files.load(tmp_path)

    return write


TWO = {
    "table": "CREATE TABLE item (id INT PRIMARY KEY);\nINSERT IGNORE INTO item VALUES (1);\n",
    "column": "ALTER TABLE item ADD COLUMN name VARCHAR(9) NOT NULL DEFAULT '50%';\n",
}


def test_an_empty_database_gets_the_schema_of_this_release(database: Database) -> None:
    migrations = files.load()
    assert runner.run(database.settings(), migrations) == [migration.version for migration in migrations]
    assert database.versions() == [migration.version for migration in migrations]
    assert database.query("SELECT email, password FROM user") == []


def test_a_database_that_init_sql_prepared_keeps_its_accounts(database: Database) -> None:
    database.query(INIT_SQL)
    database.query("INSERT INTO user (email, password) VALUES ('a@example.com', 'plain')")
    runner.run(database.settings(), files.load())
    assert database.query("SELECT email, password FROM user") == [("a@example.com", "plain")]
    assert database.versions() == [migration.version for migration in files.load()]


def test_migrations_are_applied_once_and_in_order(database: Database, load: Load) -> None:
    both = load(TWO)
    assert runner.run(database.settings(), both[:1]) == [1]
    assert runner.run(database.settings(), both) == [2]
    assert runner.run(database.settings(), both) == []
    assert database.query("SELECT * FROM item") == [(1, "50%")]


def test_concurrent_runners_apply_each_migration_once(database: Database, load: Load) -> None:
    migrations = load(TWO)
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(runner.run, database.settings(), migrations) for _ in range(4)]
        applied = [version for each in done for version in each.result(timeout=60)]
    assert sorted(applied) == [1, 2]


def test_a_runner_waits_for_another_one_and_gives_up_after_the_timeout(database: Database, load: Load) -> None:
    with database.server.connect() as other:
        other.cursor().execute("SELECT GET_LOCK(%s, 0)", (f"migrations:{database.name}",))
        with pytest.raises(TransientError, match="Another migration"):
            runner.run(database.settings(migration_timeout=1), load(TWO))
    assert runner.run(database.settings(), load(TWO)) == [1, 2]


@pytest.mark.parametrize("recorded", [False, True])
def test_a_migration_is_continued_where_it_was_interrupted(database: Database, load: Load, recorded: bool) -> None:
    fails = "CREATE TABLE item (id INT PRIMARY KEY);\nINSERT INTO missing VALUES (1);\n"
    with pytest.raises(TransientError, match="missing"):
        runner.run(database.settings(), load({"table": fails}))
    if not recorded:
        # As if the process had ended between the statement and the record of it.
        database.query("UPDATE schema_migrations SET statements = 0")
    database.query("CREATE TABLE missing (id INT)")
    assert runner.run(database.settings(), load({"table": fails})) == [1]
    assert database.query("SELECT id FROM missing") == [(1,)]
    assert database.versions() == [1]


def test_what_exists_already_is_an_error_unless_the_statement_was_interrupted(database: Database, load: Load) -> None:
    database.query("CREATE TABLE item (name TEXT)")
    with pytest.raises(TransientError, match="already exists"):
        runner.run(database.settings(), load({"first": "CREATE TABLE item (id INT);\n"}))
    database.query("DROP TABLE item")
    twice = "CREATE TABLE item (id INT);\nCREATE TABLE item (id INT);\n"
    with pytest.raises(TransientError, match="already exists"):
        runner.run(database.settings(), load({"first": TWO["table"], "twice": twice})[1:])


def test_a_newer_schema_is_not_changed(database: Database, load: Load) -> None:
    both = load(TWO)
    runner.run(database.settings(), both)
    older = [files.Migration(1, "table", ("DROP TABLE item",), "another checksum")]
    assert runner.run(database.settings(), older) == []
    assert database.query("SELECT id FROM item") == [(1,)]


def test_an_applied_migration_whose_file_has_changed_is_an_error(database: Database, load: Load) -> None:
    runner.run(database.settings(), load(TWO))
    with pytest.raises(runner.SchemaChanged, match=r"Migration 1 \(table\)"):
        runner.run(database.settings(), load({**TWO, "table": "CREATE TABLE item (id BIGINT PRIMARY KEY);\n"}))


def test_an_account_that_may_only_read_is_enough_when_there_is_nothing_to_do(database: Database, load: Load) -> None:
    services = database.settings(mysql_migrations_user=None, mysql_migrations_password=None)
    with pytest.raises(PermanentError, match="MYSQL_MIGRATIONS_USER"):
        runner.run(services, load(TWO))
    runner.run(database.settings(), load(TWO))
    assert runner.run(services, load(TWO)) == []


def test_a_transaction_that_holds_the_table_does_not_block_the_service_for_long(
    database: Database, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "_TABLE_WAIT", 1)
    both = load(TWO)
    runner.run(database.settings(), both[:1])
    with database.server.connect() as other:
        other.autocommit(False)
        other.select_db(database.name)
        other.cursor().execute("SELECT * FROM item")
        with pytest.raises(TransientError, match="Lock wait timeout"):
            runner.run(database.settings(), both)
    assert runner.run(database.settings(), both) == [2]


def command(database: Database, **changes: str) -> subprocess.Popen[str]:
    settings = {
        "MYSQL_HOST": "127.0.0.1", "MYSQL_PORT": str(database.server.port), "MYSQL_DB": database.name,
        "MYSQL_USER": database.service, "MYSQL_PASSWORD": PASSWORD,
        "MYSQL_MIGRATIONS_USER": database.migrator, "MYSQL_MIGRATIONS_PASSWORD": PASSWORD,
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "auth.migrations"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3] / "src"), **settings, **changes},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


def test_the_command_reports_what_it_applied_and_that_nothing_is_left(database: Database) -> None:
    code, output = finish(command(database))
    assert code == 0
    assert "Migration 1 completed" in output
    code, output = finish(command(database))
    assert code == 0
    assert "up to date" in output


def test_the_command_of_an_older_release_accepts_a_newer_schema(database: Database) -> None:
    finish(command(database))
    database.query("INSERT INTO schema_migrations VALUES (9999, 'later', 'x', 1, CURRENT_TIMESTAMP)")
    code, output = finish(command(database))
    assert code == 0
    assert "9999" in output
    assert "nothing was changed" in output


def test_the_command_fails_and_names_the_cause(database: Database) -> None:
    code, output = finish(command(database, MYSQL_DB="no_such_database", MYSQL_MIGRATIONS_USER="nobody"))
    assert code == 1
    assert "MySQL" in output
    assert PASSWORD not in output


def test_the_lock_of_a_killed_runner_is_released(database: Database, load: Load) -> None:
    database.query(INIT_SQL)
    with database.server.connect() as other:
        # The runner waits for this table, with the lock.
        other.select_db(database.name)
        other.cursor().execute("LOCK TABLES user WRITE")
        killed = command(database)

        def locked() -> bool:
            return database.query("SELECT IS_USED_LOCK(%s)", f"migrations:{database.name}") != [(None,)]

        eventually(locked, what="the runner holds the lock")
        killed.kill()
        finish(killed)
    assert runner.run(database.settings(), files.load()) == [migration.version for migration in files.load()]


def test_mysql_error_codes_are_those_of_the_server(database: Database) -> None:
    """The codes that count as success are reported by the statements that the migrations use."""
    database.query("CREATE TABLE item (id INT, KEY known (id))")
    for statement in (
        "CREATE TABLE item (id INT)",
        "DROP TABLE missing",
        "ALTER TABLE item ADD COLUMN id INT",
        "ALTER TABLE item ADD KEY known (id)",
        "ALTER TABLE item DROP COLUMN missing",
    ):
        with pytest.raises(MySQLdb.Error) as raised:
            database.query(statement)
        assert raised.value.args[0] in runner._DONE_BEFORE, statement
