"""Sends requests: timeouts, the errors of responses, and when a request is repeated."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests

from video2mp3.errors import Busy, CliError, Missing, NotSignedIn, Refused, Stopped, Unreachable

Result = TypeVar("Result")

# s to connect and for each piece of a body that is sent, and s between two pieces of a response.
_TIMEOUT = (10.0, 60.0)
# s for which a request is repeated after it failed: the server restarts, or it asks to wait.
_UNREACHABLE_FOR = 120.0
_BUSY_FOR = 600.0
_LONGEST_DELAY = 15.0
# The client was too slow; another request has the lock; a rate limit or a concurrency limit.
_BUSY = {408, 423, 429}
_BUSY_CODES = {"offset_mismatch"}
EXPIRED = "Your session has expired. Run: video2mp3 login"
KEY_ENDED = "The API key is not valid, has expired or was revoked. Run: video2mp3 login"


def send(method: str, url: str, **more: Any) -> requests.Response:
    """Any response; raises Unreachable if there is none."""
    try:
        return requests.request(method, url, timeout=_TIMEOUT, **more)
    except requests.RequestException as error:
        raise unreachable(url) from error


def checked(answer: requests.Response) -> requests.Response:
    """The response if it is a success; raises the error in it otherwise."""
    if answer.status_code == 401:
        if error_in(answer).code == "invalid_key":
            raise NotSignedIn(KEY_ENDED, "invalid_key")
        raise NotSignedIn(EXPIRED, "invalid_token")
    if answer.status_code >= 400:
        raise error_in(answer)
    return answer


def error_in(answer: requests.Response) -> CliError:
    """The error in a response: the gateway's, or a proxy's, which is not JSON."""
    try:
        parsed = json.loads(answer.text)
        message, code = str(parsed["error"]), str(parsed.get("code", "failed"))
    except (ValueError, KeyError, TypeError, AttributeError):
        message, code = (
            f"The server returned the status {answer.status_code}: {answer.text[:200]}".rstrip(": "),
            "failed",
        )
    after = answer.headers.get("Retry-After", "")
    return _kind(answer.status_code, code)(message, code, retry_after=float(after) if after.isdecimal() else None)


def _kind(status: int, code: str) -> type[CliError]:
    if status >= 500:
        return Unreachable
    if status in {404, 410}:
        return Missing
    return Busy if status in _BUSY or code in _BUSY_CODES else Refused


def unreachable(url: str) -> Unreachable:
    return Unreachable(
        f"The server {urlsplit(url).netloc} does not answer. Check its address (--server) and your connection.",
        "unreachable",
    )


class Retries:
    """The delays between the attempts of a request: they grow, and are never shorter than the server requires."""

    def __init__(self, stop: threading.Event, on_wait: Callable[[CliError], None] = lambda _: None) -> None:
        self._stop = stop
        self._on_wait = on_wait
        self.succeeded()

    def succeeded(self) -> None:
        """The next failure is the first one again."""
        self._failing_since: float | None = None
        self._delay = 1.0

    def wait(self, error: CliError) -> None:
        """Waits before the next attempt; raises `error` if it does not help to wait, and Stopped."""
        now = time.monotonic()
        since = self._failing_since = self._failing_since or now
        delay = max(self._delay, error.retry_after or 0)
        if now + delay - since > _repeated_for(error):
            raise error
        self._delay = min(2 * self._delay, _LONGEST_DELAY)
        self._on_wait(error)
        pause(self._stop, delay)

    def until_success(self, attempt: Callable[[], Result]) -> Result:
        """The result of the first attempt that succeeds."""
        while True:
            try:
                found = attempt()
            except (Unreachable, Busy) as error:
                self.wait(error)
            else:
                self.succeeded()
                return found


def pause(stop: threading.Event, seconds: float) -> None:
    """Raises Stopped as soon as the command is interrupted."""
    if stop.wait(seconds):
        raise Stopped("Interrupted.", "interrupted")


def _repeated_for(error: CliError) -> float:
    match error:
        case Unreachable():
            return _UNREACHABLE_FOR
        case Busy():
            return _BUSY_FOR
        case _:
            return 0.0
