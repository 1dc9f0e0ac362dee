"""`POST /upload`: a video is stored, its job recorded and announced, or nothing stays behind."""

import contextlib
import logging
from collections.abc import Iterator

from bson import ObjectId
from flask import Blueprint, Response, jsonify, request, url_for

from common import metrics
from common.errors import TransientError
from common.identity import Identity
from common.jobs import Job
from common.options import ConversionOptions
from common.storage.writer import GridWriter
from gateway.outbox import Outbox
from gateway.receiver import Receiver, client_socket, drain
from gateway.settings import GatewaySettings
from gateway.store import Store
from gateway.watchdog import Watchdog

log = logging.getLogger(__name__)


def blueprint(
    settings: GatewaySettings, identity: Identity, store: Store, outbox: Outbox, watchdog: Watchdog
) -> Blueprint:
    """Routes `/upload`."""
    routes = Blueprint("uploads", __name__)

    @routes.post("/upload")
    def upload() -> Response:
        username = identity.username()
        job = _receive(username)
        log.info("Accepted the video %s: %s", job.video_fid, job.filename)
        outbox.announce(job)
        if request.accept_mimetypes.best_match(["text/plain", "application/json"]) == "application/json":
            response = jsonify(job.public())
            response.status_code = 202
        else:
            response = Response("success!", mimetype="text/plain")
        response.headers["Location"] = url_for("jobs.show", fid=str(job.video_fid))
        return response

    @routes.after_request
    def read_on_after_a_refusal(response: Response) -> Response:
        if response.status_code >= 400:
            # The request object outlives the response's sending only when it is bound here.
            refused = request._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
            response.call_on_close(lambda: drain(refused, watchdog))
        return response

    def _receive(username: str) -> Job:
        def create(name: str) -> GridWriter:
            return store.videos.create(name, "video/*", {"username": username})

        with contextlib.closing(Receiver(request, settings.max_upload_mb, create)) as receiver:
            with watchdog.watching(client_socket(request)) as watch:
                receiver.receive(watch)
            options = ConversionOptions.parse(receiver.fields)
            video_fid = receiver.finish()
            with _undone_on_failure(store, video_fid):
                job = store.jobs.create(video_fid, username, receiver.filename, options.as_document())
            metrics.UPLOADED_BYTES.inc(receiver.size)
            return job

    return routes


@contextlib.contextmanager
def _undone_on_failure(store: Store, video_fid: ObjectId) -> Iterator[None]:
    try:
        yield
    except TransientError:
        # The job may have been recorded although the answer was lost: it goes as well, as the client gets an error.
        try:
            store.delete(video_fid)
        except TransientError as error:
            log.warning("The refused upload %s is left to housekeeping: %s", video_fid, error)
        raise
