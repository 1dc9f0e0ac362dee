"""The HTTP routes of the auth service."""

from flask import Blueprint, Response, jsonify, request

from auth import credentials
from auth.accounts import Accounts
from common.errors import UnsupportedType
from common.http.app import bearer_token
from common.runtime.concurrency_limiter import ConcurrencyLimiter


def blueprint(accounts: Accounts, logins: ConcurrencyLimiter) -> Blueprint:
    """Routes `/login`, `/register` and `/validate`; `logins` limits the first two, which may be slow."""
    routes = Blueprint("accounts", __name__)

    @routes.post("/login")
    def login() -> Response:
        login = credentials.basic(request.headers.get("Authorization", ""))
        with logins.held():
            return Response(accounts.login(login), mimetype="text/plain")

    @routes.post("/register")
    def register() -> tuple[Response, int]:
        if request.mimetype != "application/json":
            raise UnsupportedType('Send JSON with the header "Content-Type: application/json".')
        registration = credentials.Registration.parse(request.get_data())
        with logins.held():
            return jsonify(email=accounts.register(registration)), 201

    @routes.post("/validate")
    def validate() -> Response:
        return jsonify(accounts.validate(bearer_token()).model_dump())

    return routes
