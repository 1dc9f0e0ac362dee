"""Signing in with the provider: which account a person gets, and how the page gets its token."""

import logging
from dataclasses import dataclass

from auth.accounts import DISABLED, Accounts
from auth.addresses import registrable
from auth.keys.repository import Keys
from auth.sso import errors
from auth.sso.identities import Identities
from auth.sso.provider import Answer, Person, Provider
from auth.sso.transactions import Transaction, Transactions
from auth.users import DELETED, User
from common.errors import Conflict, Forbidden

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rules:
    """Who may sign in: OIDC_LINK_ACCOUNTS and OIDC_ALLOWED_DOMAINS."""

    link_accounts: bool
    domains: tuple[str, ...]


@dataclass(frozen=True)
class SingleSignOn:
    """Raises a RejectedError with a code for everything that fails."""

    provider: Provider | None
    transactions: Transactions
    identities: Identities
    accounts: Accounts
    keys: Keys
    rules: Rules

    def start(self, redirect_uri: str) -> tuple[str, str]:
        """The address to which the browser is sent, and the cookie that it keeps."""
        transaction = Transaction.new(redirect_uri)
        return self._required().authorization_url(transaction), self.transactions.sign(transaction)

    def finish(self, cookie: str, state: str, answer: Answer) -> str:
        """Returns a code, with which the page gets a token once."""
        provider = self._required()
        person = provider.person(self.transactions.read(cookie, state), answer)
        user = self._account(person, self._address(person))
        log.info("Single sign-on to account %s", user.account)
        return self.identities.issue_code(person)

    def token(self, code: str) -> str:
        account = self.identities.redeem(code)
        user = self.accounts.users.find_account(account) if account else None
        if user is None or user.disabled:
            raise errors.expired()
        self.accounts.states.remember(user)
        return self.accounts.tokens.issue(user)

    def _required(self) -> Provider:
        if self.provider is None:
            raise errors.not_configured()
        return self.provider

    def _address(self, person: Person) -> str | None:
        """The canonical address, None if the provider has not confirmed any."""
        if person.email is None and self.rules.domains:
            raise errors.unverified()
        try:
            email = registrable(person.email) if person.email is not None else None
        except ValueError:
            raise errors.unverified() from None
        if email and self.rules.domains and email.partition("@")[2] not in self.rules.domains:
            raise errors.outside()
        return email

    def _account(self, person: Person, email: str | None) -> User:
        """The person's account, which is created or connected at the first sign-in."""
        users = self.accounts.users
        account = self.identities.account(person)
        user = users.find_account(account) if account else None
        if user is None or user.email.startswith(DELETED):
            if email is None:
                raise errors.unverified()
            user = self._with_address(email)
            self.identities.connect(person, user.account)
        # An administrator is whoever has one of these addresses, so the provider must not decide about them.
        if user.email.lower() in self.accounts.reserved:
            raise errors.account_exists()
        self._require_enabled(user)
        # Last, so that a sign-in that was interrupted before is completed by the next one.
        return user if user.verified else self._without_password(user)

    def _require_enabled(self, user: User) -> None:
        if user.disabled:
            raise Forbidden(DISABLED, code="account_disabled")

    def _with_address(self, email: str) -> User:
        """The account that has this address, or a new one, unconfirmed and without a password."""
        users = self.accounts.users
        if email in self.accounts.reserved:
            raise errors.account_exists()
        user = users.find(email)
        if user is None:
            try:
                users.add(email, "", verified=False)
            except Conflict:
                log.info("Another request has registered the address at the same time")
            user = users.find(email)
        if user is None or (user.verified and not self.rules.link_accounts):
            raise errors.account_exists()
        self._require_enabled(user)
        # As with a forgotten password: whoever has the address gets the account, and nobody else keeps access to it.
        return self._without_password(user) if user.verified else user

    def _without_password(self, user: User) -> User:
        """Confirms the address, and ends the password, all tokens and API keys.

        They may be of somebody who registered the address first.
        """
        users = self.accounts.users
        changed = users.change_password(user, "", verified=True)
        # Afterwards no earlier token can add a key.
        self.keys.revoke_all(user.account)
        self.accounts.states.forget(user)
        found = users.find_account(user.account)
        # Another sign-in of the same person may have done it.
        if found is None or not found.verified or (not changed and found.password):
            raise errors.failed()
        return found
