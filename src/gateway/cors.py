"""Web pages on other origins: those that CORS_ORIGINS names may use the API from a browser, and no others."""

from collections.abc import Sequence

from flask import Flask
from flask_cors import CORS

_METHODS = ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"]
_SENT = [
    "Authorization", "Content-Type", "Accept", "Range", "Last-Event-ID", "X-Request-ID", "X-HTTP-Method-Override",
    "Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Offset", "Upload-Checksum", "Upload-Defer-Length",
    "Upload-Concat", "X-Requested-With",
]  # fmt: skip
_READ = [
    "Location", "Content-Disposition", "Content-Range", "Accept-Ranges", "ETag", "Retry-After", "X-Request-ID",
    "Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm",
    "Upload-Length", "Upload-Metadata", "Upload-Offset", "Upload-Expires",
]  # fmt: skip


def allow(app: Flask, origins: Sequence[str]) -> None:
    """Answers browsers on these origins; tokens travel in a header, so credentials (cookies) are not allowed."""
    if origins:
        CORS(app, origins=list(origins), methods=_METHODS, allow_headers=_SENT, expose_headers=_READ, max_age=7200)
