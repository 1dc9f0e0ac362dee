"""Rate limits that all replicas share: the counters are in MongoDB."""

import math
import time

from flask import Flask, Response
from flask_limiter import Limiter, RateLimitExceeded
from flask_limiter.util import get_remote_address
from pymongo.errors import PyMongoError

from common.http.app import error_response
from gateway.settings import GatewaySettings

# s. From here on, the error says minutes.
_MINUTES_FROM = 120


def limiter(app: Flask, settings: GatewaySettings) -> Limiter:
    """Counts by the client's address, or by a route's `key_func`; requests above a limit get a 429."""
    milliseconds = int(settings.mongodb_timeout * 1000)
    limits = Limiter(
        get_remote_address,
        app=app,
        storage_uri=settings.mongo_url,
        storage_options={"serverSelectionTimeoutMS": milliseconds, "socketTimeoutMS": milliseconds},
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


def _seconds_left(limiter: Limiter) -> int:
    """Until the current limit is reset."""
    reached = limiter.current_limit
    if reached is None:
        return 60
    try:
        return max(1, math.ceil(reached.window.reset_time - time.time()))
    except PyMongoError:
        return reached.limit.get_expiry()
