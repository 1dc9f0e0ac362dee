"""Every error is JSON with the right status, and shows no internal details."""

import logging
from typing import Any

import pytest

from common.errors import Conflict, TooManyRequests, TransientError, Unauthorized
from common.http import app as http
from common.runtime import logs


@pytest.fixture
def client():
    app = http.create_app("test")

    @app.get("/conflict")
    def conflict():
        raise Conflict("It is there already.", code="already_there")

    @app.get("/busy")
    def busy():
        raise TooManyRequests("Wait.", headers={"Retry-After": "7"})

    @app.get("/unauthorized")
    def unauthorized():
        raise Unauthorized("Who are you?")

    @app.get("/down")
    def down():
        raise TransientError("db at 10.0.0.7 refused")

    @app.get("/bug")
    def bug():
        raise KeyError("a secret detail")

    @app.get("/token")
    def token():
        return http.bearer_token()

    return app.test_client()


@pytest.mark.parametrize(
    ("path", "status", "code", "text"),
    [
        ("/conflict", 409, "already_there", "It is there already."),
        ("/busy", 429, "too_many_requests", "Wait."),
        ("/unauthorized", 401, "unauthorized", "Who are you?"),
        ("/nowhere", 404, "not_found", "/docs"),
        ("/down", 503, "unavailable", "Try again"),
        ("/bug", 500, "internal_error", "request id"),
    ],
)
def test_an_error_is_json_with_its_status_and_a_stable_code(client, path, status, code, text):
    response = client.get(path)
    assert response.status_code == status
    assert response.get_json()["code"] == code
    assert text in response.get_json()["error"]


def test_a_method_that_is_not_allowed_has_a_code(client):
    assert client.post("/busy").get_json()["code"] == "method_not_allowed"


def test_headers_of_an_error_arrive(client):
    assert client.get("/busy").headers["Retry-After"] == "7"
    assert client.get("/unauthorized").headers["WWW-Authenticate"].startswith("Bearer")
    assert "GET" in client.post("/busy").headers["Allow"]


def test_an_unexpected_error_shows_no_details_to_the_client(client):
    response = client.get("/bug")
    assert response.status_code == 500
    assert "secret detail" not in response.get_data(as_text=True)


def test_a_dependency_is_not_named_to_the_client(client):
    assert "10.0.0.7" not in client.get("/down").get_data(as_text=True)


def test_a_bearer_token_is_read(client):
    assert client.get("/token", headers={"Authorization": "bearer abc.def.ghi"}).text == "abc.def.ghi"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "unauthorized"),
        ("Bearer", "unauthorized"),
        ("Bearer  ", "unauthorized"),
        ("Basic YTpi", "unauthorized"),
        ("abc.def.ghi", "unauthorized"),
        ("Bearer é.é.é", "invalid_token"),
        ("Bearer " + "x" * 4097, "invalid_token"),
    ],
)
def test_a_header_without_a_token_is_refused(client, header, code):
    response = client.get("/token", headers={"Authorization": header})
    assert (response.status_code, response.get_json()["code"]) == (401, code)
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


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


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "application/json, text/plain, */*",  # axios, Angular
        "application/json, */*;q=0.5",  # HTTPie with a body
        "application/json, */*",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        "application/json;version=1;q=0.9, text/plain;q=0.8",
        "text/plain;q=0.5, application/json",
        "text/plain;q=0, */*",
        "application/*, text/*;q=0.9",
        "application/*",
        "application/json;q=0.001",
        "text/html, application/json;q=0.9, */*;q=0.8",
        "*/*;q=0.1, application/json",
    ],
)
def test_a_client_that_prefers_json_gets_it(accept):
    assert http.prefers_json(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",  # curl, requests, fetch
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",  # browsers
        "text/plain",
        "text/plain, application/json",
        "text/plain, application/json;q=0.9",
        "text/*, application/json",
        "application/json;q=0.5, text/plain",
        "application/json;q=0, */*",
        "application/json;q=0",
        "application/json;q=2, text/plain;q=0.1",
        "application/json;q=nan, text/plain;q=0.1",
        "image/png",
        "application/vnd.api+json",
        ";,;q=,,",
        "*/*;q=0",
    ],
)
def test_other_clients_get_plain_text(accept):
    assert not http.prefers_json(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",  # browsers
        "text/html, application/xhtml+xml, image/jxr, */*",
        "TEXT/HTML",
        "text/html;q=0.9, application/json;q=0.8",
    ],
)
def test_a_browser_prefers_a_page(accept):
    assert http.prefers_html(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "application/json, text/html",
        "text/html;q=0.5, */*",
        "text/html;q=0",
        "audio/webm,audio/ogg,audio/*;q=0.9,*/*;q=0.5",  # an audio element
    ],
)
def test_a_program_prefers_no_page(accept):
    assert not http.prefers_html(accept)


def test_gunicorns_errors_have_no_queries():
    made: dict[str, Any] = logs.configuration("INFO", "text")
    assert made["loggers"]["gunicorn.error"]["filters"] == list(made["filters"])
    (without_queries,) = (each["()"]() for each in made["filters"].values())
    given = ("GET", "/download?fid=1&token=hidden", 1)
    record = logging.LogRecord("gunicorn.error", logging.ERROR, "", 0, "Error handling %s %s %d", given, None)
    assert without_queries.filter(record)
    assert record.getMessage() == "Error handling GET /download 1"
