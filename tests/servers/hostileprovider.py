"""A stand-in for an OpenID provider that does what a real one never does: forged tokens, hanging, endless answers."""

import base64
import functools
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from authlib.oidc.core.util import create_half_hash
from flask import Flask, Response, jsonify, request
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

CLIENT_ID, CLIENT_SECRET = "a client", "a secret"


@functools.cache
def key(name: str) -> RSAKey:
    """A key for signatures, always the same one for a name: making one takes half a second."""
    return RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})


def unsigned(claims: dict[str, Any], algorithm: str = "none", secret: bytes = b"") -> str:
    """A token that the library refuses to make: without a signature, or with any secret for HS256."""
    header = {"alg": algorithm, "kid": "1"}
    text = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    signature = hmac.digest(secret, text.encode(), hashlib.sha256) if secret else b""
    return f"{text}.{_base64(signature)}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


class HostileProvider:
    """Signs in everybody as `claims`. Tests change its attributes."""

    def __init__(self) -> None:
        self.issuer = ""
        self.key = key("of the provider")
        self.published = [self.key]
        self.claims: dict[str, Any] = {}
        self.without: set[str] = set()
        # Replaces the whole ID token; a function gets its claims.
        self.id_token: Any = None
        self.metadata: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        # Path → what is answered instead.
        self.instead: dict[str, Any] = {}
        self.requests: list[str] = []
        self.exchanged: dict[str, str] = {}
        self.nonce = ""

    def announced(self) -> dict[str, Any]:
        paths = {
            "authorization_endpoint": "auth",
            "token_endpoint": "token",
            "jwks_uri": "jwks",
            "userinfo_endpoint": "me",
        }
        urls = {name: f"{self.issuer}/{path}" for name, path in paths.items()}
        return {"issuer": self.issuer, **urls, **self.metadata}

    def token(self) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.issuer, "sub": "ann", "aud": CLIENT_ID, "iat": now, "exp": now + 60, "nonce": self.nonce,
            "email": "ann@example.com", "email_verified": True, "at_hash": create_half_hash("access", "RS256").decode(),
            **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if name not in self.without}
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.key)
        other = self.id_token(claims) if callable(self.id_token) else self.id_token
        return {"access_token": "access", "token_type": "Bearer", "id_token": other or signed}

    def app(self) -> Flask:
        app = Flask("provider")

        @app.before_request
        def instead() -> Any:
            self.requests.append(request.path)
            return self.instead[request.path]() if request.path in self.instead else None

        @app.get("/.well-known/openid-configuration")
        def metadata() -> Response:
            return jsonify(self.announced())

        @app.get("/jwks")
        def keys() -> Response:
            return jsonify(keys=[key.as_dict(private=False) for key in self.published])

        @app.post("/token")
        def token() -> Response:
            self.exchanged = dict(request.form)
            return jsonify(self.token())

        @app.get("/me")
        def userinfo() -> Response:
            return jsonify(self.userinfo)

        return app


@contextmanager
def running() -> Iterator[HostileProvider]:
    provider = HostileProvider()
    server = make_server("127.0.0.1", 0, provider.app(), threaded=True)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
