"""The routes `/account/keys`: list, create and revoke API keys."""

from flask import Blueprint, Response, jsonify

from auth import credentials
from auth.accounts import Accounts
from auth.routes import parsed
from common.domain.scopes import Scope
from common.http.app import bearer_token
from common.runtime.concurrency_limiter import ConcurrencyLimiter


def blueprint(accounts: Accounts, logins: ConcurrencyLimiter) -> Blueprint:
    routes = Blueprint("keys", __name__)
    ring = accounts.ring

    @routes.get("/account/keys")
    def index() -> Response:
        caller = accounts.authenticate(bearer_token(), Scope.ALL)
        with logins.held():
            return jsonify(keys=[key.public() for key in ring.keys.of(caller.user.account)])

    @routes.post("/account/keys")
    def create() -> tuple[Response, int]:
        # No key creates keys: they would stay when it is revoked, with whoever had stolen it.
        caller, new = accounts.authenticate(bearer_token(), Scope.SESSION), parsed(credentials.NewKey)
        with logins.held():
            added, key = ring.create(caller.user, new)
        return jsonify(**added.public(), key=key), 201

    @routes.delete("/account/keys/<key_id>")
    def revoke(key_id: str) -> Response:
        caller = accounts.authenticate(bearer_token(), Scope.ALL)
        with logins.held():
            ring.revoke(caller.user, key_id)
        return Response(status=204)

    return routes
