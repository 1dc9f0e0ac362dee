"""API keys: what they may do, and what ends them."""

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from auth.keys import api_key
from tests.unit.auth import test_contract
from tests.unit.auth.test_contract import ADMIN, PASSWORD, login, validate
from tests.waiting import eventually

ANN = "ann@example.com"

users, keys, app, at_once = test_contract.users, test_contract.keys, test_contract.app, test_contract.at_once


@pytest.fixture
def client(app: Callable[..., FlaskClient], users: Any) -> FlaskClient:
    users.insert(ANN, PASSWORD)
    return app()


def ask(client: FlaskClient, method: str, path: str, bearer: str, **fields: Any) -> Any:
    return client.open(path, method=method, json=fields, headers={"Authorization": f"Bearer {bearer}"})


def create(client: FlaskClient, bearer: str = "", /, **fields: Any) -> Any:
    body = {"name": "backup", "scope": "read", **fields}
    return ask(client, "POST", "/account/keys", bearer or login(client, ANN).text, **body)


def made(client: FlaskClient, **fields: Any) -> str:
    answer = create(client, **fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json["key"])


def listed(client: FlaskClient) -> list[dict[str, Any]]:
    answer = ask(client, "GET", "/account/keys", login(client, ANN).text)
    return list(answer.json["keys"])


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


def test_a_key_is_shown_once_and_only_its_hash_is_stored(client, keys, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    shown = create(client, name=" my backup ", expires_in_days=7).json
    key = shown.pop("key")
    assert re.fullmatch(r"v2m_[0-9a-f]{64}", key)
    assert key.startswith(shown["prefix"])
    assert len(shown["prefix"]) == 12
    assert (shown["name"], shown["scope"], shown["last_used_at"]) == ("my backup", "read", None)
    assert listed(client) == [shown]
    assert validate(client, key).status_code == 200
    assert validate(client, key[:-1] + "x").status_code == 401
    assert key not in caplog.text + repr(keys.rows) + repr([vars(row) for row in keys.rows])
    assert made(client) != key


def test_a_key_stands_for_its_account_and_is_never_an_administrators(client, users) -> None:
    users.insert(ADMIN, PASSWORD)
    token = login(client, ADMIN).text
    key = create(client, token, scope="all").json["key"]
    of_token, of_key = validate(client, token).json, validate(client, key).json
    assert (of_token["admin"], of_token["scope"]) == (True, "session")
    assert (of_key["admin"], of_key["scope"], of_key["exp"]) == (False, "all", None)
    for claim in ("username", "sub", "verified", "since"):
        assert of_key[claim] == of_token[claim]


SCOPES = ["read", "convert", "all", "session"]


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("needed", SCOPES)
def test_a_scope_includes_those_before_it(client, scope, needed) -> None:
    bearer = login(client, ANN).text if scope == "session" else made(client, scope=scope)
    answer = ask(client, "POST", f"/validate?scope={needed}", bearer)
    if SCOPES.index(scope) >= SCOPES.index(needed):
        assert (answer.status_code, answer.json["scope"]) == (200, scope)
    else:
        assert code(answer) == (403, "insufficient_scope")


def test_a_service_of_the_previous_release_which_knows_no_scopes_accepts_no_key(client) -> None:
    assert code(ask(client, "POST", "/validate", made(client, scope="all"))) == (403, "insufficient_scope")
    assert ask(client, "POST", "/validate", login(client, ANN).text).status_code == 200
    assert ask(client, "POST", "/validate?scope=other", login(client, ANN).text).status_code == 400


@pytest.mark.parametrize("path", ["/account/verification", "/account/password", "/account/sign-out", "/account/delete"])
def test_no_key_changes_the_account_itself(client, users, path) -> None:
    answer = ask(client, "POST", path, made(client, scope="all"), password=PASSWORD, current=PASSWORD, new="x" * 8)
    assert code(answer) == (403, "insufficient_scope")
    assert users.rows[0].token_version == 0


@pytest.mark.parametrize("scope", ["read", "convert", "all"])
def test_only_a_key_with_the_scope_all_lists_and_revokes_keys(client, scope) -> None:
    key = made(client, scope=scope)
    own = listed(client)[0]["id"]
    answers = [ask(client, "GET", "/account/keys", key), ask(client, "DELETE", f"/account/keys/{own}", key)]
    assert [answer.status_code for answer in answers] == ([200, 204] if scope == "all" else [403] * 2)


def test_no_key_creates_keys_which_would_stay_when_it_is_revoked(client, keys) -> None:
    key = made(client, scope="all")
    assert code(create(client, key)) == (403, "insufficient_scope")
    assert len(keys.rows) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""}, {"name": " "}, {"name": "x" * 101}, {"name": "a\nb"}, {"name": None}, {"name": 1},
        {"scope": "session"}, {"scope": "admin"}, {"scope": None},
        {"expires_in_days": 0}, {"expires_in_days": 3651}, {"expires_in_days": "7"}, {"expires_in_days": 1.5},
    ],
)  # fmt: skip
def test_an_invalid_key_is_not_created(client, keys, fields) -> None:
    assert code(create(client, **fields)) == (422, "invalid")
    assert keys.rows == []


