"""Single sign-on against a provider that does what a real one never does. Real ones: tests/integration/auth."""

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Response
from flask.testing import FlaskClient
from itsdangerous import TimestampSigner

from auth.sso import provider as client_of_provider
from auth.sso.transport import MAX_ANSWER
from tests.servers import hostileprovider
from tests.servers.hostileprovider import CLIENT_ID, CLIENT_SECRET, HostileProvider, key, unsigned
from tests.unit.auth import test_contract
from tests.unit.auth.test_contract import ADMIN, PASSWORD, login, validate

ANN = "ann@example.com"
CALLBACK = "https://video2mp3.example.com/oidc/callback"

users, keys, app = test_contract.users, test_contract.keys, test_contract.app


@pytest.fixture
def provider() -> Iterator[HostileProvider]:
    with hostileprovider.running() as running:
        yield running


@pytest.fixture
def sso(app: Callable[..., FlaskClient], provider: HostileProvider) -> Callable[..., FlaskClient]:
    def make(**changes: Any) -> FlaskClient:
        known = {"oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}
        return app(oidc_issuer=provider.issuer, **known, **changes)

    return make


@pytest.fixture
def client(sso: Callable[..., FlaskClient]) -> FlaskClient:
    return sso()


def start(client: FlaskClient) -> Any:
    return client.post("/oidc/start", json={"redirect_uri": CALLBACK})


def query(started: Any) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(urlsplit(started.json["url"]).query).items()}


def finish(client: FlaskClient, provider: HostileProvider, started: Any, **changes: Any) -> Any:
    asked = query(started)
    provider.nonce = provider.nonce or asked["nonce"]
    given = {"state": asked["state"], "code": "a code", "transaction": started.json["transaction"], **changes}
    return client.post("/oidc/finish", json=given)


def signs_in(client: FlaskClient, provider: HostileProvider, **changes: Any) -> Any:
    provider.nonce = ""
    started = start(client)
    if started.status_code != 200:
        return started
    finished = finish(client, provider, started, **changes)
    return client.post("/oidc/token", json=finished.json) if finished.status_code == 200 else finished


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json["code"]


FAILED = (400, "sso_failed")


def test_a_valid_sign_in_gives_a_token(client, provider) -> None:
    claims = validate(client, signs_in(client, provider).json["token"]).json
    assert (claims["username"], claims["verified"]) == (ANN, True)


def test_the_provider_is_asked_for_a_code_with_pkce_and_gets_the_verifier(client, provider) -> None:
    started = start(client)
    asked = query(started)
    assert asked["response_type"] == "code"
    assert (asked["code_challenge_method"], len(asked["code_challenge"])) == ("S256", 43)
    assert (asked["redirect_uri"], asked["scope"], asked["client_id"]) == (CALLBACK, "openid email", CLIENT_ID)
    assert finish(client, provider, started).status_code == 200
    assert provider.exchanged["redirect_uri"] == CALLBACK
    assert len(provider.exchanged["code_verifier"]) >= 43
    assert provider.exchanged["code_verifier"] not in started.json["url"]


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://accounts.example.com"},
        {"aud": "another client"},
        {"aud": [CLIENT_ID, "another client"]},
        {"azp": "another client"},
        {"nonce": "of another sign-in"},
        {"exp": int(time.time()) - 120},
        {"iat": int(time.time()) + 3600},
        {"nbf": int(time.time()) + 3600},
        {"at_hash": "AAAA"},
        {"exp": "tomorrow"},
        {"exp": float("inf")},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"aud": {"a client": 1}},
    ],
    # Without the times: parallel workers must agree on the names.
    ids=" ".join,
)
def test_a_token_with_wrong_claims_is_rejected(client, provider, users, claims) -> None:
    provider.claims = claims
    assert code(signs_in(client, provider)) == FAILED
    assert users.rows == []


@pytest.mark.parametrize("claim", ["iss", "sub", "aud", "exp", "iat", "nonce"])
def test_a_token_without_a_claim_is_rejected(client, provider, users, claim) -> None:
    provider.without = {claim}
    assert code(signs_in(client, provider)) == FAILED
    assert users.rows == []


