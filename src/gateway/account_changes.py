"""What a user changes in an account: confirmation, password, signing out everywhere, deletion.

The auth service decides; the gateway has the rate limits, sends the emails, and deletes the files.
"""

import requests
from flask import Blueprint, Response, g, jsonify
from flask_limiter import Limiter

from common.domain.owners import Owner
from common.domain.scopes import Scope
from common.http.app import bearer_token
from common.http.identity import Identity, forwarded
from common.http.validation import body
from gateway.account_deletion import AccountDeletion
from gateway.account_mail import AccountMails
from gateway.settings import GatewaySettings

# bytes. An address, two passwords, or the token of a link.
MAX_BODY = 16 * 1024
JSON = {"Content-Type": "application/json"}


def blueprint(
    settings: GatewaySettings, identity: Identity, mails: AccountMails, deletion: AccountDeletion, limiter: Limiter
) -> Blueprint:
    routes = Blueprint("account_changes", __name__)

    def ask(path: str, data: bytes = b"{}") -> requests.Response:
        """Sends the caller's request to the auth service."""
        headers = {**JSON, "Authorization": f"Bearer {bearer_token()}"}
        return identity.ask("POST", path, data=data, headers=headers, repeatable=False)

    @routes.post("/account/verification")
    @limiter.limit(settings.register_limit)
    def verification() -> Response:
        identity.account(Scope.SESSION)
        answer = ask("/account/verification")
        mail = answer.json()["mail"] if answer.ok else None
        if mail is not None:
            mails.send(mail)
        return _sent(needed=mail is not None) if answer.ok else forwarded(answer)

    # A stolen token must not help to guess the password: from all networks and on all routes together.
    limit = limiter.shared_limit(settings.login_limit_per_account, scope="confirmation", key_func=_account)
    confirmed = limit(ask)

    @routes.post("/account/password")
    @limiter.limit(settings.login_limit)
    def change_password() -> Response:
        g.confirming = identity.owner(Scope.SESSION)
        return forwarded(confirmed("/account/password", body(MAX_BODY)))

    @routes.post("/account/sign-out")
    def sign_out() -> Response:
        identity.owner(Scope.SESSION)
        return forwarded(ask("/account/sign-out"))

    @routes.delete("/account")
    @limiter.limit(settings.login_limit)
    def delete() -> Response:
        g.confirming = owner = identity.owner(Scope.SESSION)
        confirmation = body(MAX_BODY)
        deletion.request(owner)
        answer = confirmed("/account/delete", confirmation)
        if answer.ok:
            deletion.delete(owner)
        return forwarded(answer)

    @routes.post("/password-reset")
    @limiter.limit(settings.register_limit)
    def password_reset() -> Response:
        # Before auth says whether there is an account: otherwise an error would show that there is one.
        mails.check()
        answer = identity.ask("POST", "/password-reset", data=body(MAX_BODY), headers=JSON)
        if not answer.ok:
            return forwarded(answer)
        mails.send_quietly(answer.json()["mail"])
        # The same whether the address has an account or not.
        return _sent(needed=True)

    return routes


def _account() -> str:
    """The key of the limit on passwords that confirm a request."""
    owner: Owner = g.confirming
    return owner.key


def _sent(*, needed: bool) -> Response:
    response = jsonify(sent=needed)
    response.status_code = 202
    return response
