"""The accounts of the auth service, as an administrator sees them: the client of its routes `/accounts`."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import requests

from common.domain.owners import Owner
from common.errors import BadRequest, NotFound, RejectedError
from common.http.app import bearer_token
from common.http.identity import Identity

# Characters.
MAX_ID = 64
_ID = re.compile(rf"[0-9A-Za-z-]{{1,{MAX_ID}}}")
_JSON = {"Content-Type": "application/json"}
_ERRORS = {each.status: each for each in RejectedError.__subclasses__()}


@dataclass(frozen=True)
class Account:
    id: str
    email: str
    verified: bool
    disabled: bool
    admin: bool
    since: int | None
    """Seconds since 1970; None if a release without ids created it."""
    version: int
    """Changes with the account's state."""

    @property
    def owner(self) -> Owner:
        return Owner(self.email, self.id, datetime.fromtimestamp(self.since, UTC) if self.since is not None else None)

    def public(self) -> dict[str, Any]:
        created = self.owner.since
        return {
            "id": self.id,
            "email": self.email,
            "verified": self.verified,
            "disabled": self.disabled,
            "admin": self.admin,
            "created_at": created.isoformat() if created else None,
        }


@dataclass(frozen=True)
class Directory:
    """Sends the token of the current request's caller, which the auth service checks too. Raises its errors."""

    identity: Identity

    def page(self, query: str, after: str, limit: int) -> tuple[list[Account], bool]:
        """The accounts, in the order of their addresses, and whether there are more."""
        answer = self._ask("GET", f"/accounts?{urlencode({'query': query, 'after': after, 'limit': limit})}")
        return list(map(_account, answer["accounts"])), answer["more"]

    def get(self, account: str) -> Account:
        return _account(self._ask("GET", _path(account)))

    def set_disabled(self, seen: Account, *, disabled: bool) -> Account:
        """Raises Conflict if the account has changed since it was read, and Forbidden for the caller's own."""
        path = f"{_path(seen.id)}/{'disable' if disabled else 'enable'}"
        return _account(self._ask("POST", path, json.dumps({"version": seen.version}).encode()))

    def _ask(self, method: str, path: str, data: bytes | None = None) -> Any:
        headers = {**_JSON, "Authorization": f"Bearer {bearer_token()}"}
        answer = self.identity.ask(method, path, data=data, headers=headers, repeatable=method == "GET")
        if not answer.ok:
            raise _error(answer)
        return answer.json()


def _path(account: str) -> str:
    # It becomes a part of the service's URL.
    if not _ID.fullmatch(account):
        raise NotFound("There is no account with this id.", code="no_such_account")
    return f"/accounts/{account}"


def _account(fields: dict[str, Any]) -> Account:
    return Account(**{name: fields[name] for name in Account.__dataclass_fields__})


def _error(answer: requests.Response) -> RejectedError:
    found = answer.json()
    error = _ERRORS.get(answer.status_code, BadRequest)(found["error"], code=found["code"])
    if "Retry-After" in answer.headers:
        error.headers = {"Retry-After": answer.headers["Retry-After"]}
    return error
