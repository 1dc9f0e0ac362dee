"""What an account chooses, and what visitors learn before they have one."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_limiter import Limiter
from werkzeug.test import TestResponse

from common.domain.accounts import Accounts
from common.domain.job_repository import Jobs
from common.domain.owners import Owner
from common.domain.scopes import Scope
from common.http import app as http
from gateway import accounts
from gateway.settings import GatewaySettings
from tests.unit.gateway.memory import OWNER, Database, Unused

DAY = timedelta(days=1)
SETTINGS = {
    "mongo_uri": "mongodb://127.0.0.1", "rabbitmq_uri": "amqp://127.0.0.1", "auth_svc_address": "127.0.0.1",
    "link_secret": "x" * 32,
}  # fmt: skip


class Identity:
    def owner(self, _scope: Scope) -> Owner:
        return Owner(OWNER, "an-id", datetime.now(UTC))

    def account(self, scope: Scope) -> tuple[Owner, bool]:
        return self.owner(scope), True


class NoMails:
    """For tests in which no email is sent."""


def shown(answer: TestResponse) -> dict[str, Any]:
    return {name: answer.get_json()[name] for name in ("email", "emails", "verified")}


@pytest.fixture
def repository() -> Accounts:
    return Accounts(Database())  # type: ignore[arg-type]


def client(repository: Accounts, **settings: Any) -> FlaskClient:
    app = http.create_app("test")
    identity: Any = Identity()
    limiter = Limiter(lambda: "one", app=app, storage_uri="memory://")
    values = GatewaySettings(**SETTINGS, **settings)  # type: ignore[arg-type]
    usage, mails, jobs = Unused(), NoMails(), Jobs(Database())  # type: ignore[arg-type]
    app.register_blueprint(
        accounts.blueprint(values, identity, repository, mails, limiter, usage=usage, jobs=jobs)  # type: ignore[arg-type]
    )
    return app.test_client()


def test_an_account_gets_emails_until_it_switches_them_off_and_again_when_it_switches_them_on(repository):
    web = client(repository)
    assert shown(web.get("/account")) == {"email": OWNER, "emails": True, "verified": True}
    for wanted in (False, True):
        changed = {"email": OWNER, "emails": wanted, "verified": True}
        assert shown(web.patch("/account", json={"emails": wanted})) == changed
        assert shown(web.get("/account")) == changed
        assert repository.wants_emails("an-id") is wanted
    assert repository.wants_emails("another-id")


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({}, 400, "bad_request"),
        ({"json": [1]}, 400, "bad_request"),
        ({"data": b"{", "content_type": "application/json"}, 400, "bad_request"),
        ({"data": b"emails=false", "content_type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
        ({"data": b" " * 20_000, "content_type": "application/json"}, 413, "too_large"),
        ({"json": {}}, 422, "invalid"),
        ({"json": {"emails": None}}, 422, "invalid"),
        ({"json": {"emails": 0}}, 422, "invalid"),
        ({"json": {"emails": "false"}}, 422, "invalid"),
        ({"json": {"emails": False, "email": "other@example.com"}}, 422, "invalid"),
    ],
)
def test_an_invalid_change_of_an_account_is_refused_with_a_code_and_changes_nothing(repository, request_, status, code):
    answer = client(repository).patch("/account", **request_)
    assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert repository.wants_emails("an-id")


CREATED = datetime.now(UTC)


@pytest.mark.parametrize(
    ("since", "chosen_at", "kept"),
    [(None, CREATED, True), (CREATED, CREATED + timedelta(seconds=1), True), (CREATED, CREATED - DAY, False)],
)
def test_what_was_chosen_in_an_earlier_release_is_kept_unless_it_was_a_deleted_account(
    repository, since, chosen_at, kept
):
    earlier = {"_id": OWNER, "emails": False, "updated_at": chosen_at}
    repository.collection.insert_one(earlier)
    repository.adopt(Owner(OWNER, "an-id", since))
    assert repository.wants_emails("an-id") is not kept
    repository.choose_emails(Owner(OWNER, "an-id", since), wanted=True)
    repository.adopt(Owner(OWNER, "an-id", since))
    assert repository.wants_emails("an-id")


@pytest.mark.parametrize(("days", "shown"), [(30, 30), (0, None)])
def test_the_limits_are_the_operators_settings(repository, days, shown):
    answer = client(repository, retention_days=days, max_upload_mb=5, link_lifetime=60).get("/info")
    assert answer.get_json() == {
        "retention_days": shown, "keep_videos_days": 7, "max_upload_bytes": 5 * 1024 * 1024,
        "link_lifetime_seconds": 60, "single_sign_on": None,
    }  # fmt: skip


def test_usage_and_quotas_are_shown_and_zero_is_no_limit(repository):
    usage = (
        client(repository, quota_stored_mb=5, quota_minutes=2, quota_conversions=0, jobs_per_account=3)
        .get("/account")
        .get_json()["usage"]
    )
    assert usage["stored_bytes"] == {"used": 0, "limit": 5 * 1024**2}
    assert usage["seconds_of_sound_today"] == {"used": 0, "limit": 120}
    assert usage["conversions_today"] == {"used": 0, "limit": None}
    assert usage["emails_this_hour"] == {"used": 0, "limit": 60}
    assert usage["concurrent_jobs"] == {"used": 0, "limit": 3}