def test_a_token_that_is_signed_by_another_key_is_rejected(client, provider) -> None:
    provider.published = [key("of somebody else")]
    assert code(signs_in(client, provider)) == FAILED


def test_a_token_that_is_signed_with_the_public_key_as_a_secret_is_rejected(client, provider) -> None:
    public = provider.key.as_pem(private=False)
    provider.id_token = lambda claims: unsigned(claims, "HS256", public)
    assert code(signs_in(client, provider)) == FAILED


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 1000, 7, ["a"], {"alg": "none"}, "é.é.é"], ids=str)
def test_a_token_that_is_none_is_rejected(client, provider, token) -> None:
    provider.id_token = token or "."
    assert code(signs_in(client, provider)) == FAILED


def test_a_token_without_a_signature_is_rejected(client, provider) -> None:
    provider.id_token = unsigned
    assert code(signs_in(client, provider)) == FAILED


def test_new_keys_of_the_provider_are_read_when_a_signature_does_not_match(client, provider, monkeypatch) -> None:
    assert signs_in(client, provider).status_code == 200
    provider.key = key("of the next year")
    provider.published = [provider.key]
    # Not for each signature: whoever can forge them could make this service read the keys all the time.
    assert code(signs_in(client, provider)) == FAILED
    assert provider.requests.count("/jwks") == 1
    monkeypatch.setattr(client_of_provider, "_KEYS_AGE", 0.0)
    assert signs_in(client, provider).status_code == 200


def test_keys_that_the_library_does_not_know_are_ignored(client, provider) -> None:
    new = {"kty": "AKP", "alg": "ML-DSA-44", "kid": "9", "pub": "AA"}
    document = {"keys": [new, "?", provider.key.as_dict(private=False)]}
    provider.instead["/jwks"] = lambda: Response(json.dumps(document), mimetype="application/json")
    assert signs_in(client, provider).status_code == 200


# The answer that the browser brings


def test_an_answer_of_another_issuer_is_rejected_before_its_code_is_used(client, provider) -> None:
    assert code(signs_in(client, provider, issuer="https://accounts.example.com")) == FAILED
    assert "/token" not in provider.requests


def test_an_answer_without_an_issuer_is_rejected_if_the_provider_always_sends_it(client, provider) -> None:
    provider.metadata = {"authorization_response_iss_parameter_supported": True}
    assert code(signs_in(client, provider)) == FAILED
    assert signs_in(client, provider, issuer=provider.issuer).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [{"state": "another"}, {"state": ""}, {"state": "é"}, {"transaction": ""}, {"transaction": "a.b.c"}],
    ids=str,
)
def test_an_answer_that_belongs_to_no_sign_in_of_the_browser_is_rejected(client, provider, changes) -> None:
    assert code(signs_in(client, provider, **changes)) == (400, "sso_expired")
    assert "/token" not in provider.requests


def test_a_transaction_of_another_sign_in_is_rejected(client, provider) -> None:
    other = start(client).json["transaction"]
    assert code(signs_in(client, provider, transaction=other)) == (400, "sso_expired")


@pytest.mark.parametrize(("seconds", "status"), [(599, 200), (601, 400), (-30, 200), (-120, 400)])
def test_a_sign_in_must_be_completed_in_time(client, provider, monkeypatch, seconds, status) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(TimestampSigner, "get_timestamp", lambda _: int(time.time() - seconds))
        started = start(client)
    assert finish(client, provider, started).status_code == status


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"error": "access_denied", "code": None}, (403, "sso_denied")),
        ({"error": "server_error", "code": None}, FAILED),
        ({"error": "a\nforged line", "code": None}, FAILED),
        ({"code": None}, FAILED),
        ({"code": ""}, FAILED),
        ({"code": "é\0"}, FAILED),
    ],
    ids=str,
)
def test_an_answer_without_a_code_has_a_reason(client, provider, changes, expected) -> None:
    assert code(signs_in(client, provider, **changes)) == expected


