"""The routes `/accounts`, for administrators: list and search accounts, disable and enable them."""

import logging
import re
from dataclasses import dataclass
from typing import Annotated, Any

from flask import Blueprint, Response, jsonify, request
from pydantic import Field

from auth.account_states import AccountStates
from auth.accounts import Accounts
from auth.credentials import Body
from auth.routes import parsed
from auth.users import User, Users
from common.errors import Conflict, Forbidden, NotFound
from common.http.app import bearer_token
from common.http.validation import query_integer
from common.runtime.concurrency_limiter import ConcurrencyLimiter

log = logging.getLogger(__name__)

# Other texts are not looked up as ids: one that is not ASCII cannot be compared by the index.
_ID = re.compile(r"[0-9A-Fa-f-]{32,36}")
# Accounts in a page.
MOST = 200


class Seen(Body):
    """The state of the account that the administrator has seen: `version` of `shown`."""

    version: Annotated[int, Field(ge=0)]


@dataclass(frozen=True)
class Administration:
    accounts: Accounts

    @property
    def users(self) -> Users:
        return self.accounts.users

    @property
    def states(self) -> AccountStates:
        return self.accounts.states

    def page(self, query: str, after: str, limit: int) -> tuple[list[User], bool]:
        """Accounts in the order of their addresses, after this address, and whether there are more.

        `query` is the beginning of the address in any case, or an id.
        """
        found = self.users.find_account(query) if _ID.fullmatch(query) and not after else None
        if found is not None and not found.deleted:
            return [found], False
        users = self.users.page(query, after, limit + 1)
        return users[:limit], len(users) > limit

    def get(self, account: str) -> User:
        """Raises NotFound if it does not exist or is deleted."""
        user = self.users.find_account(account) if _ID.fullmatch(account) else None
        if user is None or user.deleted:
            raise NotFound("There is no account with this id.", code="no_such_account")
        return user

    def set_disabled(self, account: str, administrator: User, seen: Seen, *, disabled: bool) -> User:
        """Raises Conflict if the account or the administrator's has changed since they were read."""
        user = self.get(account)
        if user.account == administrator.account and disabled:
            raise Forbidden("You cannot disable your own account.", code="own_account")
        if user.disabled == disabled:
            return user
        if user.token_version != seen.version or not self.users.set_disabled(user, administrator, disabled=disabled):
            raise Conflict("The account has just been changed. Load it again.", code="account_modified")
        self.states.forget(user)
        log.info("Account %s was %s by %s", account, "disabled" if disabled else "enabled", administrator.account)
        return self.get(account)

    def shown(self, user: User) -> dict[str, Any]:
        return {
            "id": user.account,
            "email": user.email.lower(),
            "verified": user.verified,
            "disabled": user.disabled,
            "admin": user.email.lower() in self.accounts.reserved,
            "since": user.since,
            "version": user.token_version,
        }


def blueprint(accounts: Accounts, logins: ConcurrencyLimiter) -> Blueprint:
    routes = Blueprint("administration", __name__)
    administration = Administration(accounts)

    @routes.get("/accounts")
    def index() -> Response:
        accounts.administrator(bearer_token())
        query, after = request.args.get("query", ""), request.args.get("after", "")
        limit = query_integer("limit", default=50, least=1, most=MOST)
        with logins.held():
            users, more = administration.page(query.strip(), after, limit)
        return jsonify(accounts=list(map(administration.shown, users)), more=more)

    @routes.get("/accounts/<account>")
    def show(account: str) -> Response:
        accounts.administrator(bearer_token())
        with logins.held():
            return jsonify(administration.shown(administration.get(account)))

    @routes.post("/accounts/<account>/disable", defaults={"disabled": True})
    @routes.post("/accounts/<account>/enable", defaults={"disabled": False})
    def change(account: str, *, disabled: bool) -> Response:
        administrator, seen = accounts.administrator(bearer_token()), parsed(Seen)
        with logins.held():
            user = administration.set_disabled(account, administrator, seen, disabled=disabled)
        return jsonify(administration.shown(user))

    return routes
