"""Ids of accounts on a real server: for rows of earlier releases, of operators and of registrations."""

import time

from flask.testing import FlaskClient

from auth.migrations import files, runner
from tests.integration.auth.conftest import Operator
from tests.integration.auth.mariadb import MariaDB
from tests.integration.auth.test_contract import PASSWORD, login, register, validate
from tests.integration.auth.test_migrations import INIT_SQL, Database

_ROWS = "SELECT account_id, created_at IS NULL, token_version, verified, disabled FROM user ORDER BY id"


def test_the_accounts_of_an_earlier_release_get_different_ids_and_no_date_of_creation(mariadb: MariaDB) -> None:
    database = Database(mariadb)
    database.query(INIT_SQL)
    for name in "abc":
        database.query("INSERT INTO user (email, password) VALUES (%s, 'x')", f"{name}@example.com")
    runner.run(database.settings(), files.load())
    # As an operator, or a replica of the previous release during an update.
    database.query("INSERT INTO user (email, password) VALUES ('later@example.com', 'x')")

    ids, without_date, *state = zip(*database.query(_ROWS), strict=True)

    assert len(set(ids)) == 4
    assert all(len(str(account)) == 36 for account in ids)
    assert without_date == (1, 1, 1, 0)
    assert state == [(0,) * 4, (1,) * 4, (0,) * 4]


def test_an_address_that_is_inserted_again_has_another_id(client: FlaskClient, email: str, operator: Operator) -> None:
    def claims() -> dict[str, object]:
        found: dict[str, object] = validate(client, login(client, email, PASSWORD).text).json
        return found

    register(client, email)
    first = claims()
    assert abs(int(str(first["since"])) - time.time()) < 60
    operator.execute("UPDATE user SET email = %s WHERE email = %s", f"former.{email}", email)
    operator.insert(email, PASSWORD)
    second = claims()
    assert second["username"] == first["username"] == email
    assert second["sub"] != first["sub"]
