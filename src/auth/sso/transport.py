"""Requests to the provider: with a deadline for all of them, without redirects, and with answers of limited size."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

# bytes. Discovery documents and key sets have a few kilobytes.
MAX_ANSWER = 256 * 1024
_CHUNK = 16 * 1024


class _BoundedAdapter(HTTPAdapter):
    def __init__(self, seconds: float) -> None:
        super().__init__(max_retries=0)
        self._ends = time.monotonic() + seconds

    def send(self, request: requests.PreparedRequest, *_: object, **options: Any) -> requests.Response:
        # The timeout of `requests` is for each read only, and it reads bodies of any size.
        try:
            response = super().send(request, **{**options, "stream": True, "timeout": self._left()})
            body = b"".join(self._read(response))
        except HTTPError as error:
            raise requests.ConnectionError(type(error).__name__) from error
        # Ends the connection, and leaves the body to whoever asks for the content.
        response.close()
        response.raw = io.BytesIO(body)
        return response

    def _read(self, response: requests.Response) -> Iterator[bytes]:
        size = 0
        while chunk := response.raw.read1(_CHUNK):
            self._left()
            size += len(chunk)
            if size > MAX_ANSWER:
                raise requests.RequestException(f"the answer has more than {MAX_ANSWER} bytes")
            yield chunk

    def _left(self) -> float:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise requests.Timeout("the provider is too slow")
        return left


@contextmanager
def session(seconds: float, client_id: str, client_secret: str) -> Iterator[Any]:
    """An OAuth2Session whose requests end within `seconds`; they raise requests.RequestException.

    Proxies and private certificate authorities are configured by the usual variables (HTTPS_PROXY, REQUESTS_CA_BUNDLE).
    """
    # Without Basic authentication (`Provider._exchange`), the secret is sent in the body.
    options = {"code_challenge_method": "S256", "token_endpoint_auth_method": "client_secret_post"}  # nosec B105
    with OAuth2Session(client_id, client_secret, **options) as made:
        made.max_redirects = 0
        # What is not asked for cannot be a small answer that becomes a large one.
        made.headers["Accept-Encoding"] = "identity"
        for scheme in ("https://", "http://"):
            made.mount(scheme, _BoundedAdapter(seconds))
        yield made
