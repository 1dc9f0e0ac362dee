"""The web page: the files that `src/web` was built into, from the same origin as the API that they use."""

import mimetypes
import secrets
from pathlib import Path

from flask import Blueprint, Response, request, send_from_directory
from werkzeug.exceptions import NotFound as NoSuchFile

from common.errors import NotFound

# What the build leaves where the nonce belongs: see src/web/vite.config.ts.
_PLACE = "CSP_NONCE_PLACE"
# s. The names of the assets hold a hash of their content.
_YEAR = 365 * 24 * 3600


def blueprint(root: Path) -> Blueprint:
    """Routes `/`, `/app/…` (the page finds its own way there), `/assets/…` and `/favicon.svg`."""
    routes = Blueprint("page", __name__)

    @routes.get("/")
    @routes.get("/app")
    @routes.get("/app/<path:place>")
    def index(place: str = "") -> Response:
        del place
        try:
            html = (root / "index.html").read_text(encoding="utf-8")
        except FileNotFoundError:
            raise NotFound("The page is not built here. The API works without it: see /docs.") from None
        nonce = secrets.token_urlsafe(16)
        response = Response(html.replace(_PLACE, nonce), mimetype="text/html")
        response.headers["Content-Security-Policy"] = _policy(nonce)
        response.headers["Cache-Control"] = "no-cache"
        return response

    @routes.get("/assets/<path:name>")
    def asset(name: str) -> Response:
        response = _file(root / "assets", name)
        response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
        return response

    @routes.get("/favicon.svg")
    def icon() -> Response:
        response = _file(root, "favicon.svg")
        response.headers["Cache-Control"] = "public, max-age=86400"
        return response

    return routes


def _file(folder: Path, name: str) -> Response:
    """The file, packed when the build packed it and the browser can unpack it."""
    response = _packed(folder, name) or _plain(folder, name)
    response.headers["Vary"] = "Accept-Encoding"
    return response


def _packed(folder: Path, name: str) -> Response | None:
    if not request.accept_encodings.quality("gzip"):
        return None
    try:
        response = send_from_directory(folder, f"{name}.gz", mimetype=mimetypes.guess_type(name)[0])
    except NoSuchFile:
        return None
    response.headers["Content-Encoding"] = "gzip"
    return response


def _plain(folder: Path, name: str) -> Response:
    try:
        return send_from_directory(folder, name)
    except NoSuchFile:
        raise NotFound("There is no such file. Reload the page: it may have been renewed.") from None


def _policy(nonce: str) -> str:
    """Own scripts only; styles from own files, or from own scripts that know the nonce of this answer."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "media-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )
