"""The table `user`."""

from dataclasses import dataclass, field

import MySQLdb

from auth.database import Database
from common.errors import Conflict

TAKEN = "This email address is already registered. Sign in, or use another address."


@dataclass(frozen=True)
class User:
    """One row; `password` is a hash, or plain text that an operator inserted."""

    id: int
    email: str
    password: str = field(repr=False)


class Users:
    """Every method raises TransientError when the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, email: str) -> User | None:
        """The user with this address, which must be canonical."""
        row = self._database.read("SELECT id, email, password FROM user WHERE email = %s", (email,))
        if row is None:
            return None
        user = User(*row)
        # The collation also ignores accents and trailing spaces, but account names must be exact.
        return user if user.email.lower() == email else None

    def add(self, email: str, password: str) -> None:
        """Adds a user with a hashed password; raises Conflict if the address is taken, even concurrently."""
        try:
            self._database.write("INSERT INTO user (email, password) VALUES (%s, %s)", (email, password))
        except MySQLdb.IntegrityError:
            raise Conflict(TAKEN, code="account_exists") from None

    def replace_password(self, user: User, password: str) -> None:
        """Stores another hash, unless the row was changed since `user` was read."""
        self._database.write(
            "UPDATE user SET password = %s WHERE id = %s AND password = %s", (password, user.id, user.password)
        )
