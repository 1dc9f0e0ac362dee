"""Confirmation of addresses, and what ends tokens: passwords, signing out everywhere, deletion."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from itsdangerous import TimestampSigner
from pydantic import SecretStr

from common.domain.account_links import LIFETIMES, AccountLink, AccountLinks, AccountMail
from common.domain.scopes import Scope
from common.errors import TransientError
from common.runtime.settings import LinkSecrets
from tests.unit.auth import test_contract
from tests.unit.auth.test_contract import ADMIN, LINK_SECRET, PASSWORD, login, register, validate

ANN = "ann@example.com"
OTHER_PASSWORD = "another long password"
LINKS = AccountLinks(LinkSecrets(link_secret=SecretStr(LINK_SECRET)))

users, keys, app = test_contract.users, test_contract.keys, test_contract.app


@pytest.fixture
def client(app: Callable[..., FlaskClient]) -> FlaskClient:
    return app(require_verification=True)


def post(client: FlaskClient, path: str, bearer: str = "", /, **fields: str | bool) -> Any:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    return client.post(path, json=fields, headers=headers)


def link(mail: dict[str, Any]) -> str:
    """What the notification service sends."""
    return LINKS.sign(AccountMail(mail["kind"]), AccountLink(mail["account"], mail["username"], mail["version"]))


def confirm(client: FlaskClient, mail: dict[str, Any], password: str = PASSWORD, **fields: bool) -> Any:
    return post(client, "/verify", token=link(mail), password=password, **fields)


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


def test_a_registered_address_is_confirmed_by_the_link_in_the_email(client, users) -> None:
    mail = register(client, ANN).json["mail"]
    assert (mail["kind"], mail["username"], mail["account"]) == ("verify", ANN, users.rows[0].account)
    token = login(client, ANN).text
    assert validate(client, token).json["verified"] is False

    assert confirm(client, mail).status_code == 200

    assert validate(client, token).json["verified"] is True
    assert post(client, "/account/verification", token).json == {"mail": None}
    # A second click is no error.
    assert confirm(client, mail).json == {"email": ANN}
    assert code(confirm(client, mail, OTHER_PASSWORD, replace=True)) == (400, "invalid_link")
    assert login(client, ANN).status_code == 200


def test_an_unconfirmed_account_can_get_the_email_again_and_nothing_else(client) -> None:
    mail = register(client, ANN).json["mail"]
    token = login(client, ANN).text
    assert post(client, "/account/verification", token).json == {"mail": mail}
    assert post(client, "/password-reset", email=ANN).json == {"mail": None}


def test_a_row_of_an_operator_counts_as_confirmed(client, users) -> None:
    users.insert(ANN, PASSWORD)
    assert validate(client, login(client, ANN).text).json["verified"] is True


@pytest.mark.parametrize("address", ["new", "taken", "unconfirmed", "disabled", "reserved"])
def test_a_registration_answers_the_same_whatever_the_address_is(client, users, address) -> None:
    if address in {"taken", "disabled"}:
        users.insert(ANN, PASSWORD, disabled=address == "disabled")
    elif address == "unconfirmed":
        register(client, ANN, OTHER_PASSWORD)
    email = ADMIN if address == "reserved" else ANN
    answer = register(client, email)
    assert (answer.status_code, answer.json["email"]) == (201, email)
    expected = {"new": "verify", "taken": "exists", "unconfirmed": "verify"}
    assert (answer.json["mail"] or {}).get("kind") == expected.get(address)
    assert len(users.rows) == (0 if address == "reserved" else 1)


def test_the_last_registration_of_an_unconfirmed_address_counts_and_ends_earlier_tokens(client) -> None:
    register(client, ANN, OTHER_PASSWORD)
    token = login(client, ANN, OTHER_PASSWORD).text
    owner = register(client, ANN).json["mail"]

    assert validate(client, token).status_code == 401
    assert login(client, ANN, OTHER_PASSWORD).status_code == 401
    assert confirm(client, owner).status_code == 200
    assert login(client, ANN).status_code == 200


@pytest.mark.parametrize("opened", ["first", "last"])
@pytest.mark.parametrize("owner_is", ["first", "last", "absent"])
def test_no_link_confirms_the_registration_of_a_stranger(client, opened, owner_is) -> None:
    """Only the owner of the address gets the links; the stranger's password is OTHER_PASSWORD."""
    passwords = {"first": (PASSWORD, OTHER_PASSWORD), "last": (OTHER_PASSWORD, PASSWORD)}
    mails = [register(client, ANN, password).json["mail"] for password in passwords.get(owner_is, (OTHER_PASSWORD,))]
    mail = mails[0 if opened == "first" else -1]

    answer = confirm(client, mail)

    if owner_is == "last":
        assert answer.status_code == 200
    else:
        token = login(client, ANN, OTHER_PASSWORD).text
        assert code(answer) == (403, "wrong_password")
        assert validate(client, token).json["verified"] is False
        # However often strangers register the address, its owner can confirm it.
        assert confirm(client, mail, replace=True).status_code == 200
        assert validate(client, token).status_code == 401
    assert validate(client, login(client, ANN).text).json["verified"] is True
    assert login(client, ANN, OTHER_PASSWORD).status_code == 401


def test_a_registration_during_the_confirmation_is_not_confirmed(client, users, monkeypatch) -> None:
    mail = register(client, ANN).json["mail"]
    verify = users.verify

    def late(seen: Any) -> bool:
        register(client, ANN, OTHER_PASSWORD)
        return verify(seen)

    monkeypatch.setattr(users, "verify", late)
    assert code(confirm(client, mail)) == (409, "account_modified")
    assert users.rows[0].verified is False