def test_an_account_has_a_limited_number_of_keys(app, users) -> None:
    users.insert(ANN, PASSWORD)
    client = app(api_keys_per_account=2)
    for _ in range(2):
        made(client)
    assert code(create(client)) == (409, "too_many_keys")
    ask(client, "DELETE", f"/account/keys/{listed(client)[0]['id']}", login(client, ANN).text)
    made(client)


def test_a_revoked_key_ends_at_once_and_others_do_not(client) -> None:
    key, other = made(client), made(client)
    assert validate(client, key).status_code == 200
    token = login(client, ANN).text
    first, _ = listed(client)
    assert ask(client, "DELETE", f"/account/keys/{first['id']}", token).status_code == 204
    assert validate(client, key).status_code == 401
    assert validate(client, other).status_code == 200
    assert code(ask(client, "DELETE", f"/account/keys/{first['id']}", token)) == (404, "not_found")
    assert len(listed(client)) == 1


def test_nobody_sees_or_revokes_the_keys_of_another_account(client, users) -> None:
    key = made(client)
    users.insert("ben@example.com", PASSWORD)
    stranger = login(client, "ben@example.com").text
    assert ask(client, "GET", "/account/keys", stranger).json == {"keys": []}
    assert code(ask(client, "DELETE", f"/account/keys/{listed(client)[0]['id']}", stranger)) == (404, "not_found")
    assert validate(client, key).status_code == 200


def end(reason: str, users: Any, keys: Any) -> None:
    (user,), (key,) = users.rows, keys.rows
    if reason == "revoked":
        keys.revoke(user.account, key.id)
    elif reason == "expired":
        keys.rows = [replace(key, expires_at=api_key.now() - timedelta(seconds=1))]
    elif reason == "disabled":
        users.change(user, disabled=True)
    else:
        users.rows.clear()


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("reason", ["revoked", "expired", "disabled", "deleted"])
def test_an_ended_key_gets_the_same_answer_as_one_that_never_existed(app, users, keys, reason) -> None:
    users.insert(ANN, PASSWORD)
    client = app()
    key = made(client, scope="all")
    assert validate(client, key).status_code == 200
    end(reason, users, keys)
    answer, unknown = validate(client, key), validate(client, api_key.generate())
    assert code(answer) == (401, "invalid_key")
    assert (answer.json, answer.headers["WWW-Authenticate"]) == (unknown.json, unknown.headers["WWW-Authenticate"])


@pytest.mark.usefixtures("at_once")
def test_a_deleted_account_leaves_no_key(app, users, keys) -> None:
    users.insert(ANN, PASSWORD)
    client = app()
    key = made(client)
    assert ask(client, "POST", "/account/delete", login(client, ANN).text, password=PASSWORD).status_code == 204
    assert validate(client, key).status_code == 401
    assert keys.rows == []


def test_signing_out_everywhere_and_a_new_password_do_not_end_keys(client) -> None:
    key = made(client)
    ask(client, "POST", "/account/sign-out", login(client, ANN).text)
    assert validate(client, key).status_code == 200
    ask(client, "POST", "/account/password", login(client, ANN).text, current=PASSWORD, new="another password")
    assert validate(client, key).status_code == 200


@pytest.mark.usefixtures("at_once")
def test_without_the_database_a_known_key_works_and_an_ended_one_does_not(app, users) -> None:
    users.insert(ANN, PASSWORD)
    client, other = app(), app()
    key, revoked = made(client), made(client)
    ids = [row["id"] for row in listed(client)]
    assert [validate(client, each).status_code for each in (key, revoked)] == [200, 200]
    ask(client, "DELETE", f"/account/keys/{ids[1]}", login(client, ANN).text)
    assert validate(client, revoked).status_code == 401

    users.available = False

    assert validate(client, key).status_code == 200
    # Nobody can say whether it exists.
    assert validate(client, revoked).status_code == 503
    assert validate(other, key).status_code == 503


def test_the_last_use_is_stored_after_the_request_and_not_with_each(client, keys, monkeypatch) -> None:
    moments: list[Any] = []
    mark = keys.mark_used

    def marked(key_id: str, moment: Any) -> None:
        moments.append(moment)
        mark(key_id, moment)

    monkeypatch.setattr(keys, "mark_used", marked)
    key = made(client)
    for _ in range(5):
        assert validate(client, key).status_code == 200
    # A request that is refused is no use.
    assert ask(client, "POST", "/validate?scope=convert", key).status_code == 403
    eventually(lambda: listed(client)[0]["last_used_at"], what="the last use")
    assert len(moments) == 1


def test_a_last_use_that_cannot_be_stored_fails_no_request(client, users, keys, monkeypatch) -> None:
    tried: list[str] = []

    def fail(key_id: str, _moment: object) -> None:
        tried.append(key_id)
        users.available = False
        users.check()

    key = made(client)
    monkeypatch.setattr(keys, "mark_used", fail)
    assert validate(client, key).status_code == 200
    eventually(lambda: tried, what="the attempt to store the last use")
    assert validate(client, key).status_code == 200
