"""A sign-in in progress: kept by the browser, in a signed cookie, between the redirects to the provider and back."""

import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hmac import compare_digest

from itsdangerous import BadSignature, URLSafeTimedSerializer

from auth.sso import errors
from common.runtime.settings import LinkSecrets

# s. For a password and a second factor at the provider.
LIFETIME = 600
# s. How far the clocks of the replicas may differ.
_LEEWAY = 60.0


@dataclass(frozen=True)
class Transaction:
    """`verifier` is PKCE's (RFC 7636): it proves that the code is used by the browser for which it was issued."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str

    @classmethod
    def new(cls, redirect_uri: str) -> "Transaction":
        return cls(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), redirect_uri)


class Transactions:
    """Signs with `LINK_SECRET`, and accepts the signatures of `LINK_SECRET_PREVIOUS` too."""

    def __init__(self, settings: LinkSecrets) -> None:
        # From the oldest to the newest: the last one signs.
        keys = [each.get_secret_value() for each in (settings.link_secret_previous, settings.link_secret) if each]
        self._serializer = URLSafeTimedSerializer(keys, salt="video2mp3.single-sign-on")

    def sign(self, transaction: Transaction) -> str:
        return str(self._serializer.dumps(asdict(transaction)))

    def read(self, cookie: str, state: str) -> Transaction:
        """The transaction with this state; raises BadRequest if there is none that this browser has started."""
        try:
            fields, signed_at = self._serializer.loads(cookie, return_timestamp=True)
            transaction = Transaction(**fields)
        except (BadSignature, TypeError):
            raise errors.expired() from None
        age = (datetime.now(UTC) - signed_at).total_seconds()
        if not -_LEEWAY <= age <= LIFETIME or not compare_digest(transaction.state.encode(), state.encode()):
            raise errors.expired()
        return transaction
