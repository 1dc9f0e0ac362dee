"""The contract of the auth service, as far as it depends on the database."""

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.integration.auth.conftest import ADMIN, Operator

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
    assert registered.json == {"email": email, "mail": None, "confirmation": False}

    answer = login(client, email)
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    assert answer.text.count(".") == 2

    claims = validate(client, answer.text)
    assert claims.status_code == 200
    assert claims.json["username"] == email
    assert claims.json["admin"] is False
    assert claims.json["exp"] - claims.json["iat"] == 24 * 3600
    assert set(claims.json) == {"username", "iat", "exp", "admin", "sub", "ver", "since", "verified", "scope"}


def test_an_address_is_the_same_person_in_any_case(client: FlaskClient, email: str) -> None:
    assert register(client, email.upper()).json["email"] == email
    assert register(client, email.title()).status_code == 409

    token = login(client, email.swapcase()).text
    assert validate(client, token).json["username"] == email


def test_a_taken_address_is_a_conflict_and_keeps_its_password(client: FlaskClient, email: str) -> None:
    register(client, email)
    again = register(client, email, "another password")

    assert again.status_code == 409
    assert again.json["code"] == "account_exists"
    assert login(client, email, "another password").status_code == 401
    assert login(client, email).status_code == 200


def test_one_of_many_concurrent_registrations_succeeds(client: FlaskClient, email: str, operator: Operator) -> None:
    def attempt(number: int) -> int:
        return int(register(client.application.test_client(), email, f"password {number}").status_code)

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(attempt, range(8)))

    assert answers == [201] + [409] * 7
    assert len(operator.execute("SELECT id FROM user WHERE email = %s", email)) == 1


def test_only_a_hash_is_stored(client: FlaskClient, email: str, operator: Operator) -> None:
    register(client, email)
    assert operator.stored(email).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_password_in_plain_text_is_hashed_at_login(client: FlaskClient, email: str, operator: Operator) -> None:
    operator.insert(email.upper(), "Admin123")

    assert login(client, email, "admin123").status_code == 401
    assert operator.stored(email) == "Admin123"

    assert login(client, email, "Admin123").status_code == 200
    stored = operator.stored(email)
    assert stored.startswith("$argon2id$")

    assert login(client, email, "Admin123").status_code == 200
    assert operator.stored(email) == stored
    assert login(client, email, stored).status_code == 401


def test_an_administrator_is_a_row_of_an_operator(client: FlaskClient, operator: Operator) -> None:
    for spelling in (ADMIN, ADMIN.upper()):
        assert register(client, spelling).status_code == 409

    operator.insert(ADMIN, "an operator's choice")
    token = login(client, ADMIN, "an operator's choice").text
    assert validate(client, token).json["admin"] is True


@pytest.mark.parametrize("lookalike", ["{0} ", " {0}", "{0}\0", "{0}'-- ", "%", "{0}' OR '1'='1"])
def test_a_similar_name_is_another_user(client: FlaskClient, operator: Operator, lookalike: str) -> None:
    operator.insert("jose@example.com", PASSWORD)
    name = lookalike.format("jose@example.com")
    answer = login(client, name)
    # Spaces around a name are ignored.
    assert answer.status_code == (200 if name.strip() == "jose@example.com" else 401)


def test_accents_make_another_name(client: FlaskClient, operator: Operator) -> None:
    operator.insert("jose@example.com", PASSWORD)
    assert login(client, "josé@example.com").status_code == 401
    assert login(client, "jose@example.com").status_code == 200


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
