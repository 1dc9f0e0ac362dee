"""`/summaries` and `/transcripts`: forwarded to the summary service, with the caller's token."""

import requests
from flask import Blueprint, Response, g, request
from flask_limiter import Limiter

from common.domain.scopes import Scope
from common.errors import BadRequest, Unavailable
from common.http.app import conditional
from common.http.identity import Identity, forwarded, internal_session
from common.http.validation import body
from common.runtime.concurrency_limiter import ConcurrencyLimiter
from gateway.rate_limits import account_key
from gateway.settings import GatewaySettings

# bytes. This limit protects the gateway's memory; the summary service has its own (MAX_TEXT_MB).
_MAX_BODY = 4 * 1024 * 1024
_REQUEST_HEADERS = ("Authorization", "Content-Type", "Accept")


def blueprint(
    settings: GatewaySettings, identity: Identity, limiter: Limiter, transfers: ConcurrencyLimiter
) -> Blueprint:
    routes = Blueprint("summaries", __name__)
    address = settings.summary_svc_address
    session = internal_session()

    def forward(path: str) -> Response:
        """Returns the service's answer; raises Unavailable when there is no service, or it is down."""
        if address is None:
            raise Unavailable(
                "Summaries are not available: the operator has to run the summary service and set SUMMARY_SVC_ADDRESS.",
                retry_after=3600,
            )
        headers = {name: request.headers[name] for name in _REQUEST_HEADERS if name in request.headers}
        try:
            answer = session.request(
                request.method,
                f"http://{address}{path}",
                # Forwarded without decoding it.
                params=request.query_string.decode("latin-1"),
                headers={**headers, "X-Request-ID": g.request_id},
                data=(body(_MAX_BODY) or None) if request.method == "POST" else None,
                timeout=(settings.auth_connect_timeout, settings.summary_timeout),
                allow_redirects=False,
            )
        except (requests.RequestException, ValueError) as error:
            raise Unavailable("The summary service cannot be reached. Try again in a few seconds.") from error
        if answer.status_code == 500:
            raise Unavailable("The summary service cannot answer this right now. Try again later.")
        return forwarded(answer)

    @limiter.limit(settings.summary_limit, key_func=_account)
    def limited() -> Response:
        # A long text on a slow connection holds a thread, like an upload.
        with transfers.held(g.account):
            return forward("/summaries")

    @routes.post("/summaries")
    def create() -> Response:
        # The service verifies the token again; here the account is the key of the rate limit.
        g.account = identity.owner(Scope.CONVERT).key
        return limited()

    @routes.get("/summaries")
    def index() -> Response:
        return conditional(forward("/summaries"))

    @routes.route("/summaries/<summary_id>", methods=["GET", "DELETE"])
    def summary(summary_id: str) -> Response:
        return forward(f"/summaries/{_id(summary_id)}")

    @routes.get("/transcripts/<file_id>")
    def transcript(file_id: str) -> Response:
        return forward(f"/transcripts/{_id(file_id)}")

    return routes


def _account() -> str:
    """The key of the rate limit: the account's id."""
    return account_key(str(g.account))


def _id(fid: str) -> str:
    # It becomes a part of the service's URL.
    if not (fid.isascii() and fid.isalnum()):
        raise BadRequest("The id must have 24 hexadecimal digits.")
    return fid
