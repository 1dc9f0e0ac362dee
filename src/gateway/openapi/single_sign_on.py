"""The paths of single sign-on, which are for browsers."""

from typing import Any

from gateway.openapi.parts import answer, object_of, operation, query
from gateway.single_sign_on import CALLBACK

_TEXT = {"type": "string"}
_PAGE = "`/app/sign-in?sso=<code>` after an error"


def paths() -> dict[str, Any]:
    return {
        "/oidc/login": {"get": operation(
            "Sign in with the single sign-on provider, in a browser", "curl -i $URL/oidc/login",
            {303: _redirect(f"Location is the provider, or {_PAGE}")},
        )},
        CALLBACK: {"get": operation(
            "The redirect address for the provider", f"curl -i \"$URL{CALLBACK}?code=…&state=…\"",
            {303: _redirect(f"Location is the page, or {_PAGE}")},
            parameters=[query(name, _TEXT) for name in ("code", "state", "iss", "error")],
        )},
        "/oidc/token": {"post": operation(
            "Get the token of a completed single sign-on, once, with the cookie of the same browser",
            "curl -X POST -b cookies $URL/oidc/token",
            {200: answer("The token, valid for a day", object_of({"token": _TEXT}))}, (400, 404, 429),
        )},
    }  # fmt: skip


def _redirect(description: str) -> dict[str, Any]:
    return {"description": description, "headers": {"Location": {"schema": _TEXT}}}
