"""Rate limits that all replicas share: the counters are in MongoDB."""

import hashlib
import ipaddress
import math
import time
import unicodedata
from contextlib import suppress

from flask import Flask, Response
from flask_limiter import Limiter, RateLimitExceeded
from flask_limiter.util import get_remote_address
from pymongo.errors import PyMongoError

from common.http.app import error_response
from common.storage import mongo
from gateway.settings import GatewaySettings

# s. From here on, the error says minutes.
_MINUTES_FROM = 120
# Bits. A provider assigns at least this much to one customer, who can use any address in it (RFC 6177).
_IPV6_PREFIX = 64


def limiter(app: Flask, settings: GatewaySettings) -> Limiter:
    """Counts by the client's network, or by a route's `key_func`; requests above a limit get a 429."""
    milliseconds = int(settings.mongodb_timeout * 1000)
    limits = Limiter(
        client_network,
        app=app,
        storage_uri=settings.mongo_url,
        storage_options={
            "serverSelectionTimeoutMS": milliseconds,
            "socketTimeoutMS": milliseconds,
            **mongo.tls_options(settings),
        },
        # Without MongoDB each replica counts by itself, so that logins stay possible and limited.
        in_memory_fallback_enabled=True,
        headers_enabled=False,
    )

    @app.errorhandler(RateLimitExceeded)
    def too_many(_error: RateLimitExceeded) -> Response:
        seconds = _seconds_left(limits)
        wait = f"{seconds} seconds" if seconds < _MINUTES_FROM else f"{-(-seconds // 60)} minutes"
        response = error_response(429, f"Too many attempts. Wait {wait} and try again.", "too_many_attempts")
        response.headers["Retry-After"] = str(seconds)
        return response

    return limits


def client_network() -> str:
    """The IPv4 address of the current request's client, or the /64 of its IPv6 address."""
    given = get_remote_address()
    try:
        address = ipaddress.ip_address(given)
    except ValueError:
        return given
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), _IPV6_PREFIX), strict=False))


def account_key(name: str) -> str:
    """A hash for counting by account: the same for all spellings that the auth service takes for the same account.

    Only letters and digits count, without case, width and accents. So a few different accounts share a counter, but no
    spelling has a counter of its own.
    """
    # Names in the DNS may also have ideographic full stops (RFC 3490 section 3.1).
    labels = unicodedata.normalize("NFKC", name).lower().replace("。", ".").split(".")
    folded = unicodedata.normalize("NFKD", "".join(map(_decoded, labels)).casefold())
    return hashlib.sha256("".join(filter(str.isalnum, folded)).encode()).hexdigest()[:32]


def _decoded(text: str) -> str:
    """The text with the label of a domain at its end in Unicode (RFC 3492)."""
    before, prefix, encoded = text.rpartition("xn--")
    if prefix:
        with suppress(UnicodeError):
            return before + encoded.encode("ascii").decode("punycode")
    return text


def _seconds_left(limiter: Limiter) -> int:
    """Until the current limit is reset."""
    reached = limiter.current_limit
    if reached is None:
        return 60
    try:
        return max(1, math.ceil(reached.window.reset_time - time.time()))
    except PyMongoError:
        return reached.limit.get_expiry()
