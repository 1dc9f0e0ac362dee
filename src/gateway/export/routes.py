"""`GET /account/export`: the archive of an account, for its owner or with a signed link from `/account/export/link`."""

from itertools import chain

from flask import Blueprint, Response, jsonify, request

from common.domain.owners import Owner
from common.domain.scopes import Scope
from common.http.identity import Identity
from common.runtime.clock import now
from common.runtime.concurrency_limiter import ConcurrencyLimiter
from gateway.downloads import content_disposition
from gateway.export.archive import Archive
from gateway.export.links import ExportLinks
from gateway.jobs.store import Store


def blueprint(identity: Identity, store: Store, links: ExportLinks, transfers: ConcurrencyLimiter) -> Blueprint:
    routes = Blueprint("export", __name__)

    @routes.get("/account/export/link")
    def link() -> Response:
        return jsonify(url=links.url(identity.owner(Scope.READ)))

    @routes.get("/account/export")
    def export() -> Response:
        token = request.args.get("token")
        owner = identity.owner(Scope.READ) if token is None else links.owner(token)
        response = Response(mimetype="application/zip")
        response.headers["Content-Disposition"] = content_disposition(f"video2mp3-{now().date()}.zip")
        response.headers["Cache-Control"] = "no-store"
        return response if request.method == "HEAD" else _with_archive(response, owner)

    def _with_archive(response: Response, owner: Owner) -> Response:
        release = transfers.acquire(owner.key)
        try:
            data = Archive(store, owner).stream()
            # The first bytes are read before the status is sent, so that a failure of MongoDB becomes a 503.
            response.response = chain([next(data)], data)
        except BaseException:
            release()
            raise
        response.call_on_close(data.close)
        response.call_on_close(release)
        return response

    return routes
