"""`POST /upload`: stores a video, creates its job and publishes it, or leaves nothing behind."""

import contextlib

from flask import Blueprint, Response, jsonify, request, url_for

from common.domain.accounts import Accounts
from common.domain.jobs import Job
from common.domain.options import ConversionOptions
from common.domain.owners import Owner
from common.domain.quotas import Amounts
from common.domain.scopes import Scope
from common.http import app as http
from common.http.identity import Identity
from common.runtime import metrics
from common.runtime.concurrency_limiter import ConcurrencyLimiter
from common.storage.writer import GridWriter
from gateway.jobs.store import Store
from gateway.settings import GatewaySettings
from gateway.uploads.acceptance import UploadAcceptance
from gateway.uploads.multipart import Receiver


def blueprint(
    settings: GatewaySettings,
    identity: Identity,
    store: Store,
    acceptance: UploadAcceptance,
    transfers: ConcurrencyLimiter,
    *,
    accounts: Accounts,
) -> Blueprint:
    routes = Blueprint("uploads", __name__)

    @routes.post("/upload")
    def upload() -> Response:
        owner = identity.owner(Scope.CONVERT)
        store.usage.open(owner)
        # Before the body, which may be large; what has arrived counts.
        store.usage.check(owner.key, Amounts.of_upload(request.content_length or 0), settings.quotas)
        accounts.adopt(owner)
        with transfers.held(owner.key):
            job = _receive(owner)
        if http.prefers_json(request.headers.get("Accept", "")):
            response = jsonify(job.public())
            response.status_code = 202
        else:
            response = Response("success!", mimetype="text/plain")
        response.headers["Location"] = url_for("jobs.show", fid=str(job.video_fid))
        return response

    def _receive(owner: Owner) -> Job:
        def create(name: str) -> GridWriter:
            return store.videos.create(name, "video/*", {"username": owner.username, "account": owner.account})

        with contextlib.closing(Receiver(request, settings.max_upload_mb, create)) as receiver:
            receiver.receive()
            options = ConversionOptions.parse(receiver.fields)
            cost = Amounts.of_upload(receiver.size)
            day = store.usage.charge(owner.key, cost, settings.quotas)
            try:
                video_fid, size = receiver.finish()
            except BaseException:
                store.usage.give_back(owner.key, cost, day)
                raise
            metrics.UPLOADED_BYTES.inc(size)
            return acceptance.accept(video_fid, owner, receiver.filename, options.as_document(), size, charged=day)

    return routes
