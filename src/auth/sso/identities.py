"""The table `identity`: which of the provider's users signs in to which account, and codes that a page exchanges."""

import hashlib
import secrets

from auth.database import Database
from auth.sso.provider import Person

# s. From the redirect to the page until the page asks for the token.
CODE_LIFETIME = 60


class Identities:
    """Runs statements inside an application context; every method raises TransientError if the database fails.

    Rows are never deleted: the service's account may only read, insert and update rows.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def account(self, person: Person) -> str | None:
        """The id of the account to which the person signs in."""
        statement = "SELECT account_id FROM identity WHERE issuer = %s AND subject = %s"
        return self._first(statement, *_key(person))

    def connect(self, person: Person, account: str) -> None:
        """Makes the person sign in to this account, and to no other one."""
        self._database.change(
            "INSERT INTO identity (issuer, subject, account_id) VALUES (%s, %s, %s)"
            " ON DUPLICATE KEY UPDATE account_id = VALUES(account_id)",
            *_key(person),
            account,
        )

    def issue_code(self, person: Person) -> str:
        """A code for one token, which ends an earlier one of the person; its hash is stored."""
        code = secrets.token_urlsafe(32)
        self._database.change(
            "UPDATE identity SET code = %s, code_expires_at = UTC_TIMESTAMP() + INTERVAL %s SECOND"
            " WHERE issuer = %s AND subject = %s",
            _hashed(code),
            CODE_LIFETIME,
            *_key(person),
        )
        return code

    def redeem(self, code: str) -> str | None:
        """The account of a code, once; None if it was used, has expired, or was never issued."""
        valid = "code = %s AND code_expires_at > UTC_TIMESTAMP()"
        account = self._first(f"SELECT account_id FROM identity WHERE {valid}", _hashed(code))  # noqa: S608  a constant
        # Of two requests at the same time, one changes the row.
        redeemed = f"UPDATE identity SET code = NULL WHERE {valid}"  # noqa: S608  a constant
        return account if account and self._database.change(redeemed, _hashed(code)) else None

    def forget(self, account: str) -> None:
        """Removes whom the provider knows from the rows of an account."""
        self._database.change(
            "UPDATE identity SET subject = CONCAT('deleted:', UUID()), code = NULL WHERE account_id = %s", account
        )

    def _first(self, statement: str, *values: object) -> str | None:
        row = self._database.first(statement, *values)
        return str(row[0]) if row else None


def _key(person: Person) -> tuple[bytes, bytes]:
    # The columns are binary, because subjects are compared exactly.
    return person.issuer.encode(), person.subject.encode()


def _hashed(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
