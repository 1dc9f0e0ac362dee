"""`POST /upload`: a video is stored, its job recorded and announced, or nothing stays behind."""

import contextlib

from flask import Blueprint, Response, jsonify, request, url_for

from common import metrics
from common.identity import Identity
from common.jobs import Job
from common.options import ConversionOptions
from common.storage.writer import GridWriter
from gateway.intake import Intake
from gateway.receiver import Receiver, client_socket, read_on_after_refusals
from gateway.settings import GatewaySettings
from gateway.store import Store
from gateway.watchdog import Watchdog


def blueprint(
    settings: GatewaySettings, identity: Identity, store: Store, intake: Intake, watchdog: Watchdog
) -> Blueprint:
    """Routes `/upload`."""
    routes = Blueprint("uploads", __name__)
    read_on_after_refusals(routes, watchdog)

    @routes.post("/upload")
    def upload() -> Response:
        username = identity.username()
        job = _receive(username)
        if request.accept_mimetypes.best_match(["text/plain", "application/json"]) == "application/json":
            response = jsonify(job.public())
            response.status_code = 202
        else:
            response = Response("success!", mimetype="text/plain")
        response.headers["Location"] = url_for("jobs.show", fid=str(job.video_fid))
        return response

    def _receive(username: str) -> Job:
        def create(name: str) -> GridWriter:
            return store.videos.create(name, "video/*", {"username": username})

        with contextlib.closing(Receiver(request, settings.max_upload_mb, create)) as receiver:
            with watchdog.watching(client_socket(request)) as watch:
                receiver.receive(watch)
            options = ConversionOptions.parse(receiver.fields)
            video_fid = receiver.finish()
            metrics.UPLOADED_BYTES.inc(receiver.size)
            return intake.accept(video_fid, username, receiver.filename, options.as_document())

    return routes
