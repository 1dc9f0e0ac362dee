"""Signed download links: they name one MP3, need no login, and expire."""

from datetime import UTC, datetime

from itsdangerous import BadSignature, URLSafeTimedSerializer

from common.runtime.settings import LinkSettings

_SALT = "video2mp3.download"


class DownloadLinks:
    """Makes and checks the links; both sides share `LINK_SECRET`."""

    def __init__(self, settings: LinkSettings) -> None:
        self._serializer = URLSafeTimedSerializer(settings.link_secret.get_secret_value(), salt=_SALT)
        self._lifetime = settings.link_lifetime
        self._leeway = settings.link_leeway
        self._base = settings.public_url.rstrip("/")

    def url(self, mp3_fid: str) -> str:
        """The address that downloads the MP3 until the link expires."""
        return f"{self._base}/download?fid={mp3_fid}&token={self._serializer.dumps(mp3_fid)}"

    def allows(self, token: str, mp3_fid: str) -> bool:
        """Whether the token is ours, is for this MP3 and has not expired."""
        try:
            named, signed_at = self._serializer.loads(token, return_timestamp=True)
        except BadSignature:
            return False
        # Not `max_age`: it would refuse a link whose signer's clock is ahead of ours.
        age = (datetime.now(UTC) - signed_at).total_seconds()
        return bool(named == mp3_fid and -self._leeway <= age <= self._lifetime)
