"""The routes of single sign-on, for the gateway, which has the redirects and cookies."""

from flask import Blueprint, Response, jsonify

from auth.credentials import Body
from auth.routes import parsed
from auth.sso.provider import Answer
from auth.sso.sign_in import SingleSignOn
from common.runtime.concurrency_limiter import ConcurrencyLimiter


class _Start(Body):
    redirect_uri: str


class _Finish(Body):
    transaction: str
    state: str
    code: str | None = None
    error: str | None = None
    issuer: str | None = None


class _Exchange(Body):
    code: str


def blueprint(sign_on: SingleSignOn, at_once: ConcurrencyLimiter, logins: ConcurrencyLimiter) -> Blueprint:
    """`at_once` limits the requests that wait for the provider, `logins` those that only need the database."""
    routes = Blueprint("single_sign_on", __name__, url_prefix="/oidc")

    @routes.post("/start")
    def start() -> Response:
        with at_once.held():
            url, transaction = sign_on.start(parsed(_Start).redirect_uri)
        return jsonify(url=url, transaction=transaction)

    @routes.post("/finish")
    def finish() -> Response:
        given = parsed(_Finish)
        with at_once.held():
            answer = Answer(given.code, given.error, given.issuer)
            return jsonify(code=sign_on.finish(given.transaction, given.state, answer))

    @routes.post("/token")
    def token() -> Response:
        with logins.held():
            return jsonify(token=sign_on.token(parsed(_Exchange).code))

    return routes
