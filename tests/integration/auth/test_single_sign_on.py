"""Single sign-on with a real provider (oidc-provider) and a real database."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask.testing import FlaskClient

from tests.integration.auth.conftest import Operator, app_on
from tests.integration.auth.test_contract import PASSWORD, login, register, validate
from tests.servers import openid

CALLBACK = "http://127.0.0.1:9/oidc/callback"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with openid.running(CALLBACK) as running:
        yield running


@pytest.fixture
def sso(database: dict[str, str], issuer: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FlaskClient]:
    """An auth service with the provider."""

    def make(**changes: str) -> FlaskClient:
        variables = {
            "OIDC_ISSUER": issuer, "OIDC_CLIENT_ID": openid.CLIENT_ID, "OIDC_CLIENT_SECRET": openid.CLIENT_SECRET,
        }  # fmt: skip
        return app_on(database, monkeypatch, **{**variables, **changes}).test_client()

    return make


def start(client: FlaskClient) -> dict[str, str]:
    answer = client.post("/oidc/start", json={"redirect_uri": CALLBACK})
    assert answer.status_code == 200, answer.text
    return dict(answer.json)


def finish(client: FlaskClient, started: dict[str, str], returned: str, **changes: str) -> Any:
    given = dict(parse_qsl(urlsplit(returned).query))
    fields = {
        "code": given.get("code"),
        "error": given.get("error"),
        "issuer": given.get("iss"),
        "state": given["state"],
    }
    return client.post("/oidc/finish", json={**fields, "transaction": started["transaction"], **changes})


def exchange(client: FlaskClient, code: str) -> Any:
    return client.post("/oidc/token", json={"code": code})


def signs_in(client: FlaskClient, name: str) -> Any:
    """The answer of the last step, or of the one that failed."""
    started = start(client)
    finished = finish(client, started, openid.sign_in(started["url"], name, CALLBACK))
    return exchange(client, finished.json["code"]) if finished.status_code == 200 else finished


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


def test_a_person_gets_an_account_at_the_first_sign_in_and_the_same_one_later(sso, email, operator: Operator) -> None:
    client = sso()
    first, second = (validate(client, signs_in(client, email).json["token"]).json for _ in range(2))
    assert (first["username"], first["verified"], first["admin"]) == (email, True, False)
    assert first["sub"] == second["sub"]
    assert operator.stored(email) == ""
    # No password is right.
    assert [login(client, email, word).status_code for word in ("", PASSWORD)] == [401, 401]


@pytest.mark.parametrize(
    "options",
    [
        {"conformIdTokenClaims": False},
        {"authentication": "client_secret_post", "clientAuthMethods": ["client_secret_post"]},
    ],
)
def test_other_providers(sso, email, options) -> None:
    with openid.running(CALLBACK, **options) as issuer:
        client = sso(OIDC_ISSUER=issuer)
        assert validate(client, signs_in(client, email).json["token"]).json["username"] == email


def test_a_code_of_the_provider_and_a_code_of_the_page_work_once(sso, email) -> None:
    client = sso()
    started = start(client)
    returned = openid.sign_in(started["url"], email, CALLBACK)
    finished = finish(client, started, returned)
    assert code(finish(client, started, returned)) == (400, "sso_failed")

    assert exchange(client, finished.json["code"]).status_code == 200
    assert code(exchange(client, finished.json["code"])) == (400, "sso_expired")


def test_a_code_for_the_page_expires(sso, email, operator: Operator) -> None:
    client = sso()
    started = start(client)
    finished = finish(client, started, openid.sign_in(started["url"], email, CALLBACK))
    operator.execute("UPDATE identity SET code_expires_at = UTC_TIMESTAMP() WHERE subject = %s", email)
    assert code(exchange(client, finished.json["code"])) == (400, "sso_expired")


@pytest.mark.parametrize("change", ["state", "transaction", "issuer"])
def test_an_answer_of_another_sign_in_or_provider_is_rejected(sso, email, change) -> None:
    client = sso()
    started, other = start(client), start(client)
    returned = openid.sign_in(started["url"], email, CALLBACK)
    changes = {"state": "another", "transaction": other["transaction"], "issuer": "https://accounts.example.com"}
    expected = "sso_failed" if change == "issuer" else "sso_expired"
    assert code(finish(client, started, returned, **{change: changes[change]})) == (400, expected)
    # The code was not used.
    assert finish(client, started, returned).status_code == 200


def test_a_code_that_was_issued_for_another_browser_is_rejected(sso, email) -> None:
    """The attacker's own transaction has another PKCE verifier."""
    client = sso()
    victim, attacker = start(client), start(client)
    returned = dict(parse_qsl(urlsplit(openid.sign_in(victim["url"], email, CALLBACK)).query))
    state = dict(parse_qsl(urlsplit(attacker["url"]).query))["state"]
    answer = finish(client, attacker, f"{CALLBACK}?state={state}&code={returned['code']}&iss={returned['iss']}")
    assert code(answer) == (400, "sso_failed")


