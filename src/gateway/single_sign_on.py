"""Single sign-on: the redirects to the provider and back, and the exchange for a token (docs/decisions/0040).

The auth service decides. The gateway keeps its signed data in cookies of the browser that no script can read, and no
address contains a token, nor an address to go to afterwards.
"""

import functools
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request
from flask_limiter import Limiter, RateLimitExceeded

from common.errors import BadRequest, NotFound, RejectedError
from common.http.identity import Identity
from gateway.account_changes import JSON
from gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

CALLBACK = "/oidc/callback"
# The page that asks for the token, and the one that explains the code of an error.
_DONE, _FAILED = "/app/single-sign-on", "/app/sign-in?sso="
# Characters. Longer parameters are not passed on.
_MAX_PARAMETER = 4096


@dataclass(frozen=True)
class _Cookie:
    name: str
    # s.
    lifetime: int
    same_site: Literal["Lax", "Strict"]
    secure: bool

    def value(self) -> str:
        return request.cookies.get(self.name, "")

    def keep(self, response: Response, value: str) -> None:
        response.set_cookie(self.name, value, self.lifetime, httponly=True, secure=self.secure, samesite=self.same_site)

    def drop(self, response: Response) -> None:
        response.delete_cookie(self.name, httponly=True, secure=self.secure, samesite=self.same_site)


def blueprint(settings: GatewaySettings, identity: Identity, limiter: Limiter) -> Blueprint:
    routes = Blueprint("single_sign_on", __name__)
    redirect_uri = f"{settings.public_url.rstrip('/')}{CALLBACK}"
    secure = urlsplit(redirect_uri).scheme == "https"
    # Other hosts of the same domain cannot set a cookie with this prefix.
    prefix = "__Host-" if secure else ""
    # The lifetimes are those of the auth service. The provider's redirect comes from another site, the page's request
    # from this one.
    transaction = _Cookie(f"{prefix}sso", 600, "Lax", secure)
    code = _Cookie(f"{prefix}sso-code", 60, "Strict", secure)

    def ask(path: str, fields: Mapping[str, str | None]) -> dict[str, Any]:
        """The answer of the auth service; raises a RejectedError with its code."""
        if not settings.oidc_issuer:
            raise NotFound("This server has no single sign-on.", code="sso_not_configured")
        answer = identity.ask("POST", path, data=json.dumps(fields).encode(), headers=JSON, repeatable=False)
        found: dict[str, Any] = answer.json()
        if not answer.ok:
            raise BadRequest(found["error"], code=found["code"])
        return found

    def to_provider() -> Response:
        started = ask("/oidc/start", {"redirect_uri": redirect_uri})
        response = _redirect(started["url"])
        transaction.keep(response, started["transaction"])
        return response

    def from_provider() -> Response:
        given = {name: _parameter(name) for name in ("code", "error")}
        fields = {**given, "issuer": _parameter("iss"), "state": _parameter("state") or ""}
        response = _redirect(_DONE)
        code.keep(response, ask("/oidc/finish", {**fields, "transaction": transaction.value()})["code"])
        return response

    limited = functools.partial(_leads_to_page, limiter.limit(settings.login_limit_per_address))
    login, finish = limited(to_provider), limited(from_provider)
    routes.get("/oidc/login")(login)

    @routes.get(CALLBACK)
    def callback() -> Response:
        response = finish()
        # It is for one attempt.
        transaction.drop(response)
        return response

    @routes.post("/oidc/token")
    @limiter.limit(settings.login_limit_per_address)
    def token() -> Response:
        response = jsonify(token=ask("/oidc/token", {"code": code.value()})["token"])
        code.drop(response)
        response.headers["Cache-Control"] = "no-store"
        return response

    return routes


def _leads_to_page(
    limit: Callable[[Callable[[], Response]], Callable[[], Response]], step: Callable[[], Response]
) -> Callable[[], Response]:
    """A view that people see: an error, or the limit, leads to the page, which explains it."""
    limited = limit(step)

    @functools.wraps(step)
    def view() -> Response:
        try:
            return limited()
        except RateLimitExceeded:
            reason = "too_many_attempts"
        except RejectedError as error:
            reason = error.code
        log.warning("Single sign-on failed: %s", reason)
        return _redirect(f"{_FAILED}{reason}")

    return view


def _parameter(name: str) -> str | None:
    value = request.args.get(name)
    return value if value is None or len(value) <= _MAX_PARAMETER else ""


def _redirect(address: str) -> Response:
    return Response(status=303, headers={"Location": address, "Cache-Control": "no-store"})
