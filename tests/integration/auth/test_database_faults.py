"""When the database fails: 503 and never 500, and recovery without a restart."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import MySQLdb
import pytest
from flask.testing import FlaskClient

from common.runtime import health
from common.runtime.dependencies import Dependencies
from tests.integration.auth.conftest import Operator, app_on
from tests.integration.auth.mariadb import PASSWORD as DATABASE_PASSWORD
from tests.integration.auth.mariadb import USER, MariaDB
from tests.waiting import eventually

PASSWORD = "correct horse"


@pytest.fixture
def client(mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    return app_on(mariadb.environment, monkeypatch, MYSQL_TIMEOUT="2").test_client()


@pytest.fixture
def slow_client(mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client of a service that waits for the database for as long as a test may take."""
    return app_on(mariadb.environment, monkeypatch, MYSQL_TIMEOUT="60").test_client()


@pytest.fixture
def user(mariadb: MariaDB, email: str) -> str:
    """The address of a user who can log in."""
    Operator(mariadb.environment).insert(email, PASSWORD)
    return email


def login(client: FlaskClient, email: str) -> Any:
    return client.post("/login", auth=(email, PASSWORD))


def register(client: FlaskClient) -> Any:
    return client.post("/register", json={"email": "late@example.com", "password": PASSWORD})


def assert_unavailable(client: FlaskClient, user: str) -> None:
    for answer in (login(client, user), register(client)):
        assert answer.status_code == 503
        assert answer.json["error"]
        assert int(answer.headers["Retry-After"]) > 0
    assert not up(client)
    assert client.get("/healthz").status_code == 200


def up(client: FlaskClient) -> bool:
    """Whether the service reports the database as up."""
    dependencies: Dependencies = client.application.extensions[health.DEPENDENCIES]
    return dependencies.report()["mysql"]


@contextmanager
def stopped(server: MariaDB) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def frozen(server: MariaDB) -> Iterator[None]:
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@contextmanager
def full(server: MariaDB) -> Iterator[None]:
    """Uses up all connections of the server."""
    before = server.execute("SELECT @@global.max_connections")[0][0]
    server.execute("SET GLOBAL max_connections = 10")
    try:
        with ExitStack() as held:
            for _ in range(11):
                try:
                    held.enter_context(
                        MySQLdb.connect(
                            host="127.0.0.1",
                            port=server.port,
                            user=USER,
                            password=DATABASE_PASSWORD,
                            connect_timeout=10,
                        )
                    )
                except MySQLdb.OperationalError:
                    break
            yield
    finally:
        server.execute(f"SET GLOBAL max_connections = {before}")


@contextmanager
def without_table(server: MariaDB) -> Iterator[None]:
    server.execute("RENAME TABLE auth.user TO auth.user_elsewhere")
    try:
        yield
    finally:
        server.execute("RENAME TABLE auth.user_elsewhere TO auth.user")


@contextmanager
def with_another_password(server: MariaDB) -> Iterator[None]:
    server.execute(f"ALTER USER '{USER}'@'%' IDENTIFIED BY 'changed'")
    try:
        yield
    finally:
        server.execute(f"ALTER USER '{USER}'@'%' IDENTIFIED BY '{DATABASE_PASSWORD}'")


@pytest.mark.parametrize("fault", [stopped, frozen, full, without_table, with_another_password, MariaDB.table_locked])
def test_a_failure_of_the_database_is_503_until_it_ends(
    client: FlaskClient, mariadb: MariaDB, user: str, fault: Any
) -> None:
    token = login(client, user).text
    with fault(mariadb):
        assert_unavailable(client, user)
        # A token needs no database.
        assert client.post("/validate", headers={"Authorization": f"Bearer {token}"}).status_code == 200

    eventually(lambda: up(client), what="the database is up again")
    assert login(client, user).status_code == 200


def test_a_missing_table_is_named_in_the_log(
    client: FlaskClient, mariadb: MariaDB, caplog: pytest.LogCaptureFixture
) -> None:
    with without_table(mariadb):
        assert not up(client)
    assert "run python -m auth.migrations" in caplog.text


def test_a_read_whose_connection_is_killed_is_retried(slow_client: FlaskClient, mariadb: MariaDB, user: str) -> None:
    # The lock ends before the pool waits for the login.
    with ThreadPoolExecutor(1) as pool, mariadb.table_locked():
        answer = pool.submit(login, slow_client, user)
        eventually(mariadb.waiting, what="the login waits for the table")
        (first,) = mariadb.waiting()
        mariadb.execute(f"KILL {first}")
        eventually(lambda: mariadb.waiting() not in ([], [first]), what="the login tries again on another connection")
    assert answer.result(timeout=60).status_code == 200


def kill_and_await_end(server: MariaDB) -> None:
    """Ends the one connection that waits for the table."""
    (connection,) = server.waiting()
    server.execute(f"KILL {connection}")
    eventually(lambda: connection not in server.waiting(), what="the connection is gone")


def test_a_read_that_is_killed_twice_is_503(slow_client: FlaskClient, mariadb: MariaDB, user: str) -> None:
    with mariadb.table_locked(), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(login, slow_client, user)
        for _ in range(2):
            eventually(mariadb.waiting, what="the login waits for the table")
            kill_and_await_end(mariadb)
        assert answer.result(timeout=60).status_code == 503


def test_a_registration_whose_connection_is_killed_is_503_and_stores_nothing(
    slow_client: FlaskClient, mariadb: MariaDB, email: str
) -> None:
    body = {"email": email, "password": PASSWORD}
    with mariadb.table_locked(), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: slow_client.post("/register", json=body))
        eventually(mariadb.waiting, what="the registration waits for the table")
        mariadb.execute(f"KILL {mariadb.waiting()[0]}")
        assert answer.result(timeout=60).status_code == 503
    assert slow_client.post("/register", json=body).status_code == 201


def test_a_login_works_when_its_new_hash_cannot_be_stored(client: FlaskClient, mariadb: MariaDB, user: str) -> None:
    mariadb.execute("SET GLOBAL read_only = 1")
    try:
        assert login(client, user).status_code == 200
        assert register(client).status_code == 503
    finally:
        mariadb.execute("SET GLOBAL read_only = 0")
    assert mariadb.execute("SELECT password FROM auth.user WHERE email = %s", user) == [(PASSWORD,)]
    assert login(client, user).status_code == 200
    assert mariadb.execute("SELECT password FROM auth.user WHERE email = %s", user) != [(PASSWORD,)]


def test_no_connection_stays_open(client: FlaskClient, mariadb: MariaDB, user: str) -> None:
    assert login(client, user).status_code == 200
    eventually(
        lambda: not mariadb.execute("SELECT id FROM information_schema.processlist WHERE user = %s", USER),
        what="the end of all connections of the service",
    )


def test_many_logins_leave_threads_for_the_validation_of_tokens(
    mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    client = app_on(mariadb.environment, monkeypatch, MYSQL_TIMEOUT="60", LOGINS_AT_ONCE="2").test_client()
    token = login(client, user).text
    with ThreadPoolExecutor(2) as pool:
        with mariadb.table_locked():
            waiting = [pool.submit(login, client.application.test_client(), user) for _ in range(2)]
            eventually(lambda: len(mariadb.waiting()) == 2, what="two logins wait for the database")
            assert login(client, user).status_code == 503
            assert client.post("/validate", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert [answer.result(timeout=60).status_code for answer in waiting] == [200, 200]
