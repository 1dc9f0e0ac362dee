"""What changes an account: its owner by a token or a password, or the holder of a link from an email."""

import logging
from dataclasses import dataclass

from pydantic import SecretStr

from auth.account_states import AccountStates
from auth.keys.repository import Keys
from auth.passwords import Passwords
from auth.sso.identities import Identities
from auth.tokens import Tokens
from auth.users import User, Users
from common.domain.account_links import AccountLink, AccountLinks, AccountMail, invalid_link
from common.errors import Conflict, Forbidden

log = logging.getLogger(__name__)

_MODIFIED = "The account was changed by another request. Try again."
_NOT_REGISTERED_WITH = (
    "This is not the password of the last registration of this address. Another person may have registered it after"
    " you: then replace the password by yours."
)


@dataclass(frozen=True)
class AccountChanges:
    """Every change that ends the account's tokens is effective at once on this replica."""

    users: Users
    states: AccountStates
    passwords: Passwords
    tokens: Tokens
    links: AccountLinks
    keys: Keys
    identities: Identities

    def change_password(self, user: User, current: SecretStr, new: SecretStr) -> str:
        """Ends all tokens and returns a new one; raises Forbidden if `current` is wrong."""
        self._check_password(user, current)
        hashed = self.passwords.hash(new.get_secret_value())
        self._require(self.users.change_password(user, hashed, verified=user.verified))
        self._changed(user, "Changed the password of")
        changed = self.users.find_account(user.account)
        if changed is None:
            raise Conflict(_MODIFIED, code="account_modified")
        return self.tokens.issue(changed)

    def end_tokens(self, user: User) -> None:
        self.users.end_tokens(user)
        self._changed(user, "Ended all tokens of")

    def delete(self, user: User, password: SecretStr) -> None:
        """Raises Forbidden if the password is wrong."""
        self._check_password(user, password)
        # First: if the rest fails, the owner still has the password to delete the account.
        self.identities.forget(user.account)
        self._require(self.users.delete(user))
        # They ended with the account; this deletes their names.
        self.keys.revoke_all(user.account)
        self._changed(user, "Deleted")

    def is_deleted(self, account: str) -> bool:
        """Whether its owner has deleted the account. A missing row proves nothing: a backup may have been restored.

        Completes a deletion that was interrupted after its first step.
        """
        user = self.users.find_account(account)
        if user is None or not user.deleted:
            return False
        self.identities.forget(account)
        self.keys.revoke_all(account)
        return True

    def verify(self, token: str, password: SecretStr, *, replace: bool) -> User:
        """Confirms the address to which the link was sent; raises BadRequest if the link is not valid.

        Anyone can register the address, and the last registration decides the password. So whoever confirms proves to
        know it: otherwise raises Forbidden, or stores the given one and ends all tokens if `replace` is set.
        """
        user = self._linked(self.links.read(AccountMail.VERIFY, token))
        right = self._is_right(user, password)
        if user.verified:
            # A second click is no error.
            if not right:
                raise invalid_link()
            return user
        if right:
            self._require(self.users.verify(user))
        elif replace:
            self._require(self.users.change_password(user, self.passwords.hash(password.get_secret_value())))
        else:
            raise Forbidden(_NOT_REGISTERED_WITH, code="wrong_password")
        self._changed(user, "Confirmed the address of")
        return user

    def reset_password(self, token: str, password: SecretStr) -> None:
        """Stores a new password and ends all tokens and the link; raises BadRequest if the link is not valid.

        The address counts as confirmed: only its owner has the link.
        """
        link = self.links.read(AccountMail.RESET, token)
        user = self._linked(link)
        if user.token_version != link.version:
            raise invalid_link()
        if not self.users.change_password(user, self.passwords.hash(password.get_secret_value())):
            raise invalid_link()
        self._changed(user, "Reset the password of")

    def _linked(self, link: AccountLink) -> User:
        user = self.users.find_account(link.account)
        if user is None or user.disabled or user.email.lower() != link.email:
            raise invalid_link()
        return user

    def _is_right(self, user: User, password: SecretStr) -> bool:
        return self.passwords.check(user.password, password.get_secret_value()).right

    def _check_password(self, user: User, password: SecretStr) -> None:
        if not user.password:
            raise Forbidden(
                "This account has no password yet, because its owner uses single sign-on. Choose one first, with the "
                "link in the email for a forgotten password: POST /password-reset.",
                code="no_password",
            )
        if not self._is_right(user, password):
            raise Forbidden("The password is wrong.", code="wrong_password")

    def _require(self, changed: bool) -> None:  # noqa: FBT001  the result of a conditional update
        if not changed:
            raise Conflict(_MODIFIED, code="account_modified")

    def _changed(self, user: User, event: str) -> None:
        self.states.forget(user)
        log.info("%s account %s", event, user.account)
