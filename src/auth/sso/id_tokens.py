"""ID tokens: valid if the provider has signed them, for this client and this sign-in (OpenID Connect Core, 3.1.3.7)."""

from collections.abc import Mapping
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

# Public keys only. With a shared secret, or `none`, the token could choose how it is verified (RFC 8725 section 3.1).
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_KEY_TYPES = {"RSA", "EC", "OKP"}
# s. How far the provider's clock may differ.
_LEEWAY = 60
# Bytes (OpenID Connect Core, section 2); also the width of the table's column.
MAX_SUBJECT = 255


class InvalidToken(Exception):
    """Raised when a token is not what the library validates; the text says what is wrong."""


def key_set(document: Mapping[str, Any]) -> KeySet:
    """The keys for signatures in a JSON Web Key Set; raises ValueError or JoseError."""
    # A provider may also have keys of newer types, which the library would reject.
    keys = [key for key in document.get("keys", ()) if isinstance(key, dict) and key.get("kty") in _KEY_TYPES]
    return KeySet.import_key_set({"keys": [key for key in keys if key.get("use", "sig") == "sig"]})


def claims(token: Mapping[str, Any], keys: KeySet, *, issuer: str, client_id: str, nonce: str) -> dict[str, Any]:
    """The claims of the ID token in an answer of the token endpoint; raises JoseError or InvalidToken."""
    text = token.get("id_token")
    if not isinstance(text, str):
        raise InvalidToken("the answer has none")
    try:
        decoded = jwt.decode(text, keys, algorithms=_ALGORITHMS)
        found = CodeIDToken(
            decoded.claims,
            decoded.header,
            {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}},
            {"nonce": nonce, "client_id": client_id, "access_token": token.get("access_token")},
        )
        found.validate(leeway=_LEEWAY)
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise InvalidToken(f"it is malformed: {type(error).__name__}") from error
    if not 0 < len(found["sub"].encode()) <= MAX_SUBJECT:
        raise InvalidToken(f"its subject does not have 1 to {MAX_SUBJECT} bytes")
    return dict(found)
