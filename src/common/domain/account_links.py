"""Signed links about an account: each is for one purpose and one state of the account, and expires.

The notification service signs a link when it sends the email, so that the link's time begins then. The auth service
verifies it. The version of the account's tokens is in it: the link that changes a password works once, because that
ends the version. A link that confirms an address works with any version, so that a later registration of the address by
somebody else does not end it. The address is in it too: a link that was sent to another address does not work.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum

from itsdangerous import BadSignature, URLSafeTimedSerializer

from common.errors import BadRequest
from common.runtime.settings import LinkSecrets


class AccountMail(StrEnum):
    """The emails about an account. The last one has no signed link."""

    VERIFY = "verify"
    RESET = "reset"
    EXISTS = "exists"


# s.
LIFETIMES = {AccountMail.VERIFY: 24 * 3600, AccountMail.RESET: 30 * 60}
# s. How far the clocks of the services may differ.
_LEEWAY = 60.0
# The pages of the links, which the gateway serves.
PATHS = {AccountMail.VERIFY: "/verify", AccountMail.RESET: "/reset-password"}


@dataclass(frozen=True)
class AccountLink:
    account: str
    email: str
    version: int


class AccountLinks:
    """Signs with `LINK_SECRET`, and verifies the signatures of `LINK_SECRET_PREVIOUS` too."""

    def __init__(self, secrets: LinkSecrets) -> None:
        # From the oldest to the newest: the last one signs.
        self._keys = [each.get_secret_value() for each in (secrets.link_secret_previous, secrets.link_secret) if each]

    def sign(self, purpose: AccountMail, link: AccountLink) -> str:
        return str(self._serializer(purpose).dumps(asdict(link)))

    def read(self, purpose: AccountMail, token: str) -> AccountLink:
        """Raises BadRequest unless the token was signed for this purpose and has not expired."""
        try:
            fields, signed_at = self._serializer(purpose).loads(token, return_timestamp=True)
            link = AccountLink(**fields)
        except (BadSignature, TypeError):
            raise invalid_link() from None
        # `max_age` would reject a link from a service whose clock is ahead.
        age = (datetime.now(UTC) - signed_at).total_seconds()
        if not -_LEEWAY <= age <= LIFETIMES[purpose]:
            raise invalid_link()
        return link

    def _serializer(self, purpose: AccountMail) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._keys, salt=f"video2mp3.account.{purpose}")


def invalid_link() -> BadRequest:
    return BadRequest("The link is not valid, has expired or was used. Request another email.", code="invalid_link")
