"""What the services share of the settings of single sign-on (OpenID Connect)."""

from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

from common.runtime.settings import EnvironmentSettings

# Bytes; the width of the column in MySQL.
_MAX_ISSUER = 255
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def is_protected(url: str) -> bool:
    """Whether nobody on the network can read or change what is sent to this address: https, or this machine."""
    parts = _split(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    )


def host(url: str) -> str:
    return _split(url).hostname or ""


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _issuer(url: str) -> str:
    parts = _split(url)
    if len(url) > _MAX_ISSUER or not is_protected(url) or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("must be the provider's issuer, such as https://accounts.example.com, without a query")
    return url


class SingleSignOnSettings(EnvironmentSettings):
    # The provider's issuer, exactly as the provider writes it, with or without a slash at the end. None disables single
    # sign-on.
    oidc_issuer: Annotated[str, AfterValidator(_issuer)] | None = None
