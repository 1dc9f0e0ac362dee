"""What callers do with API keys: use, list, create and revoke them."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from auth.credentials import NewKey
from auth.keys import api_key
from auth.keys.api_key import ApiKey
from auth.keys.last_use import LastUse
from auth.keys.repository import Keys
from auth.recent import Recent
from auth.users import User
from common.errors import NotFound, Unauthorized

log = logging.getLogger(__name__)


def invalid_key() -> Unauthorized:
    """The same for all reasons: whoever has found a key learns nothing about it."""
    return Unauthorized(
        "The API key is not valid, has expired or was revoked. Create another one on the account page.",
        code="invalid_key",
    )


@dataclass(frozen=True)
class KeyRing:
    """A change is effective at once on this replica, and on the others when their states are not recent any more."""

    keys: Keys
    recent: Recent[ApiKey]
    last_use: LastUse

    def find(self, key: str) -> ApiKey:
        """Raises Unauthorized unless the key is valid; the state of its account is not checked."""
        if not api_key.is_complete(key):
            raise invalid_key()
        key_hash = api_key.hashed(key)
        # What does not exist is not remembered: anybody can send any number of invented keys.
        found = self.recent.get(key_hash, lambda: self.keys.find(key_hash), keep_absent=False)
        if found is None or found.has_expired(api_key.now()):
            raise invalid_key()
        return found

    def used(self, key: ApiKey) -> None:
        """Records that a request with the key was accepted."""
        self.last_use.note(key, api_key.now())

    def create(self, user: User, new: NewKey) -> tuple[ApiKey, str]:
        """Returns also the key itself, which is not stored; raises Conflict."""
        expires_at = api_key.now() + timedelta(days=new.expires_in_days) if new.expires_in_days else None
        key = api_key.generate()
        added = self.keys.add(user, key, name=new.name, scope=new.scope, expires_at=expires_at)
        log.info("Created the API key %s (%s) of account %s", added.id, added.scope, user.account)
        return added, key

    def revoke(self, user: User, key_id: str) -> None:
        """Raises NotFound if the account has no such key."""
        revoked = self.keys.revoke(user.account, key_id)
        if revoked is None:
            raise NotFound("There is no such API key.")
        self.recent.forget(revoked.key_hash)
        log.info("Revoked the API key %s of account %s", key_id, user.account)
