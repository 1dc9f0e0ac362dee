"""`/account/keys`: forwarded to the auth service, which stores the keys; and the limit of attempts with wrong ones."""

import math
import time

from flask import Blueprint, Flask, Response, request
from flask_limiter import Limiter
from limits import parse_many
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from common.domain.scopes import KEY_PREFIX, Scope
from common.errors import BadRequest, TooManyRequests
from common.http.app import bearer_token
from common.http.identity import Identity, forwarded
from common.http.validation import body
from gateway.account_changes import JSON, MAX_BODY
from gateway.rate_limits import client_network
from gateway.settings import GatewaySettings


def blueprint(settings: GatewaySettings, identity: Identity, limiter: Limiter) -> Blueprint:
    routes = Blueprint("api_keys", __name__)

    def ask(method: str, path: str = "", data: bytes | None = None, *, scope: Scope = Scope.ALL) -> Response:
        identity.owner(scope)
        headers = {**JSON, "Authorization": f"Bearer {bearer_token()}"}
        answer = identity.ask(method, f"/account/keys{path}", data=data, headers=headers, repeatable=method == "GET")
        response = forwarded(answer)
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.get("/account/keys")
    def index() -> Response:
        return ask("GET")

    @routes.post("/account/keys")
    @limiter.limit(settings.login_limit)
    def create() -> Response:
        return ask("POST", data=body(MAX_BODY), scope=Scope.SESSION)

    @routes.delete("/account/keys/<key_id>")
    def revoke(key_id: str) -> Response:
        # It becomes a part of the service's URL.
        if not (key_id.isascii() and key_id.replace("-", "").isalnum()):
            raise BadRequest("The id of an API key has letters, digits and hyphens.")
        return ask("DELETE", f"/{key_id}")

    return routes


def limit_wrong_keys(app: Flask, settings: GatewaySettings) -> None:
    """Refuses keys from a client that has sent too many wrong ones, each of which is looked up in MySQL.

    The limit is that of logins from one address, of each replica for itself: nobody can guess a key, so that an exact
    count is not worth a request to MongoDB for each request with a key.
    """
    limits = parse_many(settings.login_limit_per_address)
    attempts = FixedWindowRateLimiter(MemoryStorage())

    def has_key() -> bool:
        # Tokens are not counted: their signature is checked without the database.
        return request.headers.get("Authorization", "").partition(" ")[2].strip().startswith(KEY_PREFIX)

    @app.before_request
    def check() -> None:
        network = client_network()
        reached = [limit for limit in limits if not attempts.test(limit, network)] if has_key() else []
        if reached:
            ends = max(attempts.get_window_stats(limit, network).reset_time for limit in reached)
            raise TooManyRequests(
                "Too many requests with invalid API keys came from your network. Wait and try again.",
                code="too_many_attempts",
                headers={"Retry-After": str(max(1, math.ceil(ends - time.time())))},
            )

    @app.after_request
    def count(response: Response) -> Response:
        if response.status_code == 401 and has_key():
            for limit in limits:
                attempts.hit(limit, client_network())
        return response
