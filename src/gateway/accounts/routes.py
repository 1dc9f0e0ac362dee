"""Registration and login: passed on to the auth service, with rate limits that all replicas share."""

import base64
import binascii
import hashlib
import logging

from flask import Blueprint, Response, request
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address

from common.errors import LengthRequired, TooLarge, Unauthorized, UnsupportedType
from common.http.identity import Answer
from gateway.accounts.auth_client import AuthClient, rejected
from gateway.settings import GatewaySettings

log = logging.getLogger(__name__)

# bytes. A registration is an address and a password.
_MAX_BODY = 16 * 1024


def blueprint(settings: GatewaySettings, auth: AuthClient, limiter: Limiter) -> Blueprint:
    """Routes `/login` and `/register`."""
    routes = Blueprint("accounts", __name__)

    @routes.post("/login")
    @limiter.limit(settings.login_limit_per_address)
    @limiter.limit(settings.login_limit, key_func=_address_and_account)
    def login() -> Response:
        authorization = request.headers.get("Authorization", "")
        if not authorization.lower().startswith("basic "):
            raise Unauthorized("Log in with Basic authentication: curl -u <email>:<password> -X POST …", scheme="Basic")
        return _passed_on(auth.login(authorization))

    @routes.post("/register")
    @limiter.limit(settings.register_limit)
    def register() -> Response:
        if request.mimetype != "application/json":
            raise UnsupportedType('Send JSON: -H "Content-Type: application/json" -d \'{"email": …, "password": …}\'.')
        if request.content_length is None:
            raise LengthRequired("Send the body with a Content-Length.")
        if request.content_length > _MAX_BODY:
            raise TooLarge(f"The body may have {_MAX_BODY} bytes.")
        return _passed_on(auth.register(request.get_data(), "application/json"))

    return routes


def _passed_on(answer: Answer) -> Response:
    error = rejected(answer)
    if error is not None:
        raise error
    return Response(answer.body, status=answer.status, content_type=answer.content_type)


def _address_and_account() -> str:
    """Counts the attempts on one account from one address; the account's name is hashed, as it ends up in a key."""
    encoded = request.headers.get("Authorization", "").partition(" ")[2]
    try:
        account = base64.b64decode(encoded, validate=True).partition(b":")[0].strip().lower()
    except (binascii.Error, ValueError):
        account = b""
    return f"{get_remote_address()}:{hashlib.sha256(account).hexdigest()[:32]}"
