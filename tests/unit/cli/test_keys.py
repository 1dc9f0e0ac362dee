"""Signing in with an API key, and the commands that manage keys."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from typer.testing import CliRunner, Result

from video2mp3 import account, http_client, main
from video2mp3.account import Account
from video2mp3.errors import CliError, NotSignedIn, WrongUsage

SERVER, KEY = "https://mp3.example.com", "v2m_" + "0" * 64
ROW = {
    "id": "an-id", "name": "backup\x1b", "scope": "read", "prefix": "v2m_00000000",
    "created_at": "2026-01-31T12:00:00Z",
    "expires_at": None, "last_used_at": "2026-02-01T08:30:00Z",
}  # fmt: skip


class Server:
    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.answers: dict[str, tuple[int, Any]] = {
            "GET /account": (200, {"email": "ann@example.com"}),
            "GET /account/keys": (200, {"keys": [ROW]}),
            "POST /account/keys": (201, {**ROW, "key": KEY}),
            "DELETE /account/keys/an-id": (204, None),
            "POST /login": (200, "a-token"),
        }

    def request(self, method: str, url: str, *, headers: Any = None, json: Any = None, **_: Any) -> requests.Response:
        path = url.removeprefix(SERVER)
        self.asked.append((f"{method} {path}", (headers or {}).get("Authorization"), json))
        answer = requests.Response()
        answer.status_code, content = self.answers[f"{method} {path}"]
        answer._content = content.encode() if isinstance(content, str) else dumps(content)
        return answer


def dumps(content: Any) -> bytes:
    return json.dumps(content).encode()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(http_client.requests, "request", made.request)
    for name in ("VIDEO2MP3_KEY", "VIDEO2MP3_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture
def run(server: Server) -> Callable[..., Result]:
    def command(*arguments: str, **more: Any) -> Result:
        return CliRunner().invoke(main.app, ["--server", SERVER, *arguments], **more)

    return command


@pytest.mark.parametrize("source", ["standard input", "environment"])
def test_a_key_signs_in_and_is_stored_as_a_token_is(run, server, source):
    given: dict[str, Any] = {"input": f"{KEY}\n"} if source == "standard input" else {"env": {"VIDEO2MP3_KEY": KEY}}
    result = run("login", "--key", **given)
    assert result.exit_code == 0, result.output
    assert account.stored() == Account(SERVER, "ann@example.com", KEY)
    assert server.asked == [("GET /account", f"Bearer {KEY}", None)]
    assert KEY not in result.output


@pytest.mark.parametrize(
    ("arguments", "given", "code"),
    [
        (["--key"], "", "no_key"),
        (["--key"], "naïve\n", "no_key"),
        (["--key", "--email", "a@b.c"], KEY, "key_with_email"),
        (["--key", "--register"], KEY, "key_with_email"),
    ],
)
def test_without_a_usable_key_nothing_is_sent(run, server, arguments, given, code):
    error = run("login", *arguments, input=given).exception
    assert isinstance(error, WrongUsage)
    assert error.code == code
    assert server.asked == []


def test_a_key_that_has_ended_is_reported_as_such_and_not_stored(run, server):
    server.answers["GET /account"] = (401, {"error": "The key has ended.", "code": "invalid_key"})
    error = run("login", "--key", input=KEY).exception
    assert isinstance(error, NotSignedIn)
    assert (error.code, "API key" in str(error)) == ("invalid_key", True)
    assert account.stored() is None


def test_a_password_is_asked_for_as_before(run):
    result = run("login", input="ann@example.com\na password\n")
    assert result.exit_code == 0, result.output
    assert account.stored() == Account(SERVER, "ann@example.com", "a-token")


@pytest.fixture
def signed_in(run: Callable[..., Result]) -> Callable[..., Result]:
    account.save(Account(SERVER, "ann@example.com", "a-token"))
    return run


def test_only_the_new_key_is_on_standard_output(signed_in, server):
    result = signed_in("keys", "create", "backup", "--scope", "read", "--expires-in-days", "7")
    assert result.stdout == f"{KEY}\n"
    assert "not shown again" in result.stderr
    assert server.asked[-1][2] == {"name": "backup", "scope": "read", "expires_in_days": 7}
    assert json.loads(signed_in("keys", "create", "x", "--scope", "all", "--json").stdout)["key"] == KEY
    assert signed_in("keys", "create", "x").exit_code == 2
    assert signed_in("keys", "create", "x", "--scope", "session").exit_code == 2


def test_keys_are_listed_and_revoked(signed_in, server):
    shown = signed_in("keys", "list", env={"COLUMNS": "200"}).stdout
    for text in ("an-id", "backup?", "read", "v2m_00000000…", "2026-01-31 12:00", "2026-02-01 08:30"):
        assert text in shown
    assert json.loads(signed_in("keys", "list", "--json").stdout) == [ROW]
    server.answers["GET /account/keys"] = (200, {"keys": []})
    assert "no API keys" in signed_in("keys", "list").stdout
    assert signed_in("keys", "revoke", "an-id").exit_code == 0
    server.answers["DELETE /account/keys/a%2Fb"] = (404, {"error": "There is no such API key.", "code": "not_found"})
    assert isinstance(signed_in("keys", "revoke", "a/b").exception, CliError)
