"""The common parts of all HTTP services: JSON errors, request ids, one log line per request."""

import logging
import re
import time
from contextlib import ExitStack
from uuid import uuid4

from flask import Flask, Response, g, jsonify, request
from werkzeug.exceptions import HTTPException

from common.errors import NotFound, PermanentError, RejectedError, TransientError, Unauthorized, Unavailable
from common.runtime import metrics
from common.runtime.logs import REQUEST, bound, is_request_id, one_line

log = logging.getLogger(__name__)

_SENTENCES = {
    400: "Malformed request. See /docs for examples.",
    404: "Not found. See /docs for all routes.",
    405: "Method not allowed. The Allow header lists the supported methods.",
    413: "The request is too large.",
    415: "The type of the request's body is not accepted here.",
}
_METHODS = {"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"}
_BUG = "The request failed because of an error in the service. Quote the request id (X-Request-ID) when you report it."
# Far more than the length of a token (about 200 bytes).
_MAX_TOKEN = 4096
LOG_IN_AGAIN = "The token is not valid or has expired. Sign in again: POST /login."
ADMINISTRATORS_ONLY = "Only administrators may do this: an operator names them in ADMIN_EMAILS."
# Not logged if it succeeds.
_QUIET = {"/healthz"}


def create_app(name: str) -> Flask:
    """Returns a Flask application without routes that turns the error tree into JSON answers."""
    app = Flask(name, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.register_error_handler(RejectedError, _rejected)
    app.register_error_handler(TransientError, _transient)
    app.register_error_handler(PermanentError, _permanent)
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _bug)
    app.before_request(_begin)
    app.after_request(_finish)
    app.teardown_request(_end)
    return app


def bearer_token() -> str:
    """The token of the current request, not validated; raises Unauthorized if it is missing or malformed."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthorized("This needs a token: sign in (POST /login) and send it as 'Authorization: Bearer <token>'.")
    if len(token) > _MAX_TOKEN or not token.isascii() or not token.isprintable():
        raise Unauthorized(LOG_IN_AGAIN, code="invalid_token")
    return token


def prefers_json(accept: str) -> bool:
    """Whether a client that sends this `Accept` wants JSON rather than plain text (RFC 9110 section 12.5.1).

    Of two types of the same quality, the one that is listed first wins; plain text if one range stands for both.
    """
    json, text = _acceptance("application/json", accept), _acceptance("text/plain", accept)
    return json[0] > 0 and json > text


def prefers_html(accept: str) -> bool:
    """Whether a client that sends this `Accept` shows pages: it names text/html before JSON and anything else."""
    html = _acceptance("text/html", accept)
    return html[0] > 0 and html > max(_acceptance("application/json", accept), _acceptance("*/*", accept))


def _acceptance(kind: str, accept: str) -> tuple[float, int]:
    """The quality of a type, by the most specific range that contains it, and the negative position of that range."""
    found = (-1, 0.0, 0)
    ranges = {kind: 2, f"{kind.partition('/')[0]}/*": 1, "*/*": 0}
    for place, item in enumerate(accept.split(",")):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = next((_quality(part[2:]) for part in parameters if part.startswith("q=")), 1.0)
        if ranges.get(name, -1) > found[0]:
            found = (ranges[name], quality, -place)
    return found[1], found[2]


def _quality(value: str) -> float:
    """A weight from 0 to 1; 0 if it is invalid."""
    return float(value) if re.fullmatch(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?", value) else 0.0


def conditional(response: Response) -> Response:
    """The answer with an ETag of its content, or 304 without a body if the client has this content already.

    For lists, which clients ask for repeatedly. Errors are returned as they are.
    """
    if response.status_code != 200:
        return response
    # Weak: nginx compresses the answer.
    response.add_etag(weak=True)
    response.headers["Cache-Control"] = "private, no-cache"
    response.make_conditional(request)
    return response


def error_response(status: int, message: str, code: str) -> Response:
    """The JSON body of every error: a text for people and a stable code for programs."""
    response = jsonify(error=message, code=code)
    response.status_code = status
    return response


def _rejected(error: RejectedError) -> Response:
    response = error_response(error.status, str(error), error.code)
    response.headers.extend(dict(error.headers))
    return response


def _transient(error: TransientError) -> Response:
    log.warning("A dependency failed: %s", error)
    return _rejected(Unavailable("The service cannot answer right now. Try again in a few seconds."))


def _permanent(error: PermanentError) -> Response:
    log.error("Resource no longer available: %s", error)
    return _rejected(NotFound(str(error), code=error.code))


def _http_exception(error: HTTPException) -> Response:
    status = error.code or 500
    response = error_response(status, _SENTENCES.get(status) or error.description or error.name, _code(error))
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _code(error: HTTPException) -> str:
    """The code of RejectedError for the status, else the name: `Method Not Allowed` is `method_not_allowed`."""
    codes = {each.status: each.default_code for each in RejectedError.__subclasses__()}
    return codes.get(error.code or 500) or re.sub(r"[^a-z]+", "_", error.name.lower())


def _bug(error: Exception) -> Response:
    log.error("Unexpected error", exc_info=error)
    return error_response(500, _BUG, "internal_error")


def _begin() -> None:
    given = request.headers.get("X-Request-ID", "")
    g.request_id = given if is_request_id(given) else uuid4().hex
    g.started = time.monotonic()
    g.logged = ExitStack()
    g.logged.enter_context(bound(REQUEST, g.request_id))


def _finish(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    seconds = time.monotonic() - g.started
    route = request.url_rule.rule if request.url_rule else "none"
    # Clients can send any number of invented methods.
    method = request.method if request.method in _METHODS else "other"
    metrics.HTTP_SECONDS.labels(method, route, str(response.status_code)).observe(seconds)
    if request.path not in _QUIET or response.status_code >= 500:
        log.info(
            "%s %s %d %.0f ms",
            request.method, one_line(request.path[:200]), response.status_code, seconds * 1000,
        )  # fmt: skip
    return response


def _end(_error: BaseException | None) -> None:
    logged: ExitStack | None = g.pop("logged", None)
    if logged is not None:
        logged.close()
