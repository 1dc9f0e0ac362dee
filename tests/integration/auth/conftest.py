"""A database, an auth service, and its users."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import MySQLdb
import pytest
from flask import Flask
from flask.testing import FlaskClient

from auth.database import Database
from auth.server import create_app
from auth.settings import AuthSettings
from common.runtime.settings import load_settings
from tests.integration.auth.mariadb import MariaDB

JWT_SECRET = "a secret of the tests, long enough"
LINK_SECRET = "another secret of the tests, long enough"
ADMIN = "admin@example.com"


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """A server of this test process's own, which tests may stop, freeze and misconfigure."""
    with MariaDB() as server:
        yield server


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> dict[str, str]:
    """The variables of the database for tests that only use it: a running stack's, or a private server's."""
    stack = os.environ.get("V2M_STACK")
    if stack is None:
        server: MariaDB = request.getfixturevalue("mariadb")
        return server.environment
    environment = json.loads(Path(stack).read_text())["environment"]
    return {name: str(value) for name, value in environment.items() if name.startswith("MYSQL_")}


@dataclass(frozen=True)
class Operator:
    """An operator with access to the table."""

    environment: dict[str, str]

    def execute(self, statement: str, *values: object) -> list[tuple[str, ...]]:
        """Runs a statement and returns its rows."""
        with MySQLdb.connect(
            host=self.environment["MYSQL_HOST"],
            port=int(self.environment["MYSQL_PORT"]),
            user=self.environment["MYSQL_USER"],
            password=self.environment["MYSQL_PASSWORD"],
            database=self.environment["MYSQL_DB"],
            charset="utf8mb4",
            connect_timeout=10,
            autocommit=True,
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    def insert(self, email: str, password: str) -> None:
        """Inserts a user as it is, or replaces the password when the address is there."""
        self.execute(
            "INSERT INTO user (email, password) VALUES (%s, %s) ON DUPLICATE KEY UPDATE password = VALUES(password)",
            email, password,
        )  # fmt: skip

    def stored(self, email: str) -> str:
        """The stored password."""
        return self.execute("SELECT password FROM user WHERE email = %s", email)[0][0]


@pytest.fixture
def operator(database: dict[str, str]) -> Operator:
    return Operator(database)


def auth_environment(database: dict[str, str], **changes: str) -> dict[str, str]:
    """All variables of an auth service on this database."""
    secrets = {"JWT_SECRET": JWT_SECRET, "LINK_SECRET": LINK_SECRET}
    return {**database, **secrets, "ADMIN_EMAILS": ADMIN, "REQUIRE_VERIFICATION": "false", **changes}


def app_on(database: dict[str, str], monkeypatch: pytest.MonkeyPatch, **changes: str) -> Flask:
    """An auth service on this database; changes are further variables."""
    for name in AuthSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in auth_environment(database, **changes).items():
        monkeypatch.setenv(name, value)
    return create_app(load_settings(AuthSettings))


def database_of(app: Flask) -> Database:
    """The database of an application that `app_on` has made."""
    return Database(app, load_settings(AuthSettings))


@pytest.fixture
def client(database: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    return app_on(database, monkeypatch).test_client()


@pytest.fixture
def email() -> str:
    """An address that no other test uses."""
    return f"user-{uuid4().hex[:12]}@example.com"
