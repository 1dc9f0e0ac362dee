"""Registration, login, and who the caller of a request is."""

import logging
from collections.abc import Collection
from dataclasses import dataclass

from auth.account_states import AccountStates
from auth.addresses import canonical
from auth.credentials import Login, Registration
from auth.keys import api_key
from auth.keys.api_key import ApiKey
from auth.keys.management import KeyRing, invalid_key
from auth.passwords import Passwords
from auth.tokens import Tokens
from auth.users import TAKEN, User, Users
from common.domain.account_links import AccountMail
from common.domain.scopes import Scope
from common.errors import Conflict, Forbidden, TransientError, Unauthorized
from common.http.app import ADMINISTRATORS_ONLY, LOG_IN_AGAIN

log = logging.getLogger(__name__)

DISABLED = "The operator has disabled this account."


@dataclass(frozen=True)
class Caller:
    """Who has sent a valid token or key. Times are in seconds since 1970; a key need not expire."""

    user: User
    scope: Scope
    issued_at: int
    expires_at: int | None
    admin: bool = False
    """No key is an administrator's."""
    key: ApiKey | None = None


@dataclass(frozen=True)
class Validated:
    """The answer of `/validate`: the claims of the token or key, with the current address and id of the account."""

    username: str
    iat: int
    exp: int | None
    admin: bool
    sub: str
    ver: int
    since: int | None
    """When the account was created; None if a release without ids did so."""
    verified: bool
    """Whether the address is confirmed; if not, the account may only ask for the email again."""
    scope: Scope


@dataclass(frozen=True)
class Mail:
    """An email that the caller, who has a connection to RabbitMQ, should have sent."""

    kind: AccountMail
    account: str
    username: str
    version: int

    @classmethod
    def about(cls, kind: AccountMail, user: User) -> "Mail":
        return cls(kind, user.account, user.email.lower(), user.token_version)


@dataclass(frozen=True)
class Accounts:
    """`reserved` addresses cannot be registered: only an operator inserts their rows."""

    users: Users
    states: AccountStates
    passwords: Passwords
    tokens: Tokens
    ring: KeyRing
    reserved: Collection[str]
    require_verification: bool

    def register(self, registration: Registration) -> Mail | None:
        """Adds the account and returns the email to send.

        With REQUIRE_VERIFICATION, an address that is taken or reserved is no error, so that nobody learns which
        addresses have accounts: its owner gets an email. Otherwise raises Conflict.
        """
        email, hashed = registration.email, self.passwords.hash(registration.password.get_secret_value())
        if email in self.reserved:
            return self._taken(None)
        try:
            self.users.add(email, hashed, verified=not self.require_verification)
        except Conflict:
            return self._taken(self.users.find(email), hashed)
        log.info("Registered %s", email)
        return self._mail(email) if self.require_verification else None

    def verification(self, user: User) -> Mail | None:
        """The email that asks to confirm the address, None if that was done."""
        return None if user.verified else Mail.about(AccountMail.VERIFY, user)

    def password_reset(self, email: str) -> Mail | None:
        """The email with a link for a new password; None if there is no account that may get one."""
        user = self.users.find(email)
        # Nothing but the confirmation is sent to an address that was not confirmed.
        return Mail.about(AccountMail.RESET, user) if user and user.verified and not user.disabled else None

    def _taken(self, user: User | None, hashed: str = "") -> Mail | None:
        if not self.require_verification:
            raise Conflict(TAKEN, code="account_exists")
        if user is None or user.disabled:
            return None
        if user.verified:
            return Mail.about(AccountMail.EXISTS, user)
        # Whoever registered it before did not confirm it: the last registration counts, and ends earlier tokens. To
        # confirm the address, its owner must know the password, so that this cannot give it to a stranger.
        self.users.change_password(user, hashed, verified=False)
        self.states.forget(user)
        return self._mail(user.email.lower())

    def _mail(self, email: str) -> Mail | None:
        user = self.users.find(email)
        return self.verification(user) if user else None

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

    def authenticate(self, credential: str, needed: Scope) -> Caller:
        """Whose token or key this is. This is the only check of scopes, for all services.

        Raises Unauthorized unless it and its account are valid, and Forbidden if its scope does not include `needed`.
        """
        caller = self._with_key(credential) if api_key.is_key(credential) else self._with_token(credential)
        if not caller.scope.allows(needed):
            raise _insufficient(needed, caller.scope)
        if caller.key is not None:
            self.ring.used(caller.key)
        return caller

    def administrator(self, credential: str) -> User:
        """Whose token this is; raises as `authenticate`, and Forbidden unless the account is an administrator's."""
        caller = self.authenticate(credential, Scope.SESSION)
        if not (caller.admin and caller.user.verified):
            raise Forbidden(ADMINISTRATORS_ONLY, code="administrators_only")
        return caller.user

    def validate(self, credential: str, needed: Scope) -> Validated:
        """As `authenticate`, as the answer of `/validate`."""
        caller = self.authenticate(credential, needed)
        user = caller.user
        return Validated(
            username=user.email.lower(),
            iat=caller.issued_at,
            exp=caller.expires_at,
            admin=caller.admin,
            sub=user.account,
            ver=user.token_version,
            since=user.since,
            verified=user.verified,
            scope=caller.scope,
        )

    def _with_token(self, token: str) -> Caller:
        claims = self.tokens.claims(token)
        user = self.states.get(claims.sub, claims.username)
        if user is None or user.disabled or claims.ver != user.token_version:
            raise Unauthorized(LOG_IN_AGAIN, code="invalid_token")
        # A token without an id may be of a deleted account, whose address has another account now.
        if claims.sub is None and user.since is not None and claims.iat < user.since:
            raise Unauthorized(LOG_IN_AGAIN, code="invalid_token")
        # An address that is no longer in ADMIN_EMAILS is not an administrator's, whatever its tokens say.
        admin = claims.admin and user.email.lower() in self.reserved
        return Caller(user, Scope.SESSION, claims.iat, claims.exp, admin)

    def _with_key(self, credential: str) -> Caller:
        key = self.ring.find(credential)
        user = self.states.get(key.account, "")
        if user is None or user.disabled:
            raise invalid_key()
        expires_at = int(key.expires_at.timestamp()) if key.expires_at else None
        return Caller(user, key.scope, int(key.created_at.timestamp()), expires_at, key=key)

    def _replace(self, user: User, password: str) -> None:
        try:
            self.users.replace_password(user, password)
        except TransientError as error:
            # The password was right, and the next login replaces the hash.
            log.warning("The new password hash of account %s was not stored: %s", user.account, error)
        else:
            log.info("Stored a new password hash of account %s", user.account)


def _insufficient(needed: Scope, scope: Scope) -> Forbidden:
    way = (
        "Sign in with your password: no API key may do this."
        if needed is Scope.SESSION
        else f"The scope of the API key is {scope}, and this needs {needed}."
    )
    return Forbidden(way, code="insufficient_scope")
