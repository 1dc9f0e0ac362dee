"""The pages of the links in emails about accounts: to confirm an address, and to choose a new password.

A link shows a form, and only the form changes something: programs that check the links in emails send no forms.
"""

import json
from collections.abc import Mapping

from flask import Blueprint, Response, redirect, render_template, request
from flask_limiter import Limiter
from werkzeug.wrappers import Response as AnyResponse

from common.domain.account_links import PATHS, AccountMail
from common.http.identity import Identity, forwarded
from common.http.validation import body
from gateway.account_changes import JSON, MAX_BODY
from gateway.settings import GatewaySettings

_FORM = "application/x-www-form-urlencoded"
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'"
)
# The addresses of the web page that say what was done. Without a host, so that they work behind any proxy.
_DONE = {AccountMail.VERIFY: "/?account=confirmed", AccountMail.RESET: "/app/sign-in?account=new-password"}


def blueprint(settings: GatewaySettings, identity: Identity, limiter: Limiter) -> Blueprint:
    routes = Blueprint("account_pages", __name__, template_folder="templates")

    def submit(kind: AccountMail) -> AnyResponse:
        if request.mimetype != _FORM:
            return forwarded(identity.ask("POST", PATHS[kind], data=body(MAX_BODY), headers=JSON, repeatable=False))
        token = request.form.get("token", "")
        fields: dict[str, object] = {"token": token, "password": request.form.get("password", "")}
        if kind is AccountMail.VERIFY:
            fields["replace"] = "replace" in request.form
        answer = identity.ask("POST", PATHS[kind], data=json.dumps(fields).encode(), headers=JSON, repeatable=False)
        if not answer.ok:
            return _page(kind, token, answer.json(), answer.status_code)
        return redirect(_DONE[kind], 303)

    @routes.get(PATHS[AccountMail.VERIFY])
    def verify_page() -> Response:
        return _page(AccountMail.VERIFY, request.args.get("token", ""))

    @routes.post(PATHS[AccountMail.VERIFY])
    @limiter.limit(settings.login_limit)
    def verify() -> AnyResponse:
        return submit(AccountMail.VERIFY)

    @routes.get(PATHS[AccountMail.RESET])
    def reset_page() -> Response:
        return _page(AccountMail.RESET, request.args.get("token", ""))

    @routes.post(PATHS[AccountMail.RESET])
    @limiter.limit(settings.login_limit)
    def reset_password() -> AnyResponse:
        return submit(AccountMail.RESET)

    return routes


def _page(kind: AccountMail, token: str, refusal: Mapping[str, str] | None = None, status: int = 200) -> Response:
    html = render_template("account-link.html", kind=kind.value, token=token, refusal=refusal or {})
    return Response(html, status, {"Content-Security-Policy": _POLICY}, mimetype="text/html")
