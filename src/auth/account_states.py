"""The current state of accounts, for the validation of tokens: cached for seconds, and longer while MySQL is down."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from auth.users import User, Users
from common.errors import TransientError

log = logging.getLogger(__name__)

# s. What changes an account (a new password, a deletion) ends its tokens on all replicas after this time.
FRESH = 4.0
# s without reads from the database after one has failed: a database that hangs must not delay each request.
_PAUSE = 5.0
# Accounts in the cache: about a kilobyte each.
_CACHED = 4096


@dataclass(frozen=True)
class _Known:
    # None: there is no such account.
    user: User | None
    read_at: float


class AccountStates:
    """Reads accounts by id, or by address for tokens of earlier releases.

    While the database fails, the last known state counts, so that tokens work: what ends tokens is stored in the
    database, so nothing new can be missed. Raises TransientError for an account that this process has not read yet.
    """

    def __init__(self, users: Users, fresh: float | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._users = users
        self._fresh = FRESH if fresh is None else fresh
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._read_again_at = 0.0

    def get(self, account: str | None, email: str) -> User | None:
        """The account with this id, or with this address if the id is None; None if it does not exist."""
        key = account or email
        known, now = self._known.get(key), self._clock()
        age = now - known.read_at if known else 0.0
        if known and (age < self._fresh or now < self._read_again_at):
            return known.user
        # One thread at a time reads. The others do not wait for it if they know a state that is recent enough.
        if not self._reading.acquire(blocking=known is None or age > 2 * self._fresh):
            return known.user if known else None
        try:
            return self._read(account, email, known)
        finally:
            self._reading.release()

    def remember(self, user: User) -> None:
        """Stores a state that was just read or written."""
        read_at = self._clock()
        self._store(user.account, _Known(user, read_at))
        self._store(user.email.lower(), _Known(user, read_at))

    def forget(self, user: User) -> None:
        """Makes the next validation read the account."""
        with self._lock:
            self._known.pop(user.account, None)
            self._known.pop(user.email.lower(), None)

    def _read(self, account: str | None, email: str, known: _Known | None) -> User | None:
        read_at = self._clock()
        if read_at < self._read_again_at:
            if known is None:
                raise TransientError("MySQL failed a moment ago")
            return known.user
        try:
            user = self._users.find_account(account) if account else self._users.find(email)
        except TransientError as error:
            self._read_again_at = self._clock() + _PAUSE
            if known is None:
                raise
            log.warning("Tokens are checked against the last known accounts: %s", error)
            return known.user
        # An address without an account may get one at any time; an id that is gone stays gone.
        if user is not None or account is not None:
            self._store(account or email, _Known(user, read_at))
        return user

    def _store(self, key: str, known: _Known) -> None:
        with self._lock:
            self._known[key] = known
            self._known.move_to_end(key)
            if len(self._known) > _CACHED:
                self._known.popitem(last=False)
