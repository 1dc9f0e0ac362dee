"""Errors of the server become messages, codes and exit codes of the CLI."""

import pytest
import requests

from video2mp3 import account, api, http_client
from video2mp3.account import Account
from video2mp3.api import Api
from video2mp3.conversion.converter import Outcome
from video2mp3.display import status
from video2mp3.errors import CliError, ConversionFailed, Missing, NotSignedIn, Refused, Unreachable

ACCOUNT = Account("https://mp3.example.com", "you@example.com", "a-token")


@pytest.fixture
def server(monkeypatch):
    """Sets the response of the server."""

    def respond(code: int, body: str) -> None:
        response = requests.Response()
        response.status_code, response._content = code, body.encode()
        monkeypatch.setattr(http_client.requests, "request", lambda *_, **__: response)

    return respond


@pytest.mark.parametrize(
    ("http_status", "body", "kind", "code", "message"),
    [
        (404, '{"error": "Job not found.", "code": "not_found"}', Missing, "not_found", "Job not found"),
        (422, '{"error": "quality: must be from 0", "code": "invalid"}', Refused, "invalid", "quality"),
        (503, '{"error": "A dependency is down.", "code": "unavailable"}', Unreachable, "unavailable", "dependency"),
        (401, '{"error": "The token has expired.", "code": "invalid_token"}', NotSignedIn, "invalid_token", "expired"),
        (502, "<html>Bad Gateway</html>", Unreachable, "failed", "502"),
        (400, "[]", Refused, "failed", "400"),
    ],
)
def test_an_error_has_the_code_and_the_text_of_the_server(server, http_status, body, kind, code, message):
    server(http_status, body)
    with pytest.raises(CliError, match=message) as caught:
        Api(ACCOUNT).job("0" * 24)
    assert (type(caught.value), caught.value.code) == (kind, code)


def test_a_wrong_password_is_a_refusal_and_not_an_expired_session(server):
    server(401, '{"error": "Wrong email address or password.", "code": "invalid_credentials"}')
    with pytest.raises(Refused, match="password") as caught:
        api.login(ACCOUNT.server, ACCOUNT.email, "wrong")
    assert caught.value.code == "invalid_credentials"


def test_a_server_that_does_not_answer_is_named(monkeypatch):
    def fail(*_args: object, **_options: object) -> None:
        raise requests.ConnectionError

    monkeypatch.setattr(http_client.requests, "request", fail)
    with pytest.raises(Unreachable, match=r"mp3\.example\.com does not answer"):
        Api(ACCOUNT).job("0" * 24)


def test_without_an_account_the_server_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv(account.FOLDER, str(tmp_path))
    with pytest.raises(NotSignedIn, match=r"not signed in\. Run: video2mp3 login"):
        account.required(None)
    account.save(ACCOUNT)
    assert account.required("https://mp3.example.com") == ACCOUNT
    with pytest.raises(NotSignedIn, match=r"not signed in to other\.example\.com\. Run: video2mp3 --server"):
        account.required("https://other.example.com")


def test_json_of_a_failed_conversion_has_the_code_of_the_job(tmp_path):
    error = ConversionFailed("This video has no audio track", "no_audio")
    shown = Outcome(tmp_path / "talk.mp4", job={"error_code": "no_audio"}, error=error).public()
    assert (shown["error"], shown["error_code"], shown["mp3"]) == ("This video has no audio track", "no_audio", None)
    assert Outcome(tmp_path / "talk.mp4").public()["error_code"] is None


@pytest.mark.parametrize(
    ("job", "text"),
    [
        ({"status": "queued"}, "queued"),
        ({"status": "converting", "progress": 40}, "converting, 40 %"),
        ({"status": "completed", "result": {"duration": 3845, "size": 5_900_000}}, "completed: 1:04:05, 5.9 MB"),
        ({"status": "completed", "result": None}, "completed"),
        (
            {"status": "failed", "error": "Empty\x1b file", "error_code": "empty_file"},
            "failed: Empty? file",
        ),
        ({"status": "failed", "error": "Cancelled by you.", "error_code": "cancelled"}, "cancelled"),
        ({"status": "failed", "error": "Cancelled by you.", "error_code": "failed"}, "failed: Cancelled by you."),
    ],
)
def test_the_status_of_a_job_depends_on_its_code(job, text):
    assert status(job) == text


def test_a_response_that_is_not_json_is_not_from_the_server(server):
    server(200, "<html>Sign in to this network</html>")
    with pytest.raises(Unreachable, match=r"mp3\.example\.com is not a Video2MP3 server"):
        Api(ACCOUNT).job("0" * 24)
