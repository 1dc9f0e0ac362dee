"""The table `api_key` in MySQL or MariaDB."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from auth.database import Database, Row
from auth.keys import api_key
from auth.keys.api_key import ApiKey
from auth.users import User
from common.domain.scopes import Scope
from common.errors import Conflict

# s between two writes of `last_used_at`.
USE_INTERVAL = 60

_SCOPES = frozenset({Scope.READ, Scope.CONVERT, Scope.ALL})
_COLUMNS = "id, account_id, name, scope, prefix, created_at, expires_at, last_used_at, key_hash"


class Keys:
    """Runs statements inside an application context; every method raises TransientError if the database fails."""

    def __init__(self, database: Database, most: int) -> None:
        """`most` keys for each account."""
        self._database = database
        self._most = most

    def find(self, key_hash: str) -> ApiKey | None:
        """The key with this hash, expired or not."""
        found = self._all("key_hash = %s", key_hash)
        return found[0] if found else None

    def of(self, account: str) -> list[ApiKey]:
        """The keys of an account, oldest first."""
        return self._all("account_id = %s AND key_hash IS NOT NULL", account)

    def add(self, user: User, key: str, *, name: str, scope: Scope, expires_at: datetime | None) -> ApiKey:
        """Stores a new key; raises Conflict if the account has too many, or was changed since it was read."""
        added = ApiKey(
            str(uuid4()), user.account, name, scope, api_key.shown(key), api_key.now(), expires_at,
            key_hash=api_key.hashed(key),
        )  # fmt: skip
        stored = (name, scope.value, added.prefix, _stored(added.created_at), _stored(expires_at), added.key_hash)
        with self._database.cursor() as cursor:
            cursor.execute("START TRANSACTION")
            # The lock lets one request at a time add a key to the account.
            account = "SELECT 1 FROM user WHERE account_id = %s AND token_version = %s AND NOT disabled FOR UPDATE"
            if not cursor.execute(account, (user.account, user.token_version)):
                raise Conflict("The account was changed by another request. Try again.", code="account_modified")
            cursor.execute("SELECT id, key_hash IS NULL FROM api_key WHERE account_id = %s", (user.account,))
            rows: Sequence[Any] = cursor.fetchall()
            revoked = [row for row, is_revoked in rows if is_revoked]
            if len(rows) - len(revoked) >= self._most:
                raise Conflict(
                    f"The account has {self._most} API keys, which is the limit. Revoke one that is not used.",
                    code="too_many_keys",
                )
            if revoked:
                cursor.execute(
                    "UPDATE api_key SET id = %s, name = %s, scope = %s, prefix = %s, created_at = %s, expires_at = %s,"
                    " key_hash = %s, last_used_at = NULL WHERE id = %s",
                    (added.id, *stored, revoked[0]),
                )
            else:
                cursor.execute(
                    "INSERT INTO api_key (id, account_id, name, scope, prefix, created_at, expires_at, key_hash)"
                    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                    (added.id, user.account, *stored),
                )
            cursor.execute("COMMIT")
        return added

    def revoke(self, account: str, key_id: str) -> ApiKey | None:
        """Ends a key and deletes what its owner has entered; returns it, or None if the account has no such key."""
        found = self._all("id = %s AND account_id = %s AND key_hash IS NOT NULL", key_id, account)
        return found[0] if found and self._end("id = %s AND key_hash = %s", key_id, found[0].key_hash) else None

    def revoke_all(self, account: str) -> None:
        """Ends all keys of an account."""
        self._end("account_id = %s AND key_hash IS NOT NULL", account)

    def mark_used(self, key_id: str, moment: datetime) -> None:
        """Stores when the key was used, unless a time of the last minute is stored."""
        condition = "key_hash IS NOT NULL AND (last_used_at IS NULL OR last_used_at < %s)"
        before = _stored(moment - timedelta(seconds=USE_INTERVAL))
        statement = f"UPDATE api_key SET last_used_at = %s WHERE id = %s AND {condition}"  # noqa: S608  a constant
        self._database.change(statement, _stored(moment), key_id, before)

    def _end(self, condition: str, *values: object) -> int:
        statement = f"UPDATE api_key SET key_hash = NULL, name = '', prefix = '' WHERE {condition}"  # noqa: S608  constants
        return self._database.change(statement, *values)

    def _all(self, condition: str, *values: object) -> list[ApiKey]:
        statement = f"SELECT {_COLUMNS} FROM api_key WHERE {condition} ORDER BY created_at, id"  # noqa: S608  constants
        return [key for key in map(_read, self._database.rows(statement, *values)) if key]


def _read(row: Row) -> ApiKey | None:
    key_id, account, name, scope, prefix, *moments, key_hash = row
    # A newer release may have other scopes: their keys do not work here.
    if scope not in _SCOPES:
        return None
    created_at, expires_at, last_used_at = (moment and moment.replace(tzinfo=UTC) for moment in moments)
    return ApiKey(key_id, account, name, Scope(scope), prefix, created_at, expires_at, last_used_at, key_hash)


def _stored(moment: datetime | None) -> datetime | None:
    """As the columns of type DATETIME have it: in UTC, without saying so."""
    return moment and moment.astimezone(UTC).replace(tzinfo=None)
