"""What is answered before there is a request that the application could see: JSON errors like all others."""

import json
import logging
from email.utils import formatdate
from http import HTTPStatus
from uuid import uuid4

from gunicorn.http import errors  # type: ignore[import-untyped]

from common import http
from common.errors import RejectedError
from common.logs import bound_to_request

log = logging.getLogger(__name__)

SERVER = "video2mp3"
_MALFORMED = 400, "This is not a well-formed HTTP/1.1 request."
_BUG = 500, http.BUG
# By the kind of gunicorn's error, the first that fits.
_REFUSALS: tuple[tuple[type[Exception], tuple[int, str]], ...] = (
    (errors.LimitRequestLine, (414, "The address of the request is too long.")),
    (errors.LimitRequestHeaders, (431, "The request has too many headers, or too large ones.")),
    (errors.ExpectationFailed, (417, "Of the header Expect only 100-continue is understood.")),
    (errors.UnsupportedTransferCoding, (501, "Of Transfer-Encoding only chunked is understood.")),
    (errors.InvalidResponseHeader, _BUG),
    (errors.InvalidResponseHeaderName, _BUG),
    (errors.ConfigurationProblem, _BUG),
    (errors.ParseException, _MALFORMED),
)


def refusal(error: Exception) -> bytes:
    """The whole answer to a request that failed with `error`, which is logged; the connection ends after it."""
    if isinstance(error, RejectedError):
        status, sentence = error.status, str(error)
    else:
        status, sentence = next((answer for kind, answer in _REFUSALS if isinstance(error, kind)), _BUG)
    request_id = uuid4().hex
    with bound_to_request(request_id):
        if status >= 500 and status != HTTPStatus.NOT_IMPLEMENTED:
            log.error("Unexpected error", exc_info=error)
        else:
            log.info("Refused a connection: %d %s", status, type(error).__name__)
    body = json.dumps({"error": sentence}).encode() + b"\n"
    headers = {
        "Server": SERVER,
        "Date": formatdate(usegmt=True),
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Request-ID": request_id,
        **http.SECURITY_HEADERS,
    }
    head = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*head, "", ""]).encode() + body
