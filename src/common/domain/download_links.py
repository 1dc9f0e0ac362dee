"""Signed download links: each is for one MP3, needs no login, and expires."""

from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature, URLSafeTimedSerializer

from common.runtime.settings import LinkSettings

_SALT = "video2mp3.download"


class DownloadLinks:
    """Creates links with `LINK_SECRET`, and verifies those of `LINK_SECRET_PREVIOUS` too."""

    def __init__(self, settings: LinkSettings) -> None:
        # From the oldest to the newest: the last one signs.
        keys = [each.get_secret_value() for each in (settings.link_secret_previous, settings.link_secret) if each]
        self._serializer = URLSafeTimedSerializer(keys, salt=_SALT)
        self._lifetime = settings.link_lifetime
        self._retention = timedelta(days=settings.retention_days)
        self._leeway = settings.link_leeway
        self._base = settings.public_url.rstrip("/")

    def url(self, mp3_fid: str) -> str:
        return f"{self._base}/download?fid={mp3_fid}&token={self._serializer.dumps(mp3_fid)}"

    def expiry(self, ended: datetime) -> datetime:
        """When a link that is created now expires, or its MP3, whose job `ended` then, is deleted."""
        expires = datetime.now(UTC) + timedelta(seconds=self._lifetime)
        return min(expires, ended + self._retention) if self._retention else expires

    def allows(self, token: str, mp3_fid: str) -> bool:
        """Whether the token is valid, for this MP3, and has not expired."""
        try:
            named, signed_at = self._serializer.loads(token, return_timestamp=True)
        except BadSignature:
            return False
        # `max_age` would reject a link from a service whose clock is ahead.
        age = (datetime.now(UTC) - signed_at).total_seconds()
        return bool(named == mp3_fid and -self._leeway <= age <= self._lifetime)
