"""The routes `/login`, `/register` and `/validate`. Only the gateway and the summary service can reach this service."""

from typing import TypeVar

from flask import Blueprint, Response, jsonify, request

from auth import credentials
from auth.accounts import Accounts
from auth.credentials import Body
from common.domain.scopes import Scope
from common.errors import BadRequest, UnsupportedType
from common.http.app import bearer_token
from common.runtime.concurrency_limiter import ConcurrencyLimiter

B = TypeVar("B", bound=Body)


def blueprint(accounts: Accounts, logins: ConcurrencyLimiter) -> Blueprint:
    """`logins` limits the requests that may be slow: all but `/validate`."""
    routes = Blueprint("accounts", __name__)

    @routes.post("/login")
    def login() -> Response:
        login = credentials.basic(request.headers.get("Authorization", ""))
        with logins.held():
            return Response(accounts.login(login), mimetype="text/plain")

    @routes.post("/register")
    def register() -> tuple[Response, int]:
        registration = parsed(credentials.Registration)
        with logins.held():
            mail = accounts.register(registration)
        # `confirmation`: whether a registration causes emails at all, also if this one does not.
        return jsonify(email=registration.email, mail=mail, confirmation=accounts.require_verification), 201

    @routes.post("/validate")
    def validate() -> Response:
        # A service of the previous release does not say what the caller needs: keys are refused.
        needed = request.args.get("scope", Scope.SESSION)
        if needed not in set(Scope):
            raise BadRequest("scope must be one of " + ", ".join(Scope))
        return jsonify(accounts.validate(bearer_token(), Scope(needed)))

    return routes


def parsed(kind: type[B]) -> B:
    """The body of the current request; raises a RejectedError if it is invalid."""
    if request.mimetype != "application/json":
        raise UnsupportedType('Send JSON with the header "Content-Type: application/json".')
    return kind.parse(request.get_data())
