"""API keys in a real database, with the rights that the service's account has in existing installations."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from flask import Flask

from auth.keys import api_key
from auth.keys.repository import Keys
from auth.users import User
from common.domain.scopes import Scope
from common.errors import Conflict
from tests.integration.auth.conftest import Operator, app_on, database_of
from tests.integration.auth.mariadb import MariaDB

MOST = 3


@pytest.fixture
def operator(mariadb: MariaDB) -> Operator:
    return Operator(mariadb.environment)


@pytest.fixture
def app(mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    app = app_on(mariadb.environment, monkeypatch)
    with app.app_context():
        yield app


@pytest.fixture
def keys(app: Flask) -> Keys:
    return Keys(database_of(app), MOST)


def user(operator: Operator, email: str) -> User:
    operator.insert(email, "a password")
    ((account, version),) = operator.execute("SELECT account_id, token_version FROM user WHERE email = %s", email)
    return User(account, email, "a password", int(version))


def add(keys: Keys, owner: User, name: str = "backup") -> str:
    key = api_key.generate()
    keys.add(owner, key, name=name, scope=Scope.READ, expires_at=api_key.now() + timedelta(days=3650))
    return key


def test_a_key_is_found_by_its_hash_until_it_is_revoked(keys, operator, email) -> None:
    owner = user(operator, email)
    key = api_key.generate()
    added = keys.add(owner, key, name="Grüße 🎵", scope=Scope.CONVERT, expires_at=None)
    assert keys.find(api_key.hashed(key)) == added
    assert keys.of(owner.account) == [added]
    # A newer release may have other scopes.
    operator.execute("UPDATE api_key SET scope = 'other' WHERE id = %s", added.id)
    assert keys.find(api_key.hashed(key)) is None
    operator.execute("UPDATE api_key SET scope = 'convert' WHERE id = %s", added.id)
    assert keys.revoke(str(uuid4()), added.id) is None
    assert keys.revoke(owner.account, added.id) == added
    assert keys.find(api_key.hashed(key)) is keys.revoke(owner.account, added.id) is None
    assert keys.of(owner.account) == []
    assert operator.execute("SELECT name, prefix FROM api_key WHERE id = %s", added.id) == [("", "")]


def test_an_account_keeps_as_many_rows_as_it_may_have_keys(keys, operator, email) -> None:
    owner = user(operator, email)
    for number in range(3 * MOST):
        key = add(keys, owner, str(number))
        found = keys.find(api_key.hashed(key))
        assert (found.name, found.last_used_at) == (str(number), None)
        keys.mark_used(found.id, api_key.now())
        keys.revoke(owner.account, found.id)
    assert operator.execute("SELECT COUNT(*) FROM api_key WHERE account_id = %s", owner.account) == [(1,)]


def test_concurrent_requests_do_not_exceed_the_limit(app, keys, operator, email) -> None:
    owner = user(operator, email)

    def attempt(_: int) -> str:
        with app.app_context():
            try:
                return add(keys, owner)
            except Conflict as error:
                return error.code

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(attempt, range(4 * MOST)))
    assert sum(map(api_key.is_key, results)) == MOST
    assert set(results) - {key for key in results if api_key.is_key(key)} == {"too_many_keys"}


def test_a_caller_whose_tokens_were_ended_creates_no_key(app, keys, operator, email) -> None:
    owner = user(operator, email)
    operator.execute("UPDATE user SET token_version = token_version + 1 WHERE account_id = %s", owner.account)
    with pytest.raises(Conflict, match="changed"):
        add(keys, owner)


def test_the_last_use_is_written_once_a_minute_by_all_replicas_together(keys, operator, email) -> None:
    owner = user(operator, email)
    add(keys, owner)
    (found,) = keys.of(owner.account)
    used, moments = [], [api_key.now() + timedelta(seconds=seconds) for seconds in (0, 30, -30, 59, 61)]
    for moment in moments:
        keys.mark_used(found.id, moment)
        used.append(keys.of(owner.account)[0].last_used_at)
    assert used == [moments[0]] * 4 + [moments[4]]


def test_the_keys_of_an_account_end_with_it_and_with_its_row(keys, operator, email, mariadb) -> None:
    owner = user(operator, email)
    key = add(keys, owner)
    keys.revoke_all(owner.account)
    assert keys.of(owner.account) == []
    assert keys.find(api_key.hashed(key)) is None
    # An operator deletes the row of the account.
    key = add(keys, owner)
    mariadb.execute("DELETE FROM auth.user WHERE account_id = %s", owner.account)
    assert keys.find(api_key.hashed(key)) is None
