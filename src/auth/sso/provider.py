"""The client of the OpenID provider: what it announces, its keys, and the exchange of a code for a verified person."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import requests
from authlib.integrations.base_client import OAuthError
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from requests.auth import HTTPBasicAuth

from auth.sso import errors, id_tokens, transport
from auth.sso.metadata import Metadata
from auth.sso.settings import OidcSettings
from auth.sso.transactions import Transaction
from common.errors import RejectedError
from common.runtime.logs import one_line

log = logging.getLogger(__name__)

# s. How long what the provider announces, and its keys, are used.
_FRESH = 3600.0
# s. Keys that are younger are not read again for a signature that does not match them.
_KEYS_AGE = 30.0


@dataclass(frozen=True)
class Answer:
    """What the browser brings back from the provider (RFC 6749 section 4.1.2, RFC 9207)."""

    code: str | None = field(default=None, repr=False)
    error: str | None = None
    issuer: str | None = None


@dataclass(frozen=True)
class Person:
    """Whom the provider has authenticated; `email` is None unless the provider has confirmed the address."""

    issuer: str
    subject: str
    email: str | None


@dataclass(frozen=True)
class _Read:
    value: Any
    at: float


class Provider:
    """Connects to nothing before the first sign-in. Raises ProviderUnavailable."""

    def __init__(
        self, issuer: str, client_id: str, client_secret: str, settings: OidcSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.issuer = issuer
        self._client = (client_id, client_secret)
        self._settings = settings
        self._clock = clock
        self._cache: dict[str, _Read] = {}
        self._lock = threading.Lock()

    @classmethod
    def configured(cls, settings: OidcSettings) -> "Provider | None":
        issuer, client, secret = settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret
        return cls(issuer, client, secret.get_secret_value(), settings) if issuer and client and secret else None

    def authorization_url(self, transaction: Transaction) -> str:
        """Where the browser is sent to sign in."""
        with self._session() as session:
            url, _ = session.create_authorization_url(
                self._metadata(session).authorization_endpoint,
                redirect_uri=transaction.redirect_uri,
                scope=" ".join(self._settings.oidc_scopes),
                state=transaction.state,
                nonce=transaction.nonce,
                code_verifier=transaction.verifier,
            )
        return str(url)

    def person(self, transaction: Transaction, answer: Answer) -> Person:
        """Exchanges the code; raises BadRequest or Forbidden unless everything about it is valid."""
        with self._session() as session:
            metadata = self._metadata(session)
            # Of another provider, which may want to get this one's code (RFC 9207 section 2.4).
            if answer.issuer != self.issuer and (answer.issuer is not None or metadata.issuer_in_answers):
                raise _rejected("the answer is of another issuer")
            if answer.error is not None:
                log.warning("The provider has answered with the error %s", one_line(answer.error[:80]))
                raise errors.denied() if answer.error == "access_denied" else errors.failed()
            if not answer.code or not answer.code.isascii() or not answer.code.isprintable():
                raise _rejected("the answer has no valid code")
            token = self._exchange(session, metadata, transaction, answer.code)
            claims = self._claims(session, metadata, token, transaction.nonce)
            if "email" not in claims and metadata.userinfo_endpoint:
                claims = {**self._userinfo(session, metadata.userinfo_endpoint, token, claims["sub"]), **claims}
        return Person(self.issuer, claims["sub"], _verified_email(claims))

    def _exchange(self, session: Any, metadata: Metadata, transaction: Transaction, code: str) -> Mapping[str, Any]:
        # RFC 6749 section 2.3.1 encodes both names first, which the library does not do.
        basic = HTTPBasicAuth(*map(quote_plus, self._client)) if metadata.has_basic_authentication else None
        try:
            token: Mapping[str, Any] = session.fetch_token(
                metadata.token_endpoint,
                auth=basic,
                grant_type="authorization_code",
                code=code,
                code_verifier=transaction.verifier,
                redirect_uri=transaction.redirect_uri,
            )
        except OAuthError as error:
            raise _rejected(f"the provider did not accept the code: {one_line(str(error.error)[:80])}") from None
        return token

    def _claims(self, session: Any, metadata: Metadata, token: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of the ID token."""

        def read(keys: KeySet) -> dict[str, Any]:
            return id_tokens.claims(token, keys, issuer=self.issuer, client_id=self._client[0], nonce=nonce)

        try:
            try:
                return read(self._keys(session, metadata, _FRESH))
            except (InvalidKeyIdError, BadSignatureError):
                # The provider may have new keys.
                return read(self._keys(session, metadata, _KEYS_AGE))
        except (JoseError, id_tokens.InvalidToken) as error:
            raise _rejected(f"the ID token is not valid: {one_line(str(error)[:200])}") from None

    def _userinfo(self, session: Any, url: str, token: Mapping[str, Any], subject: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token.get('access_token')}"}
        found = self._get(session, url, headers=headers)
        # Section 5.3.2: an answer for another subject must not be used.
        if found.get("sub") != subject:
            raise _rejected("the user information is about another subject")
        return found

    def _metadata(self, session: Any) -> Metadata:
        def read() -> Metadata:
            url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
            metadata = Metadata.model_validate(self._get(session, url))
            metadata.check(self.issuer)
            return metadata

        found: Metadata = self._cached("metadata", read, _FRESH)
        return found

    def _keys(self, session: Any, metadata: Metadata, fresh: float) -> KeySet:
        found: KeySet = self._cached("keys", lambda: id_tokens.key_set(self._get(session, metadata.jwks_uri)), fresh)
        return found

    def _cached(self, name: str, read: Callable[[], Any], fresh: float) -> Any:
        """Not locked while it reads: a provider that hangs delays its own sign-ins only, which are limited."""
        with self._lock:
            known = self._cache.get(name)
        if known and self._clock() - known.at < fresh:
            return known.value
        made = _Read(read(), self._clock())
        with self._lock:
            self._cache[name] = made
        return made.value

    def _get(self, session: Any, url: str, **options: Any) -> dict[str, Any]:
        response = session.get(url, withhold_token=True, **options)
        response.raise_for_status()
        found = response.json()
        if not isinstance(found, dict):
            raise ValueError("it answers with something else than a JSON object")  # noqa: TRY004
        return found

    @contextmanager
    def _session(self) -> Iterator[Any]:
        try:
            with transport.session(self._settings.oidc_timeout, *self._client) as session:
                yield session
        except (requests.RequestException, ValueError, RecursionError) as error:
            raise _unavailable(one_line(f"{type(error).__name__}: {error}"[:300])) from error


def _verified_email(claims: Mapping[str, Any]) -> str | None:
    # Some providers send the flag as a string.
    verified, email = claims.get("email_verified"), claims.get("email")
    return email if (verified is True or verified == "true") and isinstance(email, str) else None


def _rejected(reason: str) -> RejectedError:
    log.warning("A single sign-on was rejected: %s", reason)
    return errors.failed()


def _unavailable(reason: str) -> errors.ProviderUnavailable:
    log.warning("The single sign-on provider cannot be used: %s", reason)
    return errors.ProviderUnavailable()
