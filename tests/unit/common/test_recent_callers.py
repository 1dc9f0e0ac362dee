"""Which requests ask the auth service who the caller is, and which use its last answer."""

import json
import time
from typing import Any

import pytest
import requests
from flask import Flask

from common.domain.scopes import Scope
from common.errors import Forbidden, Unavailable
from common.http.identity import Identity
from common.http.recent_callers import FRESH, RecentCallers
from common.runtime.settings import LoginServiceSettings

CLAIMS: dict[str, Any] = {"username": "me@example.com", "sub": "an-id", "verified": True, "exp": time.time() + 3600}


class Auth:
    """The service at the other end of the connection."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.status = 200
        self.claims = CLAIMS

    def answer(self, method: str, url: str, **_: object) -> requests.Response:
        self.asked.append(f"{method} {url.partition('auth')[2]}")
        response = requests.Response()
        response.status_code = self.status
        response._content = json.dumps(self.claims).encode()
        return response


@pytest.fixture
def auth(monkeypatch) -> Auth:
    made = Auth()
    monkeypatch.setattr(requests.Session, "request", made.answer)
    return made


@pytest.fixture
def identity(auth) -> Identity:
    return Identity(LoginServiceSettings(auth_svc_address="auth"))


def calls(identity: Identity, scope: Scope, token: str = "a.token") -> str:
    with Flask("test").test_request_context(headers={"Authorization": f"Bearer {token}"}):
        return identity.owner(scope).key


def test_reading_asks_once_in_a_while_for_each_credential(identity, auth):
    assert {calls(identity, Scope.READ) for _ in range(3)} == {"an-id"}
    calls(identity, Scope.READ, "another.token")
    assert auth.asked == ["POST /validate?scope=read"] * 2


def test_what_changes_something_always_asks(identity, auth):
    calls(identity, Scope.READ)
    for scope in (Scope.CONVERT, Scope.ALL, Scope.SESSION):
        calls(identity, scope)
    assert len(auth.asked) == 4
    auth.status = 503
    with pytest.raises(Unavailable):
        calls(identity, Scope.CONVERT)
    assert calls(identity, Scope.READ) == "an-id"


@pytest.mark.parametrize("status", [204, 503])
def test_a_change_of_an_account_is_effective_at_once_in_the_process_that_forwards_it(identity, auth, status):
    calls(identity, Scope.READ)
    auth.status = status
    try:
        identity.ask("POST", "/sign-out")
    except Unavailable:
        # It may have arrived.
        assert status == 503
    auth.status = 403
    auth.claims = {"error": "The token has ended.", "code": "invalid_token"}
    with pytest.raises(Forbidden):
        calls(identity, Scope.READ)


def test_an_address_that_is_confirmed_counts_at_once(identity, auth):
    auth.claims = {**CLAIMS, "verified": False}
    with pytest.raises(Forbidden):
        calls(identity, Scope.READ)
    auth.claims = CLAIMS
    assert calls(identity, Scope.READ) == "an-id"


def test_an_answer_is_used_for_seconds_and_not_after_the_end_of_the_token():
    moment = [0.0]
    recent = RecentCallers(clock=lambda: moment[0])
    recent.remember("a", CLAIMS, 0)
    recent.remember("expired", {**CLAIMS, "exp": time.time() - 1}, 0)
    recent.remember("without an end", {**CLAIMS, "exp": None}, 0)
    moment[0] = FRESH - 0.1
    assert [recent.get(each) is not None for each in ("a", "expired", "without an end")] == [True, False, True]
    moment[0] = FRESH
    assert recent.get("a") is None


def test_the_answers_of_thousands_of_callers_are_kept_and_not_of_all():
    recent = RecentCallers()
    for number in range(5000):
        recent.remember(str(number), CLAIMS, time.monotonic())
    assert (recent.get("0"), recent.get("4999")) == (None, CLAIMS)
