"""API keys as values.

A key is 32 random bytes. Nobody can guess it, so that the slow and salted hash of a password would not protect it any
better than SHA-256, which costs a microsecond for each request and can be looked up by an index.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from common.domain.scopes import KEY_PREFIX, Scope

_FORM = re.compile(rf"{KEY_PREFIX}[0-9a-f]{{64}}")
# Characters that are stored as they are, so that the owner recognises the key: 32 of its 256 random bits.
_SHOWN = len(KEY_PREFIX) + 8


@dataclass(frozen=True)
class ApiKey:
    id: str
    account: str
    name: str
    scope: Scope
    prefix: str
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    """A minute may be missing."""
    key_hash: str = field(default="", repr=False)

    def has_expired(self, moment: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= moment

    def public(self) -> dict[str, Any]:
        """For its owner, as JSON."""
        return {
            "id": self.id,
            "name": self.name,
            "scope": self.scope.value,
            "prefix": self.prefix,
            "created_at": _text(self.created_at),
            "expires_at": _text(self.expires_at),
            "last_used_at": _text(self.last_used_at),
        }


def generate() -> str:
    return KEY_PREFIX + secrets.token_hex(32)


def is_key(credential: str) -> bool:
    """Whether it claims to be a key, and not a token."""
    return credential.startswith(KEY_PREFIX)


def is_complete(key: str) -> bool:
    """Whether it could be a key: others are refused without a look into the database."""
    return _FORM.fullmatch(key) is not None


def hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def shown(key: str) -> str:
    return key[:_SHOWN]


def now() -> datetime:
    """With the precision that is stored."""
    return datetime.now(UTC).replace(microsecond=0)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