def test_a_code_that_the_provider_does_not_accept_is_rejected(client, provider) -> None:
    error = Response('{"error": "invalid_grant"}', 400, mimetype="application/json")
    provider.instead["/token"] = lambda: error
    assert code(signs_in(client, provider)) == FAILED


# The provider as a server


@pytest.mark.parametrize("path", ["/.well-known/openid-configuration", "/token", "/jwks"])
@pytest.mark.parametrize("kind", ["error", "text", "list", "huge", "redirect", "compressed"])
def test_a_broken_provider_is_unavailable_and_passwords_work(client, provider, users, path, kind) -> None:
    body = b" " * (MAX_ANSWER + 1)
    answers = {
        "error": lambda: Response("down", 502),
        "text": lambda: Response("<html>", mimetype="text/html"),
        "list": lambda: Response("[]", mimetype="application/json"),
        "huge": lambda: Response(iter([body]), mimetype="application/json"),
        "redirect": lambda: Response(status=302, headers={"Location": f"{provider.issuer}/elsewhere"}),
        "compressed": lambda: Response(b"\x1f\x8b\x08", headers={"Content-Encoding": "gzip"}),
    }
    provider.instead[path] = answers[kind]
    users.insert(ANN, PASSWORD)
    assert code(signs_in(client, provider)) == (424, "sso_unavailable")
    assert "/elsewhere" not in provider.requests
    assert login(client, ANN).status_code == 200
    del provider.instead[path]
    assert code(signs_in(client, provider)) == (409, "sso_account_exists")


@pytest.mark.parametrize("kind", ["hangs", "drips"])
def test_a_slow_provider_is_unavailable_in_time(sso, provider, kind) -> None:
    def drip() -> Iterator[bytes]:
        for _ in range(60):
            yield b" "
            time.sleep(0.05)

    slow = {"hangs": lambda: time.sleep(3), "drips": lambda: Response(drip())}
    provider.instead["/.well-known/openid-configuration"] = slow[kind]
    client = sso(oidc_timeout=0.4)
    begun = time.monotonic()
    assert code(signs_in(client, provider)) == (424, "sso_unavailable")
    assert time.monotonic() - begun < 2


def test_a_provider_that_is_down_is_unavailable(app) -> None:
    known = {"oidc_client_id": CLIENT_ID, "oidc_client_secret": CLIENT_SECRET}
    client = app(oidc_issuer="http://127.0.0.1:9", **known)
    assert code(start(client)) == (424, "sso_unavailable")


@pytest.mark.parametrize(
    "change",
    [{"issuer": "https://accounts.example.com"}, {"token_endpoint": "http://accounts.example.com/token"}],
    ids=str,
)
def test_a_provider_that_announces_something_else_is_not_used(client, provider, change) -> None:
    provider.metadata = change
    assert code(start(client)) == (424, "sso_unavailable")


def test_what_the_provider_announces_is_read_once(client, provider) -> None:
    for _ in range(3):
        assert signs_in(client, provider).status_code == 200
    assert [provider.requests.count(path) for path in ("/.well-known/openid-configuration", "/jwks")] == [1, 1]


def test_no_secret_is_logged(client, provider, caplog) -> None:
    with caplog.at_level(logging.DEBUG):
        started = start(client)
        finished = finish(client, provider, started)
        token = client.post("/oidc/token", json=finished.json).json["token"]
        provider.claims = {"nonce": "another"}
        signs_in(client, provider)
    secrets = [finished.json["code"], token, CLIENT_SECRET, provider.exchanged["code_verifier"], "a code"]
    assert [secret for secret in secrets if secret in caplog.text] == []


# Accounts


@pytest.mark.parametrize("verified", [False, None, "false", 1, "yes", [True]], ids=str)
def test_an_address_that_is_not_confirmed_is_not_taken(client, provider, users, verified) -> None:
    provider.claims = {"email_verified": verified}
    assert code(signs_in(client, provider)) == (403, "sso_email_not_verified")
    assert users.rows == []


