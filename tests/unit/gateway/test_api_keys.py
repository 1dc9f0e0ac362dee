"""`/account/keys` in the gateway, which forwards to the auth service, and the limit of wrong keys."""

import json
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from flask_limiter import Limiter

from common.domain.owners import Owner
from common.domain.scopes import Scope
from common.errors import Unauthorized
from common.http import app as http
from common.http.app import bearer_token
from gateway import api_keys, rate_limits
from gateway.settings import GatewaySettings
from tests.unit.gateway.test_accounts import SETTINGS

GOOD, WRONG = "v2m_" + "0" * 64, "v2m_" + "f" * 64


class Identity:
    """The auth service, which knows one key."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, bytes | None]] = []

    def owner(self, _scope: Scope) -> Owner:
        if bearer_token() == WRONG:
            raise Unauthorized("The key is wrong.", code="invalid_key")
        return Owner("ann@example.com", "an-id", None)

    def ask(self, method: str, path: str, *, data: bytes | None, **_: object) -> requests.Response:
        self.asked.append((method, path, data))
        answer = requests.Response()
        answer.status_code = {"GET": 200, "POST": 201, "DELETE": 204}[method]
        answer._content = b"" if method == "DELETE" else json.dumps({"key": GOOD}).encode()
        answer.headers["Content-Type"] = "application/json"
        return answer


@pytest.fixture
def identity() -> Identity:
    return Identity()


@pytest.fixture
def web(identity: Any, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    app: Flask = http.create_app("test")
    settings = GatewaySettings(**SETTINGS, login_limit_per_address="3/minute")  # type: ignore[arg-type]
    monkeypatch.setattr(rate_limits, "Limiter", lambda key, **_: Limiter(key, app=app, storage_uri="memory://"))
    app.register_blueprint(api_keys.blueprint(settings, identity, rate_limits.limiter(app, settings)))
    api_keys.limit_wrong_keys(app, settings)
    return app.test_client()


def ask(web: FlaskClient, key: str, address: str = "192.0.2.1", scheme: str = "Bearer ") -> tuple[int, str]:
    headers = {"Authorization": scheme + key}
    answer = web.get("/account/keys", headers=headers, environ_base={"REMOTE_ADDR": address})
    return answer.status_code, answer.get_json().get("code", "")


def test_requests_are_forwarded_and_no_cache_stores_a_key(web, identity):
    headers, body = {"Authorization": f"Bearer {GOOD}"}, {"name": "backup", "scope": "read"}
    created = web.post("/account/keys", headers=headers, json=body)
    assert (created.status_code, created.headers["Cache-Control"]) == (201, "no-store")
    assert web.get("/account/keys", headers=headers).status_code == 200
    assert web.delete("/account/keys/an-id-1", headers=headers).status_code == 204
    assert [(method, path) for method, path, _ in identity.asked] == [
        ("POST", "/account/keys"), ("GET", "/account/keys"), ("DELETE", "/account/keys/an-id-1"),
    ]  # fmt: skip
    assert json.loads(identity.asked[0][2]) == body


@pytest.mark.parametrize("key_id", ["a:b", "..", "é", "%2e%2e"])
def test_the_id_of_a_key_cannot_lead_to_another_route(web, identity, key_id):
    assert web.delete(f"/account/keys/{key_id}", headers={"Authorization": f"Bearer {GOOD}"}).status_code in {400, 404}
    assert identity.asked == []


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer   "])
def test_a_client_that_sends_many_wrong_keys_has_to_wait_and_others_do_not(web, scheme):
    assert [ask(web, WRONG, scheme=scheme) for _ in range(3)] == [(401, "invalid_key")] * 3
    assert ask(web, WRONG, scheme=scheme) == ask(web, GOOD) == (429, "too_many_attempts")
    assert ask(web, GOOD, "192.0.2.2") == (200, "")
    # Tokens are not counted.
    assert ask(web, "a.b.c") == (200, "")


def test_right_keys_are_not_counted(web):
    assert [ask(web, GOOD) for _ in range(9)] == [(200, "")] * 9
