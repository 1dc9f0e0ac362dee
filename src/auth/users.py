"""The table `user` in MySQL or MariaDB."""

import re
from dataclasses import dataclass, field

import MySQLdb

from auth.database import Database, Row
from common.errors import Conflict

TAKEN = "This email address is already registered. Sign in, or use another address."

# Before the account's id, in place of the address of a deleted account. Nobody can register such an address.
DELETED = "deleted:"
_COLUMNS = "account_id, email, password, token_version, verified, disabled, UNIX_TIMESTAMP(created_at)"


@dataclass(frozen=True)
class User:
    """One row; `password` is a hash, plain text that an operator inserted, or empty: then no password is right."""

    account: str
    """The id, which is never used again."""
    email: str
    password: str = field(repr=False)
    token_version: int = 0
    """Tokens with another version are not valid any more."""
    verified: bool = True
    disabled: bool = False
    """By an operator."""
    since: int | None = None
    """Seconds since 1970; None if a release without ids created the account."""

    @property
    def deleted(self) -> bool:
        return self.email == f"{DELETED}{self.account}"


class Users:
    """Runs statements inside an application context; every method raises TransientError if the database fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, email: str) -> User | None:
        """The user with this address, which must be canonical."""
        user = self._find("email", email)
        if user is None:
            return None
        # The collation also ignores accents and trailing spaces, but account names must be exact.
        return user if user.email.lower() == email else None

    def find_account(self, account: str) -> User | None:
        """The user with this id."""
        return self._find("account_id", account)

    def add(self, email: str, password: str, *, verified: bool) -> None:
        """Adds a user with a hashed password; raises Conflict if the address is taken, even concurrently."""
        statement = "INSERT INTO user (email, password, verified) VALUES (%s, %s, %s)"
        with self._database.cursor() as cursor:
            try:
                cursor.execute(statement, (email, password, verified))
            except MySQLdb.IntegrityError:
                raise Conflict(TAKEN, code="account_exists") from None

    def replace_password(self, user: User, password: str) -> None:
        """Stores another hash, unless the row was changed since `user` was read."""
        statement = "UPDATE user SET password = %s WHERE account_id = %s AND password = %s"
        self._database.change(statement, password, user.account, user.password)

    def change_password(self, seen: User, password: str, *, verified: bool = True) -> bool:
        """Stores a new hash and ends all tokens; False if either has been changed since the user was read.

        An address that was `verified` stays so.
        """
        return self._change(
            "password = %s, token_version = token_version + 1, verified = (verified OR %s)", seen, password, verified
        )

    def end_tokens(self, seen: User) -> bool:
        """False if they have been ended since the user was read."""
        return self._change("token_version = token_version + 1", seen)

    def verify(self, seen: User) -> bool:
        """Marks the address as verified; False if the user has changed."""
        return self._change("verified = TRUE", seen)

    def delete(self, seen: User) -> bool:
        """Deletes the address and the password; False if the user has changed.

        A row without data is left, because the service's account may not delete rows in existing installations.
        """
        change = f"email = CONCAT('{DELETED}', account_id), password = '', disabled = TRUE"
        return self._change(f"{change}, token_version = token_version + 1", seen)

    def page(self, prefix: str, after: str, limit: int) -> list[User]:
        """At most `limit` accounts whose address begins so and comes after this one, in the order of addresses.

        What it costs does not depend on the number of accounts. Without the hint, the server may read and sort all.
        """
        pattern = re.sub(r"([|%_])", r"|\1", prefix) + "%"
        # The rows of deleted accounts are a range of the index, which two ranges leave out: ";" follows ":".
        outside = "(email < %s OR email >= %s)"
        where = f"email LIKE %s ESCAPE '|' AND email > %s AND {outside}"
        statement = f"SELECT {_COLUMNS} FROM user FORCE INDEX (email) WHERE {where} ORDER BY email LIMIT %s"  # noqa: S608
        values = (pattern, after, DELETED, DELETED.replace(":", ";"), limit)
        return [_user(row) for row in self._database.rows(statement, *values)]

    def set_disabled(self, seen: User, administrator: User, *, disabled: bool) -> bool:
        """Also ends its tokens; False if the account or the administrator's has changed since they were read.

        Of two administrators who disable each other at the same time, one succeeds: the statement locks both rows.
        """
        statement = """
            UPDATE user JOIN user AS administrator ON administrator.account_id = %s
                AND NOT administrator.disabled AND administrator.token_version = %s
            SET user.disabled = %s, user.token_version = user.token_version + 1
            WHERE user.account_id = %s AND user.token_version = %s AND user.email = %s AND user.disabled <> %s
        """
        caller = (administrator.account, administrator.token_version)
        values = (*caller, disabled, seen.account, seen.token_version, seen.email, disabled)
        return self._database.change(statement, *values) == 1

    def check(self) -> None:
        """Raises TransientError unless the database answers and has its table."""
        self._database.rows("SELECT 1 FROM user LIMIT 1")

    def _change(self, change: str, seen: User, *values: object) -> bool:
        statement = f"UPDATE user SET {change} WHERE account_id = %s AND token_version = %s AND email = %s"  # noqa: S608
        return self._database.change(statement, *values, seen.account, seen.token_version, seen.email) == 1

    def _find(self, column: str, value: str) -> User | None:
        row = self._database.first(f"SELECT {_COLUMNS} FROM user WHERE {column} = %s", value)  # noqa: S608  constants
        return None if row is None else _user(row)


def _user(row: Row) -> User:
    account, email, password, token_version, verified, disabled, since = row
    return User(account, email, password, token_version, bool(verified), bool(disabled), since)