@pytest.mark.parametrize("email", ["", "ann", "ann@example.com\n", "é@example.com", 7, ["ann@example.com"]], ids=str)
def test_an_address_must_be_one_that_can_be_registered(client, provider, email) -> None:
    provider.claims = {"email": email}
    assert code(signs_in(client, provider)) == (403, "sso_email_not_verified")


def test_the_address_may_be_in_the_user_information(client, provider) -> None:
    provider.without = {"email", "email_verified"}
    provider.userinfo = {"sub": "ann", "email": ANN, "email_verified": "true"}
    assert signs_in(client, provider).status_code == 200


def test_user_information_about_somebody_else_is_rejected(client, provider) -> None:
    provider.without = {"email", "email_verified"}
    provider.userinfo = {"sub": "bob", "email": ANN, "email_verified": True}
    assert code(signs_in(client, provider)) == FAILED


def test_a_person_who_is_known_needs_no_address(client, provider) -> None:
    signs_in(client, provider)
    provider.claims = {"email": "new@example.com", "email_verified": False}
    assert validate(client, signs_in(client, provider).json["token"]).json["username"] == ANN


def test_another_subject_with_the_same_address_does_not_get_the_account(client, provider) -> None:
    signs_in(client, provider)
    provider.claims = {"sub": "ANN"}
    assert code(signs_in(client, provider)) == (409, "sso_account_exists")


@pytest.mark.parametrize("link_accounts", [False, True])
def test_the_provider_does_not_decide_about_administrators(sso, provider, users, link_accounts) -> None:
    users.insert(ADMIN, PASSWORD)
    provider.claims = {"email": ADMIN}
    client = sso(oidc_link_accounts=link_accounts)
    assert code(signs_in(client, provider)) == (409, "sso_account_exists")
    assert login(client, ADMIN).status_code == 200


def test_an_account_that_is_connected_has_no_api_keys_of_whoever_registered_it(sso, provider, users, keys) -> None:
    users.insert(ANN, PASSWORD)
    client = sso(oidc_link_accounts=True, api_keys_per_account=1)
    bearer = {"Authorization": f"Bearer {login(client, ANN).text}"}
    assert client.post("/account/keys", json={"name": "a key", "scope": "all"}, headers=bearer).status_code == 201
    assert signs_in(client, provider).status_code == 200
    assert keys.rows == []


def test_a_disabled_account_is_not_connected(sso, provider, users) -> None:
    user = users.insert(ANN, PASSWORD, disabled=True)
    assert code(signs_in(sso(oidc_link_accounts=True), provider)) == (403, "account_disabled")
    assert users.rows == [user]


@pytest.mark.parametrize(
    ("domains", "claims", "expected"),
    [
        ("example.com", {}, 200),
        ("@EXAMPLE.com,example.org", {}, 200),
        ("example.org", {}, (403, "sso_domain_not_allowed")),
        ("example.com", {"email": "ann@sub.example.com"}, (403, "sso_domain_not_allowed")),
        ("example.com", {"email": "ann@example.com.example.org"}, (403, "sso_domain_not_allowed")),
        ("example.com", {"email_verified": False}, (403, "sso_email_not_verified")),
    ],
    ids=str,
)
def test_only_addresses_of_allowed_domains_may_sign_in(sso, provider, domains, claims, expected) -> None:
    provider.claims = claims
    answer = signs_in(sso(oidc_allowed_domains=domains), provider)
    assert (answer.status_code if expected == 200 else code(answer)) == expected


def test_a_first_sign_in_that_was_interrupted_is_completed_by_the_next_one(
    client, provider, users, monkeypatch
) -> None:
    with monkeypatch.context() as interrupted:
        interrupted.setattr(users, "change_password", lambda *_, **__: 1 / 0)
        assert signs_in(client, provider).status_code == 500
    # Meanwhile, somebody else registers the address.
    users.change(users.rows[0], password=PASSWORD)
    assert validate(client, signs_in(client, provider).json["token"]).json["verified"] is True
    assert login(client, ANN).status_code == 401


def test_a_server_without_a_provider_says_so(app) -> None:
    assert code(start(app())) == (404, "sso_not_configured")
