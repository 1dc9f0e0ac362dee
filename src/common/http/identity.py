"""Who is calling: the Bearer token of a request, asked of the auth service over kept-alive connections."""

import json
from dataclasses import dataclass

import requests
from flask import request

from common.errors import Unauthorized, Unavailable
from common.http import internal_http
from common.runtime.logs import current_request
from common.runtime.settings import LoginServiceSettings

# Far above any token of ours (about 200 bytes).
_MAX_TOKEN = 4096
_INVALID = "The token is not valid or has expired. Log in again: POST /login."


@dataclass(frozen=True)
class Answer:
    """What the auth service said: a status below 500 and its body."""

    status: int
    content_type: str
    body: bytes


class LoginService:
    """The auth service; raises Unavailable when it is down, slow or failing."""

    def __init__(self, settings: LoginServiceSettings) -> None:
        self._base = f"http://{settings.auth_svc_address}"
        self._timeout = (settings.auth_connect_timeout, settings.auth_timeout)
        self._session = internal_http.session()

    def username(self, token: str) -> str:
        """The owner of a valid token; raises Unauthorized for any other."""
        answer = self.ask("POST", "/validate", headers={"Authorization": f"Bearer {token}"})
        if answer.status != 200:
            raise Unauthorized(_INVALID, code="invalid_token")
        claims = json.loads(answer.body)
        return str(claims["username"])

    def check(self) -> None:
        """Raises Unavailable unless the service answers."""
        self.ask("GET", "/healthz")

    def ask(
        self,
        method: str,
        path: str,
        *,
        data: bytes | None = None,
        headers: dict[str, str] | None = None,
        repeatable: bool = True,
    ) -> Answer:
        """Its answer; a `repeatable` request is sent once more when the connection turns out to be closed."""
        try:
            response = self._send(method, path, data, headers, repeatable=repeatable)
        except (requests.RequestException, ValueError) as error:
            raise Unavailable("The login service cannot be reached. Try again in a few seconds.") from error
        if response.status_code >= 500:
            raise Unavailable("The login service cannot answer right now. Try again in a few seconds.")
        return Answer(response.status_code, response.headers.get("Content-Type", ""), response.content)

    def _send(
        self, method: str, path: str, data: bytes | None, headers: dict[str, str] | None, *, repeatable: bool
    ) -> requests.Response:
        traced = {"X-Request-ID": current_request(), **(headers or {})}
        for last in (False, True):
            try:
                return self._session.request(
                    method, self._base + path, data=data, headers=traced, timeout=self._timeout, allow_redirects=False
                )
            except requests.ConnectionError as error:
                # A server may close an idle connection just as we use it; nothing was answered.
                if last or isinstance(error, requests.Timeout) or not repeatable:
                    raise
        raise AssertionError("unreachable")


class Identity:
    """Tells the caller's name."""

    def __init__(self, auth: LoginService) -> None:
        self._auth = auth

    def username(self) -> str:
        """The caller's mail address; raises Unauthorized when the token is missing or not valid."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized(
                "This needs a token: log in (POST /login) and send it as 'Authorization: Bearer <token>'."
            )
        if len(token) > _MAX_TOKEN or not token.isascii() or not token.isprintable():
            raise Unauthorized(_INVALID, code="invalid_token")
        return self._auth.username(token)
