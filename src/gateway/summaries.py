"""`/summaries` and `/transcripts`: passed on to the summary service, with the caller's token."""

import hashlib
from collections.abc import Mapping

import requests
from flask import Blueprint, Response, g, request
from flask_limiter import Limiter

from common.errors import BadRequest, LengthRequired, TooLarge, Unavailable
from common.http.identity import Identity, internal_session
from common.runtime.concurrency import ConcurrencyLimiter
from gateway.settings import GatewaySettings

# bytes. The summary service has the last word on the size (MAX_TEXT_MB); this one keeps the gateway's memory.
_MAX_BODY = 4 * 1024 * 1024
_ASKED = ("Authorization", "Content-Type", "Accept")
_ANSWERED = ("Content-Type", "Location", "Retry-After", "WWW-Authenticate")


class SummaryClient:
    """The summary service; raises Unavailable when there is none, or it is down."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._address = settings.summary_svc_address
        self._timeout = (settings.auth_connect_timeout, settings.summary_timeout)
        self._session = internal_session()

    def ask(self, method: str, path: str, *, query: bytes, headers: Mapping[str, str], data: bytes) -> Response:
        """Its answer as it is."""
        if self._address is None:
            raise Unavailable(
                "There are no summaries here: the operator has to run the summary service and set SUMMARY_SVC_ADDRESS.",
                retry_after=3600,
            )
        # The query goes on as it came: its quoting is no business of ours.
        url = f"http://{self._address}{path}" + (f"?{query.decode('latin-1')}" if query else "")
        try:
            answer = self._session.request(
                method, url, headers=dict(headers), data=data or None, timeout=self._timeout, allow_redirects=False
            )
        except (requests.RequestException, ValueError) as error:
            raise Unavailable("The summary service cannot be reached. Try again in a few seconds.") from error
        if answer.status_code == 500:
            raise Unavailable("The summary service cannot answer this right now. Try again later.")
        kept = {name: answer.headers[name] for name in _ANSWERED if name in answer.headers}
        return Response(answer.content, status=answer.status_code, headers=kept)


def blueprint(
    settings: GatewaySettings, identity: Identity, limiter: Limiter, transfers: ConcurrencyLimiter
) -> Blueprint:
    """Routes `/summaries`, `/summaries/<id>` and `/transcripts/<file_id>`."""
    routes = Blueprint("summaries", __name__)
    client = SummaryClient(settings)

    def passed_on(path: str) -> Response:
        headers = {name: request.headers[name] for name in _ASKED if name in request.headers}
        return client.ask(
            request.method,
            path,
            query=request.query_string,
            headers={**headers, "X-Request-ID": g.request_id},
            data=_body(),
        )

    @limiter.limit(settings.summary_limit, key_func=_account)
    def ordered() -> Response:
        # It may be a long text on a slow line: it has a share of the threads and no more.
        with transfers.held(g.account):
            return passed_on("/summaries")

    @routes.post("/summaries")
    def create() -> Response:
        # The service asks it again; here it is whose limit counts.
        g.account = identity.username()
        return ordered()

    @routes.get("/summaries")
    def index() -> Response:
        return passed_on("/summaries")

    @routes.route("/summaries/<summary_id>", methods=["GET", "DELETE"])
    def summary(summary_id: str) -> Response:
        return passed_on(f"/summaries/{_id(summary_id)}")

    @routes.get("/transcripts/<file_id>")
    def transcript(file_id: str) -> Response:
        return passed_on(f"/transcripts/{_id(file_id)}")

    return routes


def _account() -> str:
    """The account's name, hashed, as it ends up in a key."""
    return hashlib.sha256(str(g.account).encode()).hexdigest()[:32]


def _id(fid: str) -> str:
    # It becomes a part of another address.
    if not (fid.isascii() and fid.isalnum()):
        raise BadRequest("The id must have 24 hexadecimal digits.")
    return fid


def _body() -> bytes:
    if request.method != "POST":
        return b""
    if request.content_length is None:
        raise LengthRequired("Send the body with a Content-Length.")
    if request.content_length > _MAX_BODY:
        raise TooLarge(f"The body may have {_MAX_BODY} bytes.")
    return request.get_data()
