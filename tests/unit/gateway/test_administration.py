"""`/admin`: who may use it, and that no act is without a record in the audit log."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from common.domain.owners import Owner
from common.domain.quotas import Amounts, Quotas
from common.errors import Forbidden, Unavailable
from common.http import app as http
from common.http.app import ADMINISTRATORS_ONLY, bearer_token
from common.runtime.dependencies import Dependencies
from common.runtime.health import DEPENDENCIES
from common.storage.mongo import StorageUnavailable
from gateway.administration import routes
from gateway.administration.accounts import AccountAdministration
from gateway.administration.audit import AuditLog
from gateway.administration.directory import Directory
from gateway.administration.status import SystemStatus
from gateway.housekeeping.repository import HousekeepingRepository
from gateway.openapi.document import document
from tests.unit.gateway.memory import World, ago, settings

ADMIN = Owner("admin@example.com", "admin-id", None)
DEFAULTS = Quotas(stored=100, conversions=5)
TOKEN = {"Authorization": "Bearer admin"}


class AuthService:
    """Accounts, and an administrator whose token is `admin`."""

    def __init__(self) -> None:
        self.accounts = {name: account(name) for name in ("ann", "ben", "cleo")}
        self.accounts["admin"] = account("admin", admin=True)
        self.failure: tuple[int, str] | None = None
        self.asked: list[str] = []

    def administrator(self) -> Owner:
        if bearer_token() != "admin":
            raise Forbidden(ADMINISTRATORS_ONLY, code="administrators_only")
        return ADMIN

    def ask(self, method: str, path: str, *, data: bytes | None = None, **_: object) -> requests.Response:
        self.asked.append(f"{method} {path}")
        status, content = self._answer(method, urlsplit(path).path, parse_qs(urlsplit(path).query), data)
        answer = requests.Response()
        answer.status_code, answer._content = status, json.dumps(content).encode()
        return answer

    def _answer(
        self, method: str, path: str, query: Mapping[str, list[str]], data: bytes | None
    ) -> tuple[int, dict[str, Any]]:
        if path == "/accounts":
            after, limit = query.get("after", [""])[0], int(query["limit"][0])
            rows = sorted((row for row in self.accounts.values() if row["email"] > after), key=lambda row: row["email"])
            return 200, {"accounts": rows[:limit], "more": len(rows) > limit}
        _, _, name, *act = path.split("/")
        found = self.accounts.get(name.removesuffix("-id"))
        if found is None:
            return 404, {"error": "There is no account with this id.", "code": "no_such_account"}
        if method == "POST":
            if self.failure is not None:
                status, code = self.failure
                if status >= 500:
                    raise Unavailable("The auth service is unavailable.")
                return status, {"error": "No.", "code": code}
            assert json.loads(data or b"") == {"version": found["version"]}
            found |= {"disabled": act == ["disable"], "version": found["version"] + 1}
        return 200, found


def account(name: str, *, admin: bool = False) -> dict[str, Any]:
    return {
        "id": f"{name}-id", "email": f"{name}@example.com", "verified": True, "disabled": False, "admin": admin,
        "since": 1_700_000_000, "version": 0,
    }  # fmt: skip


class Usage:
    """`UsageRepository`, without MongoDB."""

    def __init__(self) -> None:
        self.quotas: dict[str, dict[str, Any]] = {}
        self.opened: list[str] = []
        self.raced = False

    def open(self, owner: Owner) -> None:
        self.opened.append(owner.key)

    def of_accounts(self, owners: list[str]) -> dict[str, tuple[Amounts, dict[str, Any]]]:
        return {owner: (Amounts(stored=7), self.quotas.get(owner, {})) for owner in owners}

    def set_quotas(self, owner: str, seen: dict[str, Any], quotas: dict[str, Any]) -> bool:
        if self.raced or self.quotas.get(owner, {}) != seen:
            return False
        self.quotas[owner] = quotas
        return True


@pytest.fixture
def auth() -> AuthService:
    return AuthService()


@pytest.fixture
def usage() -> Usage:
    return Usage()


@pytest.fixture
def audit(world: World) -> AuditLog:
    return AuditLog(world.db)


@pytest.fixture
def web(world: World, auth: Any, usage: Any, audit: AuditLog) -> FlaskClient:
    app = http.create_app("test")
    app.extensions[DEPENDENCIES] = Dependencies({"mongodb": lambda: None})
    status = SystemStatus(settings(), world.publisher, world.store.jobs, HousekeepingRepository(world.db))
    administration = AccountAdministration(Directory(auth), usage, world.store.jobs, audit, DEFAULTS)
    app.register_blueprint(routes.blueprint(auth, administration, audit, status))
    return app.test_client()


def valid(answer: Any, schema: str) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    components = document()["components"]
    jsonschema.validate(answer.get_json(), {"$ref": f"#/components/schemas/{schema}", "components": components})
    found: dict[str, Any] = answer.get_json()
    return found


def acts(web: FlaskClient) -> list[tuple[str, str, str | None]]:
    """Newest first."""
    page = valid(web.get("/admin/audit", headers=TOKEN), "AuditPage")
    return [(act["act"], act["outcome"], act["error_code"]) for act in page["acts"]]


def admin_routes(app: Flask) -> list[tuple[str, str]]:
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith("/admin")]
    return [(method, rule.rule) for rule in rules for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]


@pytest.mark.parametrize(("token", "status"), [("user", 403), ("", 401)])
def test_every_route_refuses_everybody_but_administrators_and_does_nothing(web, auth, usage, world, token, status):
    found = admin_routes(web.application)
    documented = {path for path in document()["paths"] if path.startswith("/admin")}
    assert {rule.replace("<account>", "{account}") for _, rule in found} == documented
    for method, rule in found:
        path = rule.replace("<account>", "ann-id")
        answer = web.open(path, method=method, headers={"Authorization": f"Bearer {token}"}, json={"stored_bytes": 1})
        assert answer.status_code == status, rule
        assert answer.get_json()["code"] == ("administrators_only" if token else "unauthorized")
    assert (auth.asked, usage.quotas, world.db["audit"].documents) == ([], {}, {})


def test_accounts_are_listed_in_pages_with_their_usage(web):
    first = valid(web.get("/admin/accounts?limit=2", headers=TOKEN), "AdminAccountPage")
    second = valid(web.get(first["next"], headers=TOKEN), "AdminAccountPage")
    emails = [each["email"] for page in (first, second) for each in page["accounts"]]
    assert emails == [f"{name}@example.com" for name in ("admin", "ann", "ben", "cleo")]
    assert second["next"] is None
    assert first["accounts"][0]["usage"]["stored_bytes"] == {"used": 7, "limit": 100}


@pytest.mark.parametrize("query", ["50%25", "_", "a%26limit=1", "%23", "é", "%00"])
def test_hostile_search_texts_reach_the_auth_service_as_they_are(web, auth, query):
    web.get(f"/admin/accounts?query={query}", headers=TOKEN)
    ((_, path),) = [asked.split(" ") for asked in auth.asked]
    sent = parse_qs(urlsplit(path).query, keep_blank_values=True)
    assert sent["query"] == parse_qs(f"q={query}")["q"]
    assert sent["limit"] == ["50"]


def test_a_search_text_that_is_too_long_is_refused(web):
    assert web.get(f"/admin/accounts?query={'x' * 255}", headers=TOKEN).status_code == 400


@pytest.mark.parametrize("name", ["..", "ann-id%3Fx", "ann-id%23", "é", "x" * 65, "nobody-id"])
def test_an_id_leads_to_no_other_route_of_the_auth_service(web, auth, name):
    for method, path in (("GET", ""), ("POST", "/disable"), ("PUT", "/quotas")):
        answer = web.open(f"/admin/accounts/{name}{path}", method=method, headers=TOKEN, json={})
        assert answer.status_code == 404
    assert set(auth.asked) <= {"GET /accounts/nobody-id"}
    # What an administrator has tried is recorded.
    if name.isascii() and name != "..":
        assert acts(web) == [(act, "failed", "no_such_account") for act in ("set_quotas", "disable")]


def test_disabling_and_enabling_is_recorded_with_everything_about_it(web, usage):
    done = valid(
        web.post("/admin/accounts/ann-id/disable", headers={**TOKEN, "X-Request-ID": "request-1"}), "AdminAccountDetail"
    )
    assert done["disabled"] is True
    # Repeated, it is no act.
    assert web.post("/admin/accounts/ann-id/disable", headers=TOKEN).status_code == 200
    assert valid(web.post("/admin/accounts/ann-id/enable", headers=TOKEN), "AdminAccountDetail")["disabled"] is False
    assert acts(web) == [("enable", "done", None), ("disable", "done", None)]
    entry = web.get("/admin/audit", headers=TOKEN).get_json()["acts"][1]
    assert {name: entry[name] for name in ("actor", "target", "before", "after", "request_id")} == {
        "actor": {"account": "admin-id", "email": "admin@example.com", "command": None},
        "target": {"account": "ann-id", "email": "ann@example.com", "subject": None, "queue": None},
        "before": {"disabled": False},
        "after": {"disabled": True},
        "request_id": "request-1",
    }


def test_no_index_that_expires_documents_can_delete_an_entry(web, world):
    web.post("/admin/accounts/ann-id/disable", headers=TOKEN)
    for collection in ("audit", "audit_outcomes"):
        (document,) = world.db[collection].documents.values()
        assert not [name for name, value in document.items() if isinstance(value, datetime)]


@pytest.mark.parametrize(
    ("failure", "status", "outcome"),
    [
        ((409, "account_modified"), 409, "failed"),
        ((403, "administrators_only"), 403, "failed"),
        ((429, "too_many_requests"), 429, "failed"),
        # The auth service may have done it before it failed.
        ((503, "unavailable"), 503, "unknown"),
    ],
)
def test_an_act_that_fails_is_recorded_as_such(web, auth, failure, status, outcome):
    auth.failure = failure
    answer = web.post("/admin/accounts/ann-id/disable", headers=TOKEN)
    assert (answer.status_code, answer.get_json()["code"]) == (status, failure[1])
    assert acts(web) == [("disable", outcome, failure[1])]


def test_an_administrator_cannot_disable_the_own_account(web, auth):
    answer = web.post("/admin/accounts/admin-id/disable", headers=TOKEN)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "own_account")
    assert not auth.accounts["admin"]["disabled"]
    assert acts(web) == [("disable", "failed", "own_account")]


@pytest.mark.parametrize(("path", "method"), [("disable", "POST"), ("quotas", "PUT")])
def test_an_act_that_cannot_be_recorded_is_not_done(web, auth, usage, audit, path, method, monkeypatch):
    def fails(_: object) -> None:
        raise StorageUnavailable("MongoDB is down")

    monkeypatch.setattr(audit.acts, "insert_one", fails)
    answer = web.open(f"/admin/accounts/ann-id/{path}", method=method, headers=TOKEN, json={"stored_bytes": 5})
    assert answer.status_code == 503
    assert (auth.accounts["ann"]["disabled"], usage.quotas) == (False, {})


def test_an_act_whose_outcome_cannot_be_recorded_has_a_record_without_an_outcome(web, auth, audit, monkeypatch):
    def fails(_: object) -> None:
        raise StorageUnavailable("MongoDB is down")

    monkeypatch.setattr(audit.outcomes, "insert_one", fails)
    assert web.post("/admin/accounts/ann-id/disable", headers=TOKEN).status_code == 200
    assert auth.accounts["ann"]["disabled"]
    assert acts(web) == [("disable", "unknown", None)]


def test_quotas_of_an_account_replace_the_defaults_until_they_are_null(web, usage):
    path = "/admin/accounts/ann-id"
    shown = valid(web.get(path, headers=TOKEN), "AdminAccountDetail")
    assert set(shown["quotas"].values()) == {None}
    assert shown["default_quotas"]["stored_bytes"] == 100
    assert shown["default_quotas"]["unfinished_uploads"] == 0
    assert shown["default_quotas"]["concurrent_jobs"] == 0
    assert usage.opened == ["ann-id"]

    wanted = {"stored_bytes": 5, "conversions_per_day": 0, "concurrent_jobs": 3}
    shown = valid(web.put(f"{path}/quotas", headers=TOKEN, json=wanted), "AdminAccountDetail")
    assert usage.quotas["ann-id"] == {"stored": 5, "conversions": None, "jobs": 3}
    assert {name: value for name, value in shown["quotas"].items() if value is not None} == wanted
    assert shown["usage"]["stored_bytes"]["limit"] == 5
    assert shown["usage"]["conversions_today"]["limit"] is None
    assert shown["usage"]["concurrent_jobs"] == {"used": 0, "limit": 3}

    shown = valid(web.put(f"{path}/quotas", headers=TOKEN, json={"stored_bytes": None}), "AdminAccountDetail")
    assert shown["usage"]["stored_bytes"]["limit"] == 100
    # The same again is no act.
    web.put(f"{path}/quotas", headers=TOKEN, json={})
    assert acts(web) == [("set_quotas", "done", None)] * 2
    (entry, _) = web.get("/admin/audit", headers=TOKEN).get_json()["acts"]
    assert entry["before"]["stored_bytes"] == 5
    assert entry["after"]["stored_bytes"] is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (None, 400), ([1], 400), ({"stored": 5}, 422), ({"stored_bytes": -1}, 422), ({"stored_bytes": 2**53}, 422),
        ({"stored_bytes": 1.5}, 422), ({"stored_bytes": True}, 422), ({"stored_bytes": "5"}, 422),
    ],
)  # fmt: skip
def test_invalid_quotas_are_refused_and_are_no_act(web, usage, body, status):
    request = {} if body is None else {"json": body}
    assert web.put("/admin/accounts/ann-id/quotas", headers=TOKEN, **request).status_code == status
    assert (usage.quotas, acts(web)) == ({}, [])


def test_of_two_administrators_who_change_the_quotas_from_the_same_state_the_second_is_refused(web, usage):
    path = "/admin/accounts/ann-id"
    etag = web.get(path, headers=TOKEN).headers["ETag"]
    stale = {**TOKEN, "If-Match": etag}
    changed = web.put(f"{path}/quotas", headers=stale, json={"stored_bytes": 5})
    assert changed.status_code == 200
    answer = web.put(f"{path}/quotas", headers=stale, json={"stored_bytes": 6})
    assert (answer.status_code, answer.get_json()["code"]) == (412, "precondition_failed")
    assert acts(web)[0] == ("set_quotas", "failed", "precondition_failed")
    fresh = {**TOKEN, "If-Match": changed.headers["ETag"]}
    assert web.put(f"{path}/quotas", headers=fresh, json={"stored_bytes": 6}).status_code == 200
    # At the same time: both have read the same.
    usage.raced = True
    answer = web.put(f"{path}/quotas", headers=TOKEN, json={"stored_bytes": 7})
    assert (answer.status_code, answer.get_json()["code"]) == (409, "account_modified")
    assert acts(web)[0] == ("set_quotas", "failed", "account_modified")


def test_the_audit_log_has_pages_and_can_be_limited_to_one_account(web):
    for name in ("ann", "ben"):
        for act in ("disable", "enable"):
            web.post(f"/admin/accounts/{name}-id/{act}", headers=TOKEN)
    seen, following = [], "/admin/audit?limit=3"
    while following:
        page = valid(web.get(following, headers=TOKEN), "AuditPage")
        seen += [(act["target"]["account"], act["act"]) for act in page["acts"]]
        following = page["next"]
    assert seen == [(f"{name}-id", act) for name in ("ben", "ann") for act in ("enable", "disable")]
    page = valid(web.get("/admin/audit?account=ann-id&limit=1", headers=TOKEN), "AuditPage")
    assert "account=ann-id" in page["next"]
    assert [act["target"]["account"] for act in web.get(page["next"], headers=TOKEN).get_json()["acts"]] == ["ann-id"]
    assert web.get("/admin/audit?after=x", headers=TOKEN).status_code == 400


def test_the_status_shows_queues_and_jobs(web, world):
    oldest = world.job(updated_at=ago(hours=1))
    world.job(waiting=True)
    world.job(status="converting")
    world.completed()
    status = valid(web.get("/admin/status", headers=TOKEN), "SystemStatus")
    assert status["jobs"] == {"queued": 2, "converting": 1, "completed": 1, "failed": 0, "waiting": 1}
    assert status["oldest_queued_at"] == oldest.updated_at.isoformat()
    known = {queue["name"]: (queue["ready"], queue["dead_letters"]) for queue in status["queues"]}
    assert known == {"video": (0, 0), "mp3": (None, 0), "summary": (None, 0), "mail": (None, 0)}
    assert status["dependencies"] == {"mongodb": "up"}


def test_the_status_without_the_servers_shows_what_is_known(web, world, monkeypatch):
    def fails(*_: object) -> int:
        raise StorageUnavailable("MongoDB is down")

    monkeypatch.setattr(type(world.store.jobs.turns), "count_waiting", fails)
    world.publisher.available = False
    status = valid(web.get("/admin/status", headers=TOKEN), "SystemStatus")
    assert (status["queues"], status["jobs"], status["oldest_queued_at"]) == (None, None, None)
