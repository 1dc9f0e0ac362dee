"""CORS: web pages on the origins of CORS_ORIGINS may use the API from a browser."""

from collections.abc import Sequence

from flask import Flask
from flask_cors import CORS

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_REQUEST_HEADERS = [
    "Authorization", "Content-Type", "Accept", "Range", "Last-Event-ID", "X-Request-ID", "X-HTTP-Method-Override",
    "Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Offset", "Upload-Checksum", "Upload-Defer-Length",
    "Upload-Concat", "X-Requested-With", "If-Match",
]  # fmt: skip
_RESPONSE_HEADERS = [
    "Location", "Content-Disposition", "Content-Range", "Accept-Ranges", "ETag", "Retry-After", "X-Request-ID",
    "Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm",
    "Upload-Length", "Upload-Metadata", "Upload-Offset", "Upload-Expires",
]  # fmt: skip


def allow(app: Flask, origins: Sequence[str]) -> None:
    """Allows no credentials (cookies): tokens are sent in a header."""
    if origins:
        CORS(
            app,
            origins=list(origins),
            methods=_METHODS,
            allow_headers=_REQUEST_HEADERS,
            expose_headers=_RESPONSE_HEADERS,
            max_age=7200,
        )
