"""Passwords: hashed with Argon2id, a few at a time; an unknown user takes as long as a known one."""

import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hmac import compare_digest
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from common.errors import Unavailable

Result = TypeVar("Result")

# OWASP's password storage cheat sheet: Argon2id with 19 MiB, two passes, one lane. About 25 ms of a processor, and
# small enough for a replica with 256 MiB.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, hash_len=32, salt_len=16, type=Type.ID)

# `$argon2id$…`, `$2b$…`, `$6$…`: a hash (crypt(5)). Comparing one as plain text would make a stolen hash as good as
# the password.
_HASHED = re.compile(r"\$[a-z0-9-]{1,32}\$")


@dataclass(frozen=True)
class Verdict:
    """Whether a password is right, and what should be stored instead of the old hash (None: nothing)."""

    right: bool
    replacement: str | None = None


def too_many() -> Unavailable:
    """The error for a login that cannot be served now."""
    return Unavailable("Too many people are logging in. Try again in a few seconds.")


class Passwords:
    """Hashes and checks passwords; each call raises Unavailable when it does not end in time.

    Threads of its own do the work, to limit the memory: malloc keeps memory for each thread, so hashes in 64 server
    threads, even two at a time, left the process with 480 MB; with two threads of their own it is 73 MB.
    """

    def __init__(self, concurrency: int, wait: float, hasher: PasswordHasher = HASHER) -> None:
        """`concurrency` hashes at the same time; `wait` in s includes the hash itself."""
        self._hasher = hasher
        self._wait = wait
        self._pool = ThreadPoolExecutor(concurrency, thread_name_prefix="hash")
        # The password of an unknown user is compared with it, so that the answer takes as long.
        self._unknown_user = hasher.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """The string to store for a new password."""
        return self._in_time(lambda: self._hasher.hash(password))

    def check(self, stored: str | None, password: str) -> Verdict:
        """Compares a password with what is stored (None: there is no such user)."""
        return self._in_time(lambda: self._check(stored, password))

    def _check(self, stored: str | None, password: str) -> Verdict:
        if stored is not None and stored.startswith("$argon2"):
            return self._check_hash(stored, password)
        self._check_hash(self._unknown_user, password)
        if not stored or _HASHED.match(stored) or not compare_digest(stored.encode(), password.encode()):
            return Verdict(right=False)
        return Verdict(right=True, replacement=self._hasher.hash(password))

    def _check_hash(self, stored: str, password: str) -> Verdict:
        try:
            self._hasher.verify(stored, password)
        except (VerifyMismatchError, VerificationError, InvalidHashError):
            return Verdict(right=False)
        outdated = self._hasher.check_needs_rehash(stored)
        return Verdict(right=True, replacement=self._hasher.hash(password) if outdated else None)

    def _in_time(self, work: Callable[[], Result]) -> Result:
        task = self._pool.submit(work)
        try:
            return task.result(self._wait)
        except TimeoutError:
            task.cancel()
            raise too_many() from None
