"""Every route of the gateway and of the summary service needs a scope, or is listed here as one that needs none."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from flask import Flask
from flask_limiter import Limiter
from pymongo import MongoClient

import gateway.server
import summary.server
from common.http.identity import Identity
from common.messaging.connection import BrokerConnection
from common.storage import mongo
from gateway import rate_limits
from gateway.settings import GatewaySettings
from summary.settings import SummarySettings

KEY = "v2m_" + "0" * 64
SETTINGS: dict[str, Any] = {
    "mongo_uri": "mongodb://127.0.0.1", "rabbitmq_uri": "amqp://127.0.0.1", "auth_svc_address": "127.0.0.1",
}  # fmt: skip

GATEWAY = {
    "read": {
        "GET /account", "GET /jobs", "GET /jobs/<fid>", "GET /jobs/<fid>/events", "GET /jobs/events",
        "GET /jobs/<fid>/link", "GET /download", "GET /account/export", "GET /account/export/link",
    },
    "convert": {
        "POST /upload", "POST /files", "HEAD /files/<fid>", "PATCH /files/<fid>", "POST /files/<fid>",
        "POST /jobs/<fid>/retry", "POST /jobs/<fid>/cancel", "PATCH /jobs/<fid>", "POST /summaries",
    },
    "all": {
        "PATCH /account", "DELETE /jobs/<fid>", "DELETE /files/<fid>",
        "GET /account/keys", "DELETE /account/keys/<key_id>",
    },
    "session": {
        "POST /account/verification", "POST /account/password", "POST /account/sign-out", "DELETE /account",
        "POST /account/keys",
        "GET /admin/accounts", "GET /admin/accounts/<account>", "POST /admin/accounts/<account>/disable",
        "POST /admin/accounts/<account>/enable", "PUT /admin/accounts/<account>/quotas", "GET /admin/status",
        "GET /admin/audit",
    },
    # The summary service checks them.
    "forwarded": {
        "GET /summaries", "GET /summaries/<summary_id>", "DELETE /summaries/<summary_id>", "GET /transcripts/<file_id>",
    },
    # They have no caller, or prove who it is in another way.
    "public": {
        "POST /login", "POST /register", "GET /info", "POST /password-reset", "OPTIONS /files", "OPTIONS /files/<fid>",
        "GET /verify", "POST /verify", "GET /reset-password", "POST /reset-password",
        "GET /oidc/login", "GET /oidc/callback", "POST /oidc/token", "GET /openapi.json", "GET /docs", "GET /healthz",
    },
}  # fmt: skip
SUMMARY = {
    "read": {"GET /summaries", "GET /summaries/<summary_id>", "GET /transcripts/<file_id>"},
    "convert": {"POST /summaries"},
    "all": {"DELETE /summaries/<summary_id>"},
    "public": {"GET /healthz"},
}


class Recorder:
    """The auth service, which refuses all callers and remembers the scopes that they needed."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def ask(self, _method: str, path: str, **_: object) -> requests.Response:
        assert path.startswith("/validate?scope="), f"{path} was requested for a caller who was refused"
        self.scopes.append(path.removeprefix("/validate?scope="))
        answer = requests.Response()
        answer.status_code = 403
        answer._content = json.dumps({"error": "Too small.", "code": "insufficient_scope"}).encode()
        return answer


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Nothing connects to anything."""
    made = Recorder()
    monkeypatch.setattr(Identity, "ask", made.ask)
    monkeypatch.setattr(mongo, "connect", lambda _: MongoClient("mongodb://127.0.0.1:1", connect=False))
    monkeypatch.setattr(mongo, "create_indexes", lambda *_: None)
    monkeypatch.setattr(BrokerConnection, "start", lambda *_: None)
    monkeypatch.setattr("threading.Thread.start", lambda _: None)
    monkeypatch.setattr(rate_limits, "Limiter", lambda key, app, **_: Limiter(key, app=app, storage_uri="memory://"))
    return made


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    """Each method and rule; HEAD and OPTIONS only where they are more than Flask's."""
    for rule in app.url_map.iter_rules():
        for method in sorted(rule.methods or ()):
            if "/files" in rule.rule or method not in {"HEAD", "OPTIONS"}:
                yield method, rule.rule


def scope_of(app: Flask, recorder: Recorder, method: str, rule: str) -> str | None:
    """The scope that a request needs, None if its caller is not asked for."""
    path = rule.replace("<", "").replace(">", "")
    for name in ("summary_id", "file_id", "key_id", "fid"):
        path = path.replace(name, "0" * 24)
    recorder.scopes.clear()
    headers = {"Authorization": f"Bearer {KEY}", "Tus-Resumable": "1.0.0", "X-HTTP-Method-Override": "PATCH"}
    answer = app.test_client().open(path, method=method, headers=headers, json={})
    if not recorder.scopes:
        return None
    assert answer.status_code == 403, (method, rule, answer.text)
    (scope,) = recorder.scopes
    return scope


def check(app: Flask, recorder: Recorder, declared: dict[str, set[str]]) -> None:
    expected = {route: scope for scope, group in declared.items() for route in group}
    found = {f"{method} {rule}": scope_of(app, recorder, method, rule) for method, rule in routes(app)}
    unnamed = {"public", "forwarded"}
    assert found == {route: None if scope in unnamed else scope for route, scope in expected.items()}


def test_every_route_of_the_gateway_needs_its_scope(recorder: Recorder) -> None:
    check(gateway.server.create_app(GatewaySettings(**SETTINGS, link_secret="x" * 32)), recorder, GATEWAY)


def test_every_route_of_the_summary_service_needs_its_scope(recorder: Recorder) -> None:
    check(summary.server.create_app(SummarySettings(**SETTINGS)), recorder, SUMMARY)
    assert GATEWAY["forwarded"] <= {route for group in SUMMARY.values() for route in group}


@pytest.mark.parametrize(("override", "scope"), [("PATCH", "convert"), ("HEAD", "convert"), ("DELETE", "all")])
def test_a_method_in_a_header_needs_the_scope_of_that_method(recorder: Recorder, override: str, scope: str) -> None:
    app = gateway.server.create_app(GatewaySettings(**SETTINGS, link_secret="x" * 32))
    headers = {"Authorization": f"Bearer {KEY}", "Tus-Resumable": "1.0.0", "X-HTTP-Method-Override": override}
    assert app.test_client().post("/files/" + "0" * 24, headers=headers).status_code == 403
    assert recorder.scopes == [scope]
