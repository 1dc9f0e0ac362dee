"""Tokens: signed claims about who logged in, as HS256 JWTs (RFC 7519) and nothing else."""

import functools
import time
from collections.abc import Callable, Collection

import jwt
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from common.errors import Unauthorized

# The one algorithm: a token never chooses how it is checked (RFC 8725 section 3.1).
_ALGORITHM = "HS256"
# Tokens that are known to be ours: about a kilobyte each.
_REMEMBERED = 4096
_REFUSAL = "The token is not valid or has expired. Log in again: POST /login."


class Claims(BaseModel):
    """What a token says; `iat` and `exp` are seconds since 1970."""

    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)

    username: str
    iat: int
    exp: int
    admin: bool


class Tokens:
    """Issues tokens and checks them."""

    def __init__(
        self, secret: SecretStr, lifetime: int, admins: Collection[str], clock: Callable[[], float] = time.time
    ) -> None:
        self._key = secret.get_secret_value().encode()
        self._lifetime = lifetime
        self._admins = frozenset(admins)
        self._clock = clock
        # A client sends the same token with each request; what was verified once stays so, up to its expiry.
        self._verified = functools.lru_cache(maxsize=_REMEMBERED)(self._verify)

    def issue(self, username: str) -> str:
        """A token for this person, valid for the lifetime (s) that was given."""
        now = int(self._clock())
        claims = Claims(username=username, iat=now, exp=now + self._lifetime, admin=username in self._admins)
        return jwt.encode(claims.model_dump(), self._key, algorithm=_ALGORITHM)

    def claims(self, token: str) -> Claims:
        """The claims of a token of ours; raises Unauthorized when it is expired, forged or not a token."""
        claims = self._verified(token)
        if claims.exp <= time.time():
            raise Unauthorized(_REFUSAL, code="invalid_token")
        return claims

    def _verify(self, token: str) -> Claims:
        try:
            found = jwt.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                # `iat` is ours by signature; comparing it with the clock would refuse the fresh token of a replica
                # whose clock is a second ahead.
                options={"require": list(Claims.model_fields), "verify_iat": False},
            )
            return Claims.model_validate(found)
        except (jwt.InvalidTokenError, ValidationError, UnicodeError, RecursionError):
            raise Unauthorized(_REFUSAL, code="invalid_token") from None
