"""`/login` and `/register`: forwarded to the auth service, with rate limits that all replicas share."""

import hashlib

from flask import Blueprint, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from common.errors import Unauthorized, UnsupportedType
from common.http.identity import Identity, forwarded
from common.http.validation import body
from gateway.settings import GatewaySettings

# bytes. A registration is an address and a password.
_MAX_BODY = 16 * 1024


def blueprint(settings: GatewaySettings, identity: Identity, limiter: Limiter) -> Blueprint:
    routes = Blueprint("accounts", __name__)

    @routes.post("/login")
    @limiter.limit(settings.login_limit_per_address)
    @limiter.limit(settings.login_limit, key_func=_address_and_account)
    def login() -> Response:
        authorization = request.headers.get("Authorization", "")
        if not authorization.lower().startswith("basic "):
            raise Unauthorized("Sign in with Basic authentication: curl -u EMAIL:PASSWORD -X POST …", scheme="Basic")
        return forwarded(identity.ask("POST", "/login", headers={"Authorization": authorization}))

    @routes.post("/register")
    @limiter.limit(settings.register_limit)
    def register() -> Response:
        if request.mimetype != "application/json":
            raise UnsupportedType('Send JSON: -H "Content-Type: application/json" -d \'{"email": …, "password": …}\'.')
        headers = {"Content-Type": "application/json"}
        # Not repeatable: a second registration of the address would answer 409.
        return forwarded(identity.ask("POST", "/register", data=body(_MAX_BODY), headers=headers, repeatable=False))

    return routes


def _address_and_account() -> str:
    """The key of the login limit: attempts on one account from one address; the account is hashed."""
    account = (request.authorization and request.authorization.username) or ""
    return f"{get_remote_address()}:{hashlib.sha256(account.strip().lower().encode()).hexdigest()[:32]}"
