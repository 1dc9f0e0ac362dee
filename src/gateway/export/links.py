"""Signed addresses of an export, for browsers, whose downloads send no token."""

from datetime import UTC, datetime

from itsdangerous import BadSignature, URLSafeTimedSerializer

from common.domain.owners import Owner
from common.errors import Unauthorized
from common.runtime.settings import LinkSettings

_SALT = "video2mp3.export"
# s. A link gives access to everything, so it works only until the browser has begun the download.
LIFETIME = 60


class ExportLinks:
    """Creates links with `LINK_SECRET`, and verifies those of `LINK_SECRET_PREVIOUS` too."""

    def __init__(self, settings: LinkSettings) -> None:
        # From the oldest to the newest: the last one signs.
        keys = [each.get_secret_value() for each in (settings.link_secret_previous, settings.link_secret) if each]
        self._serializer = URLSafeTimedSerializer(keys, salt=_SALT)
        self._leeway = settings.link_leeway
        self._base = settings.public_url.rstrip("/")

    def url(self, owner: Owner) -> str:
        since = owner.since.timestamp() if owner.since else None
        token = self._serializer.dumps([owner.username, owner.account, since])
        return f"{self._base}/account/export?token={token}"

    def owner(self, token: str) -> Owner:
        """The account of the link; raises Unauthorized if it is not valid or has expired."""
        try:
            (username, account, since), signed_at = self._serializer.loads(token, return_timestamp=True)
        except (BadSignature, TypeError, ValueError):
            raise _invalid() from None
        # `max_age` would reject a link from a replica whose clock is ahead.
        age = (datetime.now(UTC) - signed_at).total_seconds()
        if not -self._leeway <= age <= LIFETIME:
            raise _invalid()
        return Owner(username, account, datetime.fromtimestamp(since, UTC) if since is not None else None)


def _invalid() -> Unauthorized:
    return Unauthorized("The link is not valid or has expired. Start the download again.", code="invalid_link")
