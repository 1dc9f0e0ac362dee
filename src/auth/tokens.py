"""Tokens: signed claims about a user, as HS256 JWTs (RFC 7519)."""

import functools
import time
from collections.abc import Callable, Collection

import jwt
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from auth.users import User
from common.errors import Unauthorized
from common.http.app import LOG_IN_AGAIN

# A token must not choose its algorithm (RFC 8725 section 3.1).
_ALGORITHM = "HS256"
# Verified tokens that are cached: about a kilobyte each.
_CACHED = 4096
# s. How far the clocks of the machines may differ: for `exp`, and for `nbf`, which a later release may set.
_LEEWAY = 60.0


class Claims(BaseModel):
    """`iat` and `exp` are seconds since 1970; tokens of earlier releases have no `sub` and no `ver`."""

    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)

    username: str
    iat: int
    exp: int
    admin: bool
    # The account's id, and the version that its tokens had.
    sub: str | None = None
    ver: int = 0


# The claims of all releases.
_REQUIRED = [name for name, field in Claims.model_fields.items() if field.is_required()]


class Tokens:
    def __init__(
        self,
        secret: SecretStr,
        lifetime: int,
        admins: Collection[str],
        *,
        previous: SecretStr | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Signs with `secret`, and accepts the signatures of `previous` too."""
        self._keys = [each.get_secret_value().encode() for each in (secret, previous) if each is not None]
        self._lifetime = lifetime
        self._admins = frozenset(admins)
        self._clock = clock
        # A client sends the same token with each request; it stays valid until it expires.
        self._verified = functools.lru_cache(maxsize=_CACHED)(self._verify)

    def issue(self, user: User) -> str:
        now, username = int(self._clock()), user.email.lower()
        claims = Claims(
            username=username,
            iat=now,
            exp=now + self._lifetime,
            admin=username in self._admins,
            sub=user.account,
            ver=user.token_version,
        )
        return jwt.encode(claims.model_dump(), self._keys[0], algorithm=_ALGORITHM)

    def claims(self, token: str) -> Claims:
        """Raises Unauthorized if the token is expired, forged or malformed."""
        claims = self._verified(token)
        if claims.exp <= time.time():
            raise Unauthorized(LOG_IN_AGAIN, code="invalid_token")
        return claims

    def _verify(self, token: str) -> Claims:
        for key in self._keys:
            try:
                found = jwt.decode(
                    token,
                    key,
                    algorithms=[_ALGORITHM],
                    leeway=_LEEWAY,
                    # The signature covers `iat`; comparing it with the clock would reject a fresh token of a replica
                    # whose clock is ahead.
                    options={"require": _REQUIRED, "verify_iat": False},
                )
                return Claims.model_validate(found)
            except jwt.InvalidSignatureError:
                continue
            except (jwt.InvalidTokenError, ValidationError, UnicodeError, RecursionError):
                break
        raise Unauthorized(LOG_IN_AGAIN, code="invalid_token")