def test_a_registration_does_not_change_a_confirmed_account(client, users) -> None:
    user = users.insert(ANN, PASSWORD)
    register(client, ANN, OTHER_PASSWORD)
    assert users.rows == [user]


def test_a_changed_password_ends_all_tokens_but_the_new_one(client, users) -> None:
    users.insert(ANN, PASSWORD)
    tokens = [login(client, ANN).text for _ in range(2)]
    answer = post(client, "/account/password", tokens[0], current=PASSWORD, new=OTHER_PASSWORD)
    assert [validate(client, token).status_code for token in (*tokens, answer.json["token"])] == [401, 401, 200]
    assert [login(client, ANN, word).status_code for word in (PASSWORD, OTHER_PASSWORD)] == [401, 200]


@pytest.mark.parametrize(
    ("path", "fields"),
    [("/account/password", {"current": "wrong", "new": OTHER_PASSWORD}), ("/account/delete", {"password": "wrong"})],
)
def test_a_wrong_password_changes_nothing_and_keeps_the_token(client, users, path, fields) -> None:
    users.insert(ANN, PASSWORD)
    token = login(client, ANN).text
    before = users.rows
    assert code(post(client, path, token, **fields)) == (403, "wrong_password")
    assert validate(client, token).status_code == 200
    assert users.rows == before


def test_a_new_password_must_be_acceptable(client, users) -> None:
    users.insert(ANN, PASSWORD)
    token = login(client, ANN).text
    assert post(client, "/account/password", token, current=PASSWORD, new="short").status_code == 422


def test_signing_out_everywhere_ends_all_tokens_and_not_the_account(client, users) -> None:
    users.insert(ANN, PASSWORD)
    tokens = [login(client, ANN).text for _ in range(2)]
    assert post(client, "/account/sign-out", tokens[0]).status_code == 204
    assert [validate(client, token).status_code for token in tokens] == [401, 401]
    assert login(client, ANN).status_code == 200


def test_a_deleted_account_keeps_no_data_and_its_address_can_be_registered_again(client, users) -> None:
    users.insert(ANN, PASSWORD)
    token = login(client, ANN).text
    former = validate(client, token).json["sub"]
    assert post(client, "/account/delete", token, password=PASSWORD).status_code == 204
    assert validate(client, token).status_code == login(client, ANN).status_code == 401
    assert ANN not in repr(users.rows)
    confirm(client, register(client, ANN).json["mail"])
    assert validate(client, login(client, ANN).text).json["sub"] != former


def test_a_deletion_that_was_interrupted_is_completed_when_housekeeping_asks(client, users, keys, monkeypatch) -> None:
    user = users.insert(ANN, PASSWORD)
    token = login(client, ANN).text
    keys.add(user, "v2m_" + "0" * 64, name="backup", scope=Scope.READ, expires_at=None)
    assert client.get(f"/deletions/{user.account}").json == {"deleted": False}

    def fail(_account: str) -> None:
        raise TransientError("MySQL has ended")

    with monkeypatch.context() as broken:
        broken.setattr(keys, "revoke_all", fail)
        assert post(client, "/account/delete", token, password=PASSWORD).status_code == 503
    assert keys.rows
    assert client.get(f"/deletions/{user.account}").json == {"deleted": True}
    assert keys.rows == []


def test_a_forgotten_password_is_replaced_once_by_the_link_in_the_email(client, users) -> None:
    users.insert(ANN, PASSWORD)
    token = login(client, ANN).text
    mail = post(client, "/password-reset", email=ANN).json["mail"]
    assert mail["kind"] == "reset"
    assert post(client, "/reset-password", token=link(mail), password=OTHER_PASSWORD).status_code == 204
    assert validate(client, token).status_code == 401
    assert [login(client, ANN, word).status_code for word in (PASSWORD, OTHER_PASSWORD)] == [401, 200]
    assert code(post(client, "/reset-password", token=link(mail), password=PASSWORD)) == (400, "invalid_link")


@pytest.mark.parametrize("user", [None, {"verified": False}, {"disabled": True}])
def test_nobody_else_gets_a_link_for_a_new_password(client, users, user) -> None:
    if user is not None:
        users.insert(ANN, PASSWORD, **user)
    assert post(client, "/password-reset", email=ANN).json == {"mail": None}


def test_a_link_expires(client, users, monkeypatch) -> None:
    users.insert(ANN, PASSWORD)
    mail = post(client, "/password-reset", email=ANN).json["mail"]
    assert LIFETIMES[AccountMail.RESET] == 30 * 60
    now = TimestampSigner.get_timestamp(LINKS._serializer(AccountMail.RESET).make_signer())
    with monkeypatch.context() as patch:
        patch.setattr(TimestampSigner, "get_timestamp", lambda _: now - 30 * 60 - 5)
        old = link(mail)
    assert code(post(client, "/reset-password", token=old, password=OTHER_PASSWORD)) == (400, "invalid_link")


@pytest.mark.parametrize("change", ["kind", "address", "account", "secret"])
def test_a_link_is_for_one_purpose_one_account_and_one_address(client, users, change) -> None:
    user = users.insert(ANN, PASSWORD)
    signer = LINKS
    kind, right = AccountMail.RESET, AccountLink(user.account, ANN, 0)
    if change == "kind":
        kind = AccountMail.VERIFY
    elif change == "address":
        # Whoever can publish messages cannot have the link sent to another address.
        right = AccountLink(user.account, "mallory@example.com", 0)
    elif change == "account":
        right = AccountLink("another-id", ANN, 0)
    else:
        signer = AccountLinks(LinkSecrets(link_secret=SecretStr("x" * 32)))
    token = signer.sign(kind, right)
    assert code(post(client, "/reset-password", token=token, password=OTHER_PASSWORD)) == (400, "invalid_link")
    assert users.rows == [user]
