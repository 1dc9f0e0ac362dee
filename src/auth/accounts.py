"""Registration and login."""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from auth.account_states import AccountStates
from auth.addresses import canonical
from auth.credentials import Login, Registration
from auth.passwords import Passwords
from auth.tokens import Claims, Tokens
from auth.users import TAKEN, User, Users
from common.errors import Conflict, Forbidden, TransientError, Unauthorized
from common.http.app import LOG_IN_AGAIN

log = logging.getLogger(__name__)

DISABLED = "The operator has disabled this account."


class Validated(Claims):
    """The answer of `/validate`: with the current address and id of the account."""

    since: int | None
    """When the account was created; None if a release without ids did so."""


@dataclass(frozen=True)
class Accounts:
    """`reserved` addresses cannot be registered: only an operator inserts their rows."""

    users: Users
    states: AccountStates
    passwords: Passwords
    tokens: Tokens
    reserved: Collection[str]

    def register(self, registration: Registration) -> str:
        """Adds the account and returns its name; raises Conflict if the address is taken or reserved."""
        hashed = self.passwords.hash(registration.password.get_secret_value())
        if registration.email in self.reserved:
            raise Conflict(TAKEN, code="account_exists")
        self.users.add(registration.email, hashed)
        log.info("Registered %s", registration.email)
        return registration.email

    def login(self, login: Login) -> str:
        """Returns a token; raises Unauthorized, with the same text and after the same time for every reason."""
        user = self.users.find(canonical(login.email))
        verdict = self.passwords.check(user.password if user else None, login.password)
        if user is None or not verdict.right:
            raise Unauthorized("Wrong email address or password.", code="invalid_credentials", scheme="Basic")
        if verdict.replacement is not None:
            self._replace(user, verdict.replacement)
        if user.disabled:
            raise Forbidden(DISABLED, code="account_disabled")
        self.states.remember(user)
        return self.tokens.issue(user)

    def validate(self, token: str) -> Validated:
        """The token's claims with the account's current state; raises Unauthorized unless both are valid."""
        claims = self.tokens.claims(token)
        user = self.states.get(claims.sub, claims.username)
        if user is None or user.disabled or claims.ver != user.token_version:
            raise Unauthorized(LOG_IN_AGAIN, code="invalid_token")
        # A token without an id may be of a deleted account, whose address has another account now.
        if claims.sub is None and user.since is not None and claims.iat < user.since:
            raise Unauthorized(LOG_IN_AGAIN, code="invalid_token")
        return Validated(
            username=user.email.lower(),
            iat=claims.iat,
            exp=claims.exp,
            admin=claims.admin,
            sub=user.account,
            ver=user.token_version,
            since=user.since,
        )

    def _replace(self, user: User, password: str) -> None:
        try:
            self.users.replace_password(user, password)
        except TransientError as error:
            # The password was right, and the next login replaces the hash.
            log.warning("The new password hash of account %s was not stored: %s", user.account, error)
        else:
            log.info("Stored a new password hash of account %s", user.account)
