"""Single sign-on at the gateway: the redirects and the cookies. What the auth service decides: tests/unit/auth."""

import json
from typing import Any

import pytest
import requests
from flask.testing import FlaskClient
from flask_limiter import Limiter

from common.errors import Unavailable
from common.http import app as http
from gateway import accounts, rate_limits, single_sign_on
from gateway.settings import GatewaySettings
from tests.unit.gateway.test_accounts import SETTINGS

PROVIDER = "https://accounts.example.com/auth?state=s"
PUBLIC = {"oidc_issuer": "https://accounts.example.com/", "public_url": "https://video2mp3.example.com"}


class Auth:
    """The auth service, which answers what a test wants."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {
            "/oidc/start": (200, {"url": PROVIDER, "transaction": "signed"}),
            "/oidc/finish": (200, {"code": "once"}),
            "/oidc/token": (200, {"token": "a.b.c"}),
        }
        self.asked: list[tuple[str, Any]] = []
        self.down = False

    def ask(self, _method: str, path: str, *, data: bytes, **_: object) -> requests.Response:
        if self.down:
            raise Unavailable("The auth service is unavailable.")
        self.asked.append((path, json.loads(data)))
        answer = requests.Response()
        answer.status_code, content = self.answers[path]
        answer._content = json.dumps(content).encode()
        return answer


@pytest.fixture
def auth() -> Auth:
    return Auth()


@pytest.fixture
def make(auth: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    def client(**changes: Any) -> FlaskClient:
        app = http.create_app("test")
        settings = GatewaySettings(**{**SETTINGS, **PUBLIC, **changes})
        monkeypatch.setattr(rate_limits, "Limiter", lambda key, **_: Limiter(key, app=app, storage_uri="memory://"))
        limiter = rate_limits.limiter(app, settings)
        app.register_blueprint(single_sign_on.blueprint(settings, auth, limiter))
        app.register_blueprint(accounts.blueprint(settings, auth, None, None, limiter, usage=None, jobs=None))
        return app.test_client()

    return client


@pytest.fixture
def web(make: Any) -> FlaskClient:
    return make()


def cookies(answer: Any) -> dict[str, tuple[str, set[str]]]:
    """The cookies that are set, each with its value and attributes."""
    found = {}
    for line in answer.headers.getlist("Set-Cookie"):
        pair, *attributes = line.split("; ")
        name, _, value = pair.partition("=")
        found[name] = (value, {each for each in attributes if not each.startswith("Expires")})
    return found


def kept(*changes: str) -> set[str]:
    return {"Secure", "HttpOnly", "Path=/", *changes}


def test_a_browser_goes_to_the_provider_with_a_cookie(web, auth) -> None:
    answer = web.get("/oidc/login?next=https://evil.example.com&from=//evil.example.com")
    assert (answer.status_code, answer.headers["Location"]) == (303, PROVIDER)
    assert answer.headers["Cache-Control"] == "no-store"
    assert cookies(answer) == {"__Host-sso": ("signed", kept("SameSite=Lax", "Max-Age=600"))}
    assert auth.asked == [("/oidc/start", {"redirect_uri": "https://video2mp3.example.com/oidc/callback"})]


def test_a_browser_comes_back_with_a_code_for_the_page_that_is_in_no_address(web, auth) -> None:
    web.set_cookie("__Host-sso", "signed", secure=True)
    answer = web.get(
        "/oidc/callback?code=c&state=s&iss=https://accounts.example.com/&next=//evil.example.com",
        base_url="https://localhost",
    )
    assert (answer.status_code, answer.headers["Location"]) == (303, "/app/single-sign-on")
    assert cookies(answer) == {
        "__Host-sso": ("", kept("SameSite=Lax", "Max-Age=0")),
        "__Host-sso-code": ("once", kept("SameSite=Strict", "Max-Age=60")),
    }
    expected = {"code": "c", "state": "s", "issuer": "https://accounts.example.com/", "error": None}
    assert auth.asked == [("/oidc/finish", {**expected, "transaction": "signed"})]


def test_the_page_gets_the_token_and_the_cookie_ends(web, auth) -> None:
    web.set_cookie("__Host-sso-code", "once", secure=True)
    answer = web.post("/oidc/token", base_url="https://localhost")
    assert (answer.status_code, answer.json) == (200, {"token": "a.b.c"})
    assert answer.headers["Cache-Control"] == "no-store"
    assert cookies(answer) == {"__Host-sso-code": ("", kept("SameSite=Strict", "Max-Age=0"))}
    assert auth.asked == [("/oidc/token", {"code": "once"})]


def test_a_code_that_is_not_valid_is_an_error_for_the_page(web, auth) -> None:
    auth.answers["/oidc/token"] = (400, {"error": "Try again.", "code": "sso_expired"})
    answer = web.post("/oidc/token")
    assert (answer.status_code, answer.json["code"]) == (400, "sso_expired")


@pytest.mark.parametrize(("path", "step"), [("/oidc/login", "/oidc/start"), ("/oidc/callback?state=s", "/oidc/finish")])
@pytest.mark.parametrize("code", ["sso_unavailable", "sso_denied", "account_disabled"])
def test_an_error_leads_back_to_the_page_with_its_code(web, auth, path, step, code) -> None:
    auth.answers[step] = (424, {"error": "No.", "code": code})
    answer = web.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/app/sign-in?sso={code}")
    assert [name for name, (value, _) in cookies(answer).items() if value] == []


@pytest.mark.parametrize("path", ["/oidc/login", "/oidc/callback"])
def test_an_auth_service_that_is_down_leads_back_to_the_page(web, auth, path) -> None:
    auth.down = True
    assert web.get(path).headers["Location"] == "/app/sign-in?sso=unavailable"


def test_a_rate_limit_leads_back_to_the_page(make) -> None:
    web = make(login_limit_per_address="1/minute")
    answers = [web.get("/oidc/login").headers["Location"] for _ in range(2)]
    assert answers == [PROVIDER, "/app/sign-in?sso=too_many_attempts"]


def test_long_parameters_are_not_passed_on(web, auth) -> None:
    web.get(f"/oidc/callback?state=s&code={'c' * 5000}")
    assert auth.asked[0][1]["code"] == ""


def test_a_server_without_https_has_cookies_that_browsers_accept(make) -> None:
    answer = make(public_url="http://localhost:8080/").get("/oidc/login")
    assert cookies(answer) == {"sso": ("signed", {"HttpOnly", "Path=/", "SameSite=Lax", "Max-Age=600"})}


def test_a_server_without_a_provider_has_no_single_sign_on(make, auth) -> None:
    web = make(oidc_issuer=None)
    assert web.get("/info").json["single_sign_on"] is None
    assert web.get("/oidc/login").headers["Location"] == "/app/sign-in?sso=sso_not_configured"
    assert (web.post("/oidc/token").status_code, auth.asked) == (404, [])


@pytest.mark.parametrize(("name", "shown"), [(None, "accounts.example.com"), ("Example", "Example")])
def test_visitors_learn_the_name_of_the_provider(make, name, shown) -> None:
    assert make(oidc_name=name).get("/info").json["single_sign_on"] == shown
