"""Registration and login."""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from auth.addresses import canonical
from auth.credentials import Login, Registration
from auth.passwords import Passwords
from auth.tokens import Tokens
from auth.users import TAKEN, User, Users
from common.errors import Conflict, TransientError, Unauthorized

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Accounts:
    """`reserved` addresses cannot be registered: only an operator inserts their rows."""

    users: Users
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
        return self.tokens.issue(user.email.lower())

    def _replace(self, user: User, password: str) -> None:
        try:
            self.users.replace_password(user, password)
        except TransientError as error:
            # The password was right, and the next login replaces the hash.
            log.warning("The new password hash of user %d was not stored: %s", user.id, error)
        else:
            log.info("Stored a new password hash of user %d", user.id)
