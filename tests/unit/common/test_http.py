"""Every error is JSON with the right status; nothing about the inside gets out."""

import logging

import pytest

from common import http, logs
from common.errors import Conflict, TooManyRequests, TransientError, Unauthorized


@pytest.fixture
def client():
    app = http.create_app("test")

    @app.get("/conflict")
    def conflict():
        raise Conflict("It is there already.")

    @app.get("/busy")
    def busy():
        raise TooManyRequests("Wait.", headers={"Retry-After": "7"})

    @app.get("/stranger")
    def stranger():
        raise Unauthorized("Who are you?")

    @app.get("/down")
    def down():
        raise TransientError("db at 10.0.0.7 refused")

    @app.get("/bug")
    def bug():
        raise KeyError("a secret detail")

    return app.test_client()


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/conflict", 409, "It is there already."),
        ("/busy", 429, "Wait."),
        ("/stranger", 401, "Who are you?"),
        ("/nowhere", 404, "/docs"),
        ("/down", 503, "Try again"),
    ],
)
def test_an_error_is_json_with_its_status(client, path, status, text):
    response = client.get(path)
    assert response.status_code == status
    assert text in response.get_json()["error"]


def test_headers_of_an_error_arrive(client):
    assert client.get("/busy").headers["Retry-After"] == "7"
    assert client.get("/stranger").headers["WWW-Authenticate"].startswith("Bearer")
    assert "GET" in client.post("/busy").headers["Allow"]


def test_an_unexpected_error_tells_the_client_nothing(client):
    response = client.get("/bug")
    assert response.status_code == 500
    assert "secret detail" not in response.get_data(as_text=True)


def test_a_dependency_is_not_named_to_the_client(client):
    assert "10.0.0.7" not in client.get("/down").get_data(as_text=True)


def test_a_request_id_is_kept_or_made(client):
    assert client.get("/busy", headers={"X-Request-ID": "abc-1"}).headers["X-Request-ID"] == "abc-1"
    made = client.get("/busy", headers={"X-Request-ID": "x" * 200}).headers["X-Request-ID"]
    assert len(made) == 32


def test_a_log_line_cannot_be_forged():
    formatter = logs.configuration("INFO", "text")["formatters"]["line"]["()"]()
    record = logging.LogRecord("n", logging.INFO, "", 0, "name: %s", ("a\nb\u202e",), None)
    line = formatter.format(record)
    assert "\n" not in line
    assert "a\\nb\\u202e" in line
