"""What the gateway adds to changes of an account: limits, emails, the pages of links, and the deletion of files."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from bson import ObjectId
from flask.testing import FlaskClient
from flask_limiter import Limiter

from common.domain.accounts import Accounts
from common.domain.jobs import Status
from common.domain.owners import Owner
from common.domain.scopes import Scope
from common.errors import Forbidden, Unavailable
from common.http import app as http
from common.messaging.connection import BrokerUnavailable
from common.runtime.clock import now
from gateway import account_changes, account_pages, accounts, rate_limits
from gateway.account_deletion import AccountDeletion
from gateway.account_mail import AccountMails
from gateway.settings import GatewaySettings
from gateway.uploads.repository import UploadRepository
from tests.unit.gateway.memory import OWNER, Unused, World
from tests.unit.gateway.test_accounts import SETTINGS

ME = Owner(OWNER, "my-id", datetime.now(UTC) - timedelta(days=1))
OTHER = Owner("other@example.com", "other-id", ME.since)
MAIL = {"kind": "verify", "account": "my-id", "username": OWNER, "version": 0}


class Identity:
    """The auth service, which answers what a test wants."""

    def __init__(self) -> None:
        self.verified = True
        self.answer: tuple[int, Any] = (200, {})
        self.asked: list[tuple[str, Any]] = []

    def account(self, _scope: Scope) -> tuple[Owner, bool]:
        return ME, self.verified

    def owner(self, _scope: Scope) -> Owner:
        if not self.verified:
            raise Forbidden("Confirm your address.", code="address_not_verified")
        return ME

    def ask(self, _method: str, path: str, *, data: bytes = b"{}", **_: object) -> requests.Response:
        self.asked.append((path, json.loads(data)))
        answer = requests.Response()
        answer.status_code, content = self.answer
        answer._content = json.dumps(content).encode()
        answer.headers["Content-Type"] = "application/json"
        return answer


@pytest.fixture
def identity() -> Identity:
    return Identity()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def deletion(world: World) -> AccountDeletion:
    return AccountDeletion(world.store, UploadRepository(world.db, 3600), Accounts(world.db))


@pytest.fixture
def web(world: World, identity: Any, deletion: AccountDeletion, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    app = http.create_app("test")
    settings = GatewaySettings(**SETTINGS)  # type: ignore[arg-type]
    monkeypatch.setattr(rate_limits, "Limiter", lambda key, **_: Limiter(key, app=app, storage_uri="memory://"))
    limiter = rate_limits.limiter(app, settings)
    mails = AccountMails(settings, world.publisher, limiter)
    usage: Any = Unused()
    app.register_blueprint(
        accounts.blueprint(settings, identity, deletion.accounts, mails, limiter, usage=usage, jobs=world.store.jobs)
    )
    app.register_blueprint(account_changes.blueprint(settings, identity, mails, deletion, limiter))
    app.register_blueprint(account_pages.blueprint(settings, identity, limiter))
    return app.test_client()


TOKEN = {"Authorization": "Bearer a.b.c"}
REGISTRATION = {"email": OWNER, "password": "long enough"}


def test_a_registration_publishes_the_email_and_does_not_show_whether_it_did(web, identity, world):
    bodies = []
    for mail in (MAIL, None):
        identity.answer = (201, {"email": OWNER, "mail": mail})
        answer = web.post("/register", json=REGISTRATION)
        bodies.append((answer.status_code, answer.get_json()))
    assert bodies == [(201, {"email": OWNER})] * 2
    ((queue, message),) = world.publisher.published
    assert queue == "mail"
    assert json.loads(message.encode()) == MAIL


def test_without_rabbitmq_a_registration_does_not_show_which_addresses_are_free(web, identity, world):
    world.publisher.available = False
    answers = []
    # A free address, and one that is reserved or disabled, to which nothing would be sent.
    for mail in (MAIL, None):
        identity.answer = (201, {"email": OWNER, "mail": mail, "confirmation": True})
        answer = web.post("/register", json=REGISTRATION)
        answers.append((answer.status_code, answer.get_json()))
    assert answers[0] == answers[1]
    assert answers[0][0] == 503


@pytest.mark.parametrize(("path", "status"), [("/register", 201), ("/password-reset", 202)])
def test_an_email_that_rabbitmq_does_not_confirm_does_not_show_that_there_was_one(
    web, identity, world, path, status, monkeypatch
):
    def fail(*_: object) -> None:
        raise BrokerUnavailable("RabbitMQ did not answer in time")

    monkeypatch.setattr(world.publisher, "publish", fail)
    identity.answer = (201, {"email": OWNER, "mail": MAIL, "confirmation": True})
    assert web.post(path, json=REGISTRATION).status_code == status


def test_a_registration_that_needs_no_confirmation_needs_no_rabbitmq(web, identity, world):
    world.publisher.available = False
    identity.answer = (201, {"email": OWNER, "mail": None, "confirmation": False})
    assert web.post("/register", json=REGISTRATION).status_code == 201


def test_an_address_gets_three_emails_an_hour_however_often_it_is_registered(web, identity, world):
    for number in range(6):
        identity.answer = (201, {"email": OWNER, "mail": {**MAIL, "version": number}})
        assert web.post("/register", json=REGISTRATION).status_code == 201
    assert len(world.publisher.published) == 3
    identity.answer = (201, {"email": "b@example.com", "mail": {**MAIL, "username": "b@example.com"}})
    web.post("/register", json=REGISTRATION)
    assert len(world.publisher.published) == 4


def test_an_unconfirmed_account_can_get_the_email_again_three_times_an_hour(web, identity, world):
    identity.verified = False
    identity.answer = (200, {"mail": MAIL})
    answers = [web.post("/account/verification", headers=TOKEN) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 202, 429]
    assert answers[0].get_json() == {"sent": True}
    assert answers[3].get_json()["code"] == "too_many_attempts"
    assert len(world.publisher.published) == 3


def test_without_rabbitmq_a_forgotten_password_does_not_show_who_has_an_account(web, identity, world):
    world.publisher.available = False
    answers = []
    for mail in ({**MAIL, "kind": "reset"}, None):
        identity.answer = (200, {"mail": mail})
        answer = web.post("/password-reset", json={"email": OWNER})
        answers.append((answer.status_code, answer.get_json()))
    assert answers[0] == answers[1]
    assert answers[0][0] == 503
    assert identity.asked == []


def test_all_routes_that_confirm_an_address_share_the_limit_and_new_passwords_have_their_own(web, identity, world):
    identity.verified = False
    for _ in range(3):
        identity.answer = (201, {"email": OWNER, "mail": MAIL})
        web.post("/register", json=REGISTRATION)
    identity.answer = (200, {"mail": MAIL})
    assert web.post("/account/verification", headers=TOKEN).status_code == 429
    assert len(world.publisher.published) == 3
    identity.answer = (200, {"mail": {**MAIL, "kind": "reset"}})
    assert web.post("/password-reset", json={"email": OWNER}).status_code == 202
    assert len(world.publisher.published) == 4


def test_a_stolen_token_cannot_guess_the_password_from_many_networks(web, identity):
    identity.answer = (403, {"error": "The password is wrong.", "code": "wrong_password"})
    routes = [("POST", "/account/password"), ("DELETE", "/account")]
    answers = [
        web.open(path, method=method, headers=TOKEN, json={}, environ_base={"REMOTE_ADDR": f"192.0.2.{number}"})
        for number in range(60) for method, path in routes
    ]  # fmt: skip
    codes = [answer.get_json()["code"] for answer in answers]
    assert codes == ["wrong_password"] * 100 + ["too_many_attempts"] * 20


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/account/password"), ("POST", "/account/sign-out"), ("DELETE", "/account"), ("PATCH", "/account")],
)
def test_an_unconfirmed_account_can_change_nothing(web, identity, method, path):
    identity.verified = False
    answer = web.open(path, method=method, headers=TOKEN, json={})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "address_not_verified")
    assert identity.asked == []
    assert web.get("/account", headers=TOKEN).get_json()["verified"] is False


def test_without_rabbitmq_the_email_is_refused_and_can_be_requested_again(web, identity, world):
    world.publisher.available = False
    identity.answer = (200, {"mail": MAIL})
    answer = web.post("/account/verification", headers=TOKEN)
    assert (answer.status_code, answer.get_json()["code"]) == (503, "unavailable")


def test_a_forgotten_password_answers_the_same_for_all_addresses(web, identity, world):
    seen = []
    for mail in (None, {**MAIL, "kind": "reset"}):
        identity.answer = (200, {"mail": mail})
        answer = web.post("/password-reset", json={"email": OWNER})
        seen.append((answer.status_code, answer.get_json()))
    assert seen == [(202, {"sent": True})] * 2
    assert len(world.publisher.published) == 1


@pytest.mark.parametrize(
    ("path", "fields", "place"),
    [
        ("/verify", {"replace": False}, "/?account=confirmed"),
        ("/reset-password", {}, "/app/sign-in?account=new-password"),
    ],
)
def test_the_page_of_a_link_changes_something_only_when_its_form_is_sent(web, identity, path, fields, place):
    page = web.get(f"{path}?token=a.b<script>")
    assert page.status_code == 200
    assert identity.asked == []
    assert 'value="a.b&lt;script&gt;"' in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"]

    form = {"token": "a.b", "password": "long enough"}
    done = web.post(path, data=form)

    assert (done.status_code, done.headers["Location"]) == (303, place)
    assert identity.asked == [(path, {**form, **fields})]


def test_the_form_that_confirms_an_address_offers_to_replace_the_password_of_another_registration(web, identity):
    form = {"token": "a.b", "password": "long enough"}
    assert 'name="replace"' not in web.get("/verify?token=a.b").text
    identity.answer = (403, {"error": "Not this password.", "code": "wrong_password"})
    assert 'name="replace"' in web.post("/verify", data=form).text
    identity.answer = (200, {"email": OWNER})
    assert web.post("/verify", data={**form, "replace": "on"}).status_code == 303
    assert identity.asked[-1] == ("/verify", {**form, "replace": True})


@pytest.mark.parametrize(
    ("path", "place"),
    [("/verify", "have the email sent again"), ("/reset-password", 'href="/app/forgotten-password"')],
)
def test_the_page_of_a_link_that_does_not_work_shows_the_error_and_what_to_do(web, identity, path, place):
    identity.answer = (400, {"error": "The link was used.", "code": "invalid_link"})
    page = web.post(path, data={"token": "a.b", "password": "long enough"})
    assert page.status_code == 400
    assert "The link was used." in page.text
    assert place in page.text
    assert "<form" not in page.text


def test_the_page_of_a_link_keeps_its_form_after_an_invalid_password(web, identity):
    identity.answer = (422, {"error": "The password is too short.", "code": "invalid"})
    page = web.post("/reset-password", data={"token": "a.b", "password": "short"})
    assert page.status_code == 422
    assert "The password is too short." in page.text
    assert 'value="a.b"' in page.text


def test_a_program_gets_the_error_of_a_link_that_does_not_work(web, identity):
    identity.answer = (400, {"error": "The link was used.", "code": "invalid_link"})
    answer = web.post("/verify", json={"token": "a.b"})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid_link")


def job_of(world: World, owner: Owner) -> ObjectId:
    job = world.completed(username=owner.username, account=owner.account)
    return job.video_fid


def test_a_deleted_account_leaves_no_file_and_other_accounts_keep_theirs(web, world, deletion, identity):
    mine, theirs = job_of(world, ME), job_of(world, OTHER)
    of_earlier_release = world.completed(username=OWNER).video_fid
    text = world.store.summaries.create(OWNER, None, "A text.", account="my-id")
    upload = deletion.uploads.create(OWNER, "talk.mp4", 10, {}, account="my-id")
    for key in (ME.key, OTHER.key):
        world.db["usage"].insert_one({"_id": key, "stored": 5})
    identity.answer = (204, None)

    assert web.delete("/account", headers=TOKEN, json={"password": "right"}).status_code == 204

    for fid in (mine, of_earlier_release):
        assert world.reloaded(fid).status is Status.DELETED
        assert world.reloaded(fid).filename == ""
    assert set(world.videos.files) == {theirs}
    assert [file.video_fid for file in world.mp3s.files.values()] == [theirs]
    assert world.store.summaries.get(text.id) is None
    assert deletion.uploads.owned(upload.id, ME) is None
    assert [row["_id"] for row in world.db["usage"].find({})] == [OTHER.key]
    assert not deletion.accounts.wants_emails("my-id")


def test_housekeeping_deletes_what_a_request_in_progress_stored_after_the_deletion(world, deletion):
    deletion.delete(ME)
    late = job_of(world, ME)
    ((deleted, _),) = deletion.accounts.deleted()
    assert replace(deleted, since=ME.since) == ME
    assert deletion.continue_all() == 1
    assert world.videos.files == {}
    assert world.reloaded(late).status is Status.DELETED


def test_housekeeping_deletes_the_files_of_a_deleted_account_once(world, deletion):
    mine = job_of(world, ME)
    deletion.delete(ME)
    deletion.continue_all()
    ((deleted, cleaned_at),) = deletion.accounts.deleted()
    assert list(deletion.store.jobs.deleted_of(deleted, cleaned_at)) == []
    # A tombstone of another replica, dated by another clock, of which nothing is known.
    del world.jobs[mine]["files_deleted"]
    assert list(deletion.store.jobs.deleted_of(deleted, cleaned_at)) == [mine]
    deletion.accounts.mark_cleaned(deleted, now() + timedelta(seconds=1))
    deletion.accounts.mark_cleaned(deleted, now() - timedelta(days=1))
    ((_, cleaned_at),) = deletion.accounts.deleted()
    assert list(deletion.store.jobs.deleted_of(deleted, cleaned_at)) == []


def asked(deletion: AccountDeletion, *, deleted: bool) -> int:
    return deletion.resolve(lambda account: {"my-id": deleted}[account], timedelta(seconds=-1))


def test_a_deletion_that_was_interrupted_is_completed(web, world, deletion, identity, monkeypatch):
    mine, theirs = job_of(world, ME), job_of(world, OTHER)
    identity.answer = (204, None)
    # The auth service has deleted the account, and the gateway ends before it does its part.
    monkeypatch.setattr(AccountDeletion, "delete", lambda *_: 1 / 0)
    assert web.delete("/account", headers=TOKEN, json={"password": "right"}).status_code == 500
    assert list(deletion.accounts.deleted()) == []
    assert deletion.resolve(lambda _: True) == 0  # the request may still be in progress

    assert asked(deletion, deleted=True) == 1
    assert deletion.continue_all() == 1

    assert world.reloaded(mine).status is Status.DELETED
    assert set(world.videos.files) == {theirs}
    assert asked(deletion, deleted=True) == 0


def test_a_deletion_that_did_not_happen_is_forgotten(web, world, deletion, identity):
    mine = job_of(world, ME)
    deletion.accounts.choose_emails(ME, wanted=False)
    identity.answer = (403, {"error": "The password is wrong.", "code": "wrong_password"})
    web.delete("/account", headers=TOKEN, json={"password": "wrong"})
    assert asked(deletion, deleted=False) == 0
    assert asked(deletion, deleted=True) == 0
    assert deletion.continue_all() == 0
    assert world.reloaded(mine).status is Status.COMPLETED
    assert not deletion.accounts.wants_emails("my-id")


def test_a_request_that_was_repeated_is_not_forgotten(world, deletion):
    deletion.request(ME)
    ((owner, requested_at),) = deletion.accounts.undecided(now() + timedelta(seconds=1))
    deletion.accounts.withdraw_deletion(owner, requested_at - timedelta(seconds=1))
    assert asked(deletion, deleted=True) == 1


def test_interrupted_deletions_wait_for_the_auth_service(world, deletion):
    def unavailable(_account: str) -> bool:
        raise Unavailable("The auth service is unavailable.")

    deletion.request(ME)
    assert deletion.resolve(unavailable, timedelta(seconds=-1)) == 0
    assert asked(deletion, deleted=True) == 1


def test_a_wrong_password_deletes_nothing(web, world, deletion, identity):
    mine = job_of(world, ME)
    identity.answer = (403, {"error": "The password is wrong.", "code": "wrong_password"})
    assert web.delete("/account", headers=TOKEN, json={"password": "wrong"}).status_code == 403
    assert world.reloaded(mine).status is Status.COMPLETED
    assert list(deletion.accounts.deleted()) == []
