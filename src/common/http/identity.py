"""Who sends a request: the client of the auth service, which validates tokens."""

import functools
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import requests
from flask import Response
from requests.adapters import HTTPAdapter

from common.domain.owners import Owner
from common.domain.scopes import Scope
from common.errors import Forbidden, Unauthorized, Unavailable
from common.http.app import ADMINISTRATORS_ONLY, LOG_IN_AGAIN, bearer_token
from common.http.recent_callers import RecentCallers
from common.runtime import logs
from common.runtime.settings import LoginServiceSettings

_FORWARDED_HEADERS = ("Content-Type", "Location", "Retry-After", "WWW-Authenticate")
# As many idle connections as a gunicorn worker has threads.
_POOL = 64
_VALIDATE = "/validate"


def internal_session() -> requests.Session:
    """A session for calls inside the cluster. It keeps connections, and retries nothing."""
    session = requests.Session()
    # Ignores the machine's proxy settings and .netrc.
    session.trust_env = False
    session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=_POOL, max_retries=0))
    return session


def forwarded(answer: requests.Response) -> Response:
    """The answer of an internal service as the answer to the current request."""
    headers = {name: answer.headers[name] for name in _FORWARDED_HEADERS if name in answer.headers}
    return Response(answer.content, answer.status_code, headers)


class Identity:
    """The client of the auth service; raises Unavailable when it is down, slow or failing."""

    def __init__(self, settings: LoginServiceSettings) -> None:
        self._base = f"http://{settings.auth_svc_address}"
        self._timeout = (settings.auth_connect_timeout, settings.auth_timeout)
        self._session = internal_session()
        self._recent = RecentCallers()

    def owner(self, scope: Scope) -> Owner:
        """The account of the current request's caller, who has a token or an API key with at least this scope.

        Raises Unauthorized without either, and Forbidden if the scope is too small or the address is not confirmed.
        """
        owner, verified = self.account(scope)
        if not verified:
            raise Forbidden(
                "Confirm your email address first, with the link in the email. "
                "For another email: POST /account/verification.",
                code="address_not_verified",
            )
        return owner

    def account(self, scope: Scope) -> tuple[Owner, bool]:
        """As `owner`, and whether the address is confirmed."""
        claims = self._claims(scope)
        return _owner(claims), claims.get("verified", True)

    def administrator(self) -> Owner:
        """The account of the current request's caller; raises Forbidden unless it is an administrator's.

        An API key never is.
        """
        claims = self._claims(Scope.SESSION)
        if not (claims["admin"] and claims.get("verified", True)):
            raise Forbidden(ADMINISTRATORS_ONLY, code="administrators_only")
        return _owner(claims)

    def _claims(self, scope: Scope) -> Mapping[str, Any]:
        credential = bearer_token()
        if scope is Scope.READ and (known := self._recent.get(credential)):
            return known
        asked_at = time.monotonic()
        # The auth service compares the scopes: it is the one place that does.
        answer = self.ask("POST", f"{_VALIDATE}?scope={scope}", headers={"Authorization": f"Bearer {credential}"})
        if answer.status_code == 403:
            raise Forbidden(answer.json()["error"], code=answer.json()["code"])
        if answer.status_code == 401:
            raise Unauthorized(answer.json()["error"], code=answer.json()["code"])
        if answer.status_code != 200:
            raise Unauthorized(LOG_IN_AGAIN, code="invalid_token")
        claims: dict[str, Any] = answer.json()
        # An address that is confirmed now counts at once. Each scope includes that for reading.
        if claims.get("verified", True):
            self._recent.remember(credential, claims, asked_at)
        return claims

    def is_deleted(self, account: str) -> bool:
        """Whether the account with this id was deleted."""
        answer = self.ask("GET", f"/deletions/{account}")
        if answer.status_code != 200:
            # A replica of the previous release, during an update.
            raise Unavailable("The auth service does not say whether the account was deleted.")
        return bool(answer.json()["deleted"])

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
    ) -> requests.Response:
        """Sends a request; a `repeatable` one is sent again if the server has closed the connection.

        The answer has a status below 500.
        """
        unavailable = Unavailable("The auth service is unavailable. Try again in a few seconds.")
        traced = {"X-Request-ID": logs.REQUEST.get(), **(headers or {})}
        send = functools.partial(
            self._session.request,
            method, self._base + path, data=data, headers=traced, timeout=self._timeout, allow_redirects=False,
        )  # fmt: skip
        try:
            try:
                response = send()
            except requests.ConnectionError as error:
                # The server may close an idle connection just before it is used.
                if isinstance(error, requests.Timeout) or not repeatable:
                    raise
                response = send()
        except (requests.RequestException, ValueError) as error:
            raise unavailable from error
        finally:
            if method != "GET" and not path.startswith(_VALIDATE):
                # It may have ended credentials: in this process, that is effective at once.
                self._recent.forget_all()
        if response.status_code >= 500:
            raise unavailable
        return response


def _owner(claims: Mapping[str, Any]) -> Owner:
    # A replica of the previous release, during an update, knows the address only.
    since = claims.get("since")
    created = datetime.fromtimestamp(since, UTC) if since is not None else None
    return Owner(claims["username"], claims.get("sub"), created)