def test_an_address_that_the_provider_has_not_confirmed_gets_no_account(sso, email, operator: Operator) -> None:
    client = sso()
    name = f"unconfirmed-{email}"
    assert code(signs_in(client, name)) == (403, "sso_email_not_verified")
    assert operator.execute("SELECT 1 FROM user WHERE email = %s", name) == []


def test_an_existing_account_is_connected_only_if_the_operator_allows_it(sso, email, operator: Operator) -> None:
    client = sso()
    register(client, email)
    token = login(client, email).text
    assert code(signs_in(client, email)) == (409, "sso_account_exists")
    assert (login(client, email).status_code, validate(client, token).status_code) == (200, 200)

    linking = sso(OIDC_LINK_ACCOUNTS="true")
    connected = signs_in(linking, email).json["token"]
    assert validate(linking, connected).json["sub"] == validate(client, token).json["sub"]
    # Whoever registered the address first keeps nothing.
    assert login(linking, email).status_code == 401
    assert validate(linking, token).status_code == 401
    # Later sign-ins end nothing.
    assert validate(linking, signs_in(sso(), email).json["token"]).json["ver"] == 1
    assert validate(linking, connected).status_code == 200


def test_an_account_that_was_never_confirmed_loses_its_password_to_the_owner_of_the_address(sso, email) -> None:
    client = sso(REQUIRE_VERIFICATION="true")
    register(client, email)
    stranger = login(client, email).text
    assert validate(client, signs_in(client, email).json["token"]).json["verified"] is True
    assert login(client, email).status_code == 401
    assert validate(client, stranger).status_code == 401


def test_a_deleted_account_is_forgotten_and_the_person_gets_a_new_one(sso, email, operator: Operator) -> None:
    client = sso(OIDC_LINK_ACCOUNTS="true")
    token = signs_in(client, email).json["token"]
    former = validate(client, token).json["sub"]
    bearer = {"Authorization": f"Bearer {token}"}
    refused = client.post("/account/delete", json={"password": ""}, headers=bearer)
    assert code(refused) == (403, "no_password")

    operator.insert(email, PASSWORD)
    login(client, email)
    assert client.post("/account/delete", json={"password": PASSWORD}, headers=bearer).status_code == 204
    assert operator.execute("SELECT 1 FROM identity WHERE subject = %s", email) == []
    assert validate(client, signs_in(client, email).json["token"]).json["sub"] != former


def test_a_disabled_account_is_refused(sso, email, operator: Operator) -> None:
    client = sso()
    signs_in(client, email)
    operator.execute("UPDATE user SET disabled = TRUE WHERE email = %s", email)
    assert code(signs_in(client, email)) == (403, "account_disabled")


def test_subjects_are_compared_exactly(sso, email, operator: Operator) -> None:
    client = sso()
    signs_in(client, email)
    # Another user of the provider, with the same address in its canonical spelling.
    assert code(signs_in(client, email.upper())) == (409, "sso_account_exists")
