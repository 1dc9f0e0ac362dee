"""The routes `/accounts` of the auth service: for administrators only."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from auth.users import User
from tests.unit.auth import test_contract
from tests.unit.auth.test_contract import ADMIN, PASSWORD, InMemoryUsers, login, validate

ANN = "ann@example.com"
OTHER_ADMIN = "root@example.com"

users, keys, app = test_contract.users, test_contract.keys, test_contract.app


@pytest.fixture
def client(app: Callable[..., FlaskClient], monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setattr("auth.recent.FRESH", 0.0)
    return app(admin_emails=f"{ADMIN},{OTHER_ADMIN}")


@pytest.fixture
def admin(users: InMemoryUsers) -> User:
    return users.insert(ADMIN, PASSWORD)


def ask(client: FlaskClient, method: str, path: str, token: str, **more: Any) -> Any:
    return client.open(path, method=method, headers={"Authorization": f"Bearer {token}"}, **more)


def routes(app: Flask) -> list[tuple[str, str]]:
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/accounts")]
    return [(method, rule.rule) for rule in rules for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]


@pytest.mark.parametrize("caller", ["nobody", "user", "unconfirmed", "former administrator"])
def test_every_route_refuses_everybody_but_administrators(app, client, users, admin, caller) -> None:
    ann = users.insert(ANN, PASSWORD)
    token = login(client, ADMIN).text
    asked = client
    if caller == "unconfirmed":
        users.change(admin, verified=False)
    elif caller == "former administrator":
        asked = app(admin_emails=OTHER_ADMIN)
        assert validate(asked, token).json["admin"] is False
    elif caller == "user":
        token = login(client, ANN).text
    expected = (401, "invalid_token") if caller == "nobody" else (403, "administrators_only")
    before = list(users.rows)
    found = routes(client.application)
    assert len(found) == 4
    for method, rule in found:
        path = rule.replace("<account>", ann.account)
        answer = ask(asked, method, path, "a.b.c" if caller == "nobody" else token, json={"version": 0})
        assert (answer.status_code, answer.json["code"]) == expected, rule
    assert users.rows == before


def test_accounts_are_listed_in_pages_and_found_by_the_beginning_of_the_address_or_the_id(client, users, admin) -> None:
    names = [users.insert(f"user-{number}@example.com", PASSWORD, since=1_700_000_000).email for number in range(5)]
    gone = users.insert("gone@example.com", PASSWORD)
    users.delete(gone)
    token = login(client, ADMIN).text
    seen, after, more = [], "", True
    while more:
        page = ask(client, "GET", f"/accounts?limit=2&after={after}", token).json
        seen += [each["email"] for each in page["accounts"]]
        after, more = seen[-1], page["more"]
    assert seen == [ADMIN, *names]
    found = ask(client, "GET", "/accounts?query=user-3", token).json
    assert [each["email"] for each in found["accounts"]] == ["user-3@example.com"]
    by_id = ask(client, "GET", f"/accounts?query={admin.account}", token).json["accounts"]
    assert by_id == [{
        "id": admin.account, "email": ADMIN, "verified": True, "disabled": False, "admin": True, "since": None,
        "version": 0,
    }]  # fmt: skip
    assert ask(client, "GET", f"/accounts?query={gone.account}", token).json["accounts"] == []
    assert ask(client, "GET", f"/accounts/{gone.account}", token).json["code"] == "no_such_account"


def test_a_disabled_account_has_no_valid_token_even_after_it_is_enabled_again(client, users, admin) -> None:
    ann = users.insert(ANN, PASSWORD)
    token, theirs = login(client, ADMIN).text, login(client, ANN).text
    done = ask(client, "POST", f"/accounts/{ann.account}/disable", token, json={"version": 0})
    assert (done.json["disabled"], done.json["version"]) == (True, 1)
    assert validate(client, theirs).status_code == 401
    assert login(client, ANN).json["code"] == "account_disabled"
    # Repeated, it changes nothing.
    assert ask(client, "POST", f"/accounts/{ann.account}/disable", token, json={"version": 0}).json == done.json

    done = ask(client, "POST", f"/accounts/{ann.account}/enable", token, json={"version": 1})
    assert done.json["disabled"] is False
    assert validate(client, theirs).status_code == 401
    assert login(client, ANN).status_code == 200


def test_an_administrator_cannot_disable_the_own_account_and_can_disable_another_administrator(
    client, users, admin
) -> None:
    other = users.insert(OTHER_ADMIN, PASSWORD)
    token, theirs = login(client, ADMIN).text, login(client, OTHER_ADMIN).text
    answer = ask(client, "POST", f"/accounts/{admin.account}/disable", token, json={"version": 0})
    assert (answer.status_code, answer.json["code"]) == (403, "own_account")
    assert ask(client, "POST", f"/accounts/{other.account}/disable", token, json={"version": 0}).status_code == 200
    assert ask(client, "GET", "/accounts", theirs).status_code == 401


@pytest.mark.parametrize("changed", ["account", "administrator"])
def test_a_change_is_refused_after_another_one_that_the_administrator_has_not_seen(
    client, users, admin, changed, monkeypatch
) -> None:
    ann = users.insert(ANN, PASSWORD)
    token = login(client, ADMIN).text
    if changed == "account":
        users.end_tokens(ann)
    else:
        # Between the check of the token and the update.
        found = InMemoryUsers.set_disabled

        def late(_: InMemoryUsers, seen: User, administrator: User, *, disabled: bool) -> bool:
            users.rows = [replace(row, disabled=True) if row.email == ADMIN else row for row in users.rows]
            return found(users, seen, administrator, disabled=disabled)

        monkeypatch.setattr(InMemoryUsers, "set_disabled", late)
    answer = ask(client, "POST", f"/accounts/{ann.account}/disable", token, json={"version": 0})
    assert (answer.status_code, answer.json["code"]) == (409, "account_modified")
    assert not users.find(ANN).disabled


@pytest.mark.parametrize("account", ["é", "x", "%00", "0" * 36, "'" * 36])
def test_an_unknown_id_is_not_found(client, users, admin, account) -> None:
    token = login(client, ADMIN).text
    assert ask(client, "GET", f"/accounts/{account}", token).status_code == 404


@pytest.mark.parametrize("body", [{}, {"version": -1}, {"version": "0"}, {"version": None}])
def test_an_invalid_version_is_refused(client, users, admin, body) -> None:
    ann = users.insert(ANN, PASSWORD)
    token = login(client, ADMIN).text
    assert ask(client, "POST", f"/accounts/{ann.account}/disable", token, json=body).status_code == 422
