"""Who is calling: the Bearer token of a request, asked of the auth service."""

from flask import request

from common.errors import Unauthorized
from gateway.auth_client import AuthClient

# Far above any token of ours (about 200 bytes).
_MAX_TOKEN = 4096


class Identity:
    """Tells the caller's name."""

    def __init__(self, auth: AuthClient) -> None:
        self._auth = auth

    def username(self) -> str:
        """The caller's mail address; raises Unauthorized when the token is missing or not valid."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise Unauthorized(
                "This needs a token: log in (POST /login) and send it as 'Authorization: Bearer <token>'."
            )
        if len(token) > _MAX_TOKEN or not token.isascii() or not token.isprintable():
            raise Unauthorized("The token is not valid or has expired. Log in again: POST /login.")
        return self._auth.username(token)
