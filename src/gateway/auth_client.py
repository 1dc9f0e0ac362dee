"""Asks the auth service, over kept-alive connections and with deadlines."""

import json
from dataclasses import dataclass

import requests
from requests.adapters import HTTPAdapter

from common.errors import RejectedError, Unauthorized, Unavailable
from common.logs import current_request
from gateway.settings import GatewaySettings

# As many idle connections as a gunicorn worker has threads.
_POOL = 64


@dataclass(frozen=True)
class Answer:
    """What the auth service said: a status below 500 and its body."""

    status: int
    content_type: str
    body: bytes


class AuthClient:
    """The auth service's three routes; raises Unavailable when it is down, slow or failing."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._base = f"http://{settings.auth_svc_address}"
        self._timeout = (settings.auth_connect_timeout, settings.auth_timeout)
        self._session = requests.Session()
        # Proxies and .netrc of the machine are not for calls inside the cluster.
        self._session.trust_env = False
        # One repeat when an idle connection turns out to be closed; none after a request has reached the service.
        self._session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=_POOL, max_retries=0))

    def login(self, authorization: str) -> Answer:
        """Passes a Basic Authorization header on; the answer's body is the token when its status is 200."""
        return self._ask("POST", "/login", headers={"Authorization": authorization})

    def register(self, body: bytes, content_type: str) -> Answer:
        """Passes a registration on as it came."""
        return self._ask("POST", "/register", data=body, headers={"Content-Type": content_type})

    def username(self, token: str) -> str:
        """The owner of a valid token; raises Unauthorized for any other."""
        answer = self._ask("POST", "/validate", headers={"Authorization": f"Bearer {token}"})
        if answer.status != 200:
            raise Unauthorized("The token is not valid or has expired. Log in again: POST /login.")
        claims = json.loads(answer.body)
        return str(claims["username"])

    def check(self) -> None:
        """A readiness check: the service is alive. Not whether it is ready: downloads by link work without it."""
        self._ask("GET", "/healthz")

    def _ask(
        self, method: str, path: str, *, data: bytes | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        try:
            response = self._send(method, path, data, headers)
        except (requests.RequestException, ValueError) as error:
            raise Unavailable("The login service cannot be reached. Try again in a few seconds.") from error
        if response.status_code >= 500:
            raise Unavailable("The login service cannot answer right now. Try again in a few seconds.")
        return Answer(response.status_code, response.headers.get("Content-Type", ""), response.content)

    def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str] | None) -> requests.Response:
        traced = {"X-Request-ID": current_request(), **(headers or {})}
        for last in (False, True):
            try:
                return self._session.request(
                    method, self._base + path, data=data, headers=traced, timeout=self._timeout, allow_redirects=False
                )
            except requests.ConnectionError as error:
                # A server may close an idle connection just as we use it; nothing was answered, and all three
                # routes may be repeated (a second registration of the same address answers 409).
                if last or isinstance(error, requests.Timeout) or path == "/register":
                    raise
        raise AssertionError("unreachable")


def rejected(answer: Answer) -> RejectedError | None:
    """The auth service's refusal as an error of ours, None when it did not refuse."""
    if answer.status < 400:
        return None
    try:
        message = str(json.loads(answer.body)["error"])
    except (ValueError, KeyError, TypeError):
        message = "The login service refused the request."
    if answer.status == 401:
        return Unauthorized(message, scheme="Basic")
    error = RejectedError(message)
    error.status = answer.status  # type: ignore[misc]
    return error
