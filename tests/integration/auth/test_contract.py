"""The contract of the auth service, on a real database."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from tests.integration.auth.conftest import ADMIN, JWT_SECRET, Operator, app_on

PASSWORD = "correct:horse 🐎"


def register(client: FlaskClient, email: str, password: str = PASSWORD) -> Any:
    return client.post("/register", json={"email": email, "password": password})


def login(client: FlaskClient, email: str, password: str = PASSWORD) -> Any:
    return client.post("/login", auth=(email, password))


def validate(client: FlaskClient, token: str) -> Any:
    return client.post("/validate", headers={"Authorization": f"Bearer {token}"})


def test_a_person_registers_logs_in_and_is_recognised(client: FlaskClient, email: str) -> None:
    registered = register(client, email)
    assert registered.status_code == 201
    assert registered.json == {"email": email}

    answer = login(client, email)
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    assert answer.text.count(".") == 2

    claims = validate(client, answer.text)
    assert claims.status_code == 200
    assert claims.json["username"] == email
    assert claims.json["admin"] is False
    assert claims.json["exp"] - claims.json["iat"] == 24 * 3600
    assert set(claims.json) == {"username", "iat", "exp", "admin"}


def test_an_address_is_the_same_person_in_any_case(client: FlaskClient, email: str) -> None:
    assert register(client, email.upper()).json == {"email": email}
    assert register(client, email.title()).status_code == 409

    token = login(client, email.swapcase()).text
    assert validate(client, token).json["username"] == email


def test_a_taken_address_is_a_conflict_and_keeps_its_password(client: FlaskClient, email: str) -> None:
    register(client, email)
    again = register(client, email, "another password")

    assert again.status_code == 409
    assert "taken" in again.json["error"]
    assert login(client, email, "another password").status_code == 401
    assert login(client, email).status_code == 200


def test_of_many_registrations_at_once_one_wins(client: FlaskClient, email: str, operator: Operator) -> None:
    def attempt(number: int) -> int:
        return int(register(client.application.test_client(), email, f"password {number}").status_code)

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(attempt, range(8)))

    assert answers == [201] + [409] * 7
    assert len(operator.execute("SELECT id FROM user WHERE email = %s", email)) == 1


def test_only_a_hash_is_stored(client: FlaskClient, email: str, operator: Operator) -> None:
    register(client, email)
    assert operator.stored(email).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_wrong_password_and_an_unknown_user_get_the_same_refusal(client: FlaskClient, email: str) -> None:
    register(client, email)
    wrong, unknown = login(client, email, "wrong password"), login(client, "nobody@example.com")

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json == unknown.json
    assert wrong.headers["WWW-Authenticate"] == unknown.headers["WWW-Authenticate"] == 'Basic realm="video2mp3"'


def test_a_row_in_plain_text_logs_in_and_is_hashed_then(client: FlaskClient, email: str, operator: Operator) -> None:
    operator.insert(email.upper(), "Admin123")

    assert login(client, email, "admin123").status_code == 401
    assert operator.stored(email) == "Admin123"

    assert login(client, email, "Admin123").status_code == 200
    stored = operator.stored(email)
    assert stored.startswith("$argon2id$")

    assert login(client, email, "Admin123").status_code == 200
    assert operator.stored(email) == stored
    assert login(client, email, stored).status_code == 401


def test_an_outdated_hash_is_renewed_at_login(client: FlaskClient, email: str, operator: Operator) -> None:
    outdated = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    operator.insert(email, outdated)

    assert login(client, email, "wrong password").status_code == 401
    assert operator.stored(email) == outdated
    assert login(client, email).status_code == 200
    assert operator.stored(email).startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert login(client, email).status_code == 200


def test_an_administrator_is_a_row_of_an_operator(client: FlaskClient, operator: Operator) -> None:
    for spelling in (ADMIN, ADMIN.upper()):
        assert register(client, spelling).status_code == 409

    operator.insert(ADMIN, "an operator's choice")
    token = login(client, ADMIN, "an operator's choice").text
    assert validate(client, token).json["admin"] is True


@pytest.mark.parametrize("lookalike", ["{0} ", " {0}", "{0}\0", "{0}'-- ", "%", "{0}' OR '1'='1"])
def test_a_name_that_only_resembles_a_user_is_another(client: FlaskClient, operator: Operator, lookalike: str) -> None:
    operator.insert("jose@example.com", PASSWORD)
    name = lookalike.format("jose@example.com")
    answer = login(client, name)
    # Spaces around a name are nobody's, whatever the database thinks of them.
    assert answer.status_code == (200 if name.strip() == "jose@example.com" else 401)


def test_accents_make_another_name(client: FlaskClient, operator: Operator) -> None:
    operator.insert("jose@example.com", PASSWORD)
    assert login(client, "josé@example.com").status_code == 401
    assert login(client, "jose@example.com").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Basic"},
        {"Authorization": "Basic ####"},
        {"Authorization": "Basic " + "é"},
        {"Authorization": "Basic /////w=="},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Basic " + "QUFB" * 20_000},
        {"Authorization": "Negotiate " + "x" * 70_000},
    ],
)
def test_a_login_without_proper_credentials_is_refused(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.post("/login", headers=headers)

    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["error"]
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    "name", ["x" * 300, "x" * 300 + "@example.com", "nul\0@example.com", "🎬@example.com", "", "'"]
)
@pytest.mark.parametrize("password", ["", "nul\0nul", "🎬" * 500, "x" * 5000, "::"])
def test_hostile_credentials_are_wrong_credentials(client: FlaskClient, name: str, password: str) -> None:
    assert login(client, name, password).status_code == 401


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b'{"email": "ann@example.com"}', "application/json", 422),
        (b'{"email": "ann", "password": "12345678"}', "application/json", 422),
        (b'{"email": "ann@example.com", "password": "1234567"}', "application/json", 422),
        (b"[]", "application/json", 422),
        (b"{", "application/json", 400),
        (b"\xff\xfe\x00", "application/json", 400),
        (b"[" * 16_000, "application/json", 400),
        (b"", "application/json", 400),
        (b'{"email": "' + b"x" * 17_000 + b'"}', "application/json", 413),
        (b"email=ann@example.com&password=12345678", "application/x-www-form-urlencoded", 415),
        (b"{}", None, 415),
        (b"{}", "text/json;charset=\0", 415),
    ],
)
def test_a_bad_registration_is_refused_with_the_reason(
    client: FlaskClient, body: bytes, content_type: str | None, status: int
) -> None:
    answer = client.post("/register", data=body, content_type=content_type)

    assert answer.status_code == status
    assert answer.json is not None
    assert len(answer.json["error"]) > 10


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer " + "x" * 70_000, "Bearer é.é.é"])
def test_what_is_no_token_is_not_validated(client: FlaskClient, header: str) -> None:
    answer = client.post("/validate", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_forged_tokens_are_not_validated(client: FlaskClient) -> None:
    claims = {"username": ADMIN, "iat": 1_767_225_600, "exp": 4_000_000_000, "admin": True}
    forged = [
        jwt.encode(claims, "another secret, also long enough", algorithm="HS256"),
        jwt.encode(claims, JWT_SECRET * 2, algorithm="HS512"),
        jwt.encode(claims, None, algorithm="none"),
        jwt.encode({**claims, "exp": 1_767_225_601}, JWT_SECRET, algorithm="HS256"),
        jwt.encode({"username": ADMIN}, JWT_SECRET, algorithm="HS256"),
    ]
    assert [validate(client, token).status_code for token in forged] == [401] * len(forged)


def test_a_token_ends_with_its_lifetime(
    database: dict[str, str], monkeypatch: pytest.MonkeyPatch, operator: Operator, email: str
) -> None:
    operator.insert(email, PASSWORD)
    client = app_on(database, monkeypatch, TOKEN_LIFETIME="60").test_client()
    claims = validate(client, login(client, email).text).json

    assert claims["exp"] - claims["iat"] == 60


@pytest.mark.parametrize("path", ["/login", "/register", "/validate"])
def test_only_post_is_accepted(client: FlaskClient, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 405
    assert answer.json is not None
    assert "POST" in answer.headers["Allow"]


def test_probes_and_metrics_answer(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    assert client.get("/readyz").json == {"status": "ok"}
    assert "video2mp3_http_request_seconds_bucket" in client.get("/metrics").text


def test_no_password_and_no_token_is_logged(
    client: FlaskClient, email: str, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    register(client, email, "first secret word")
    operator.insert("plain@example.com", "second secret word")
    login(client, "plain@example.com", "second secret word")
    login(client, email, "third secret word")
    login(client, "fourth secret word", "x")
    token = login(client, email, "first secret word").text
    validate(client, token)
    validate(client, token[:-4])
    client.post("/register", json={"email": "fifth secret word", "password": "sixth secret word"})

    written = "\n".join(record.getMessage() + str(record.exc_info or "") for record in caplog.records)
    assert "POST /login 200" in written
    assert "secret word" not in written
    assert "$argon2" not in written
    assert token.split(".")[1] not in written
