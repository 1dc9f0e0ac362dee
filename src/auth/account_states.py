"""The current state of accounts, for the validation of tokens."""

from auth.recent import Recent
from auth.users import User, Users


class AccountStates:
    """Reads accounts by id, or by address for tokens of earlier releases; see `Recent`."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._recent: Recent[User] = Recent()

    def get(self, account: str | None, email: str) -> User | None:
        """The account with this id, or with this address if the id is None; None if it does not exist."""
        if account is None:
            # An address without an account may get one at any time; an id that is gone stays gone.
            return self._recent.get(email, lambda: self._users.find(email), keep_absent=False)
        return self._recent.get(account, lambda: self._users.find_account(account), keep_absent=True)

    def remember(self, user: User) -> None:
        """Stores a state that was just read or written."""
        self._recent.remember(user, user.account, user.email.lower())

    def forget(self, user: User) -> None:
        """Makes the next validation read the account."""
        self._recent.forget(user.account, user.email.lower())
