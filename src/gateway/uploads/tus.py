"""The tus 1.0.0 protocol for resumable uploads at `/files`: https://tus.io/protocols/resumable-upload

Core, creation, creation-with-upload, termination, expiration and checksum. The id of an upload is the id of the video:
when its last byte has arrived, `/jobs/<id>` is its job.
"""

from collections.abc import Callable
from wsgiref.handlers import format_date_time

from bson import ObjectId
from flask import Blueprint, Response, request

from common.domain.options import ConversionOptions
from common.errors import (
    BadRequest,
    Gone,
    Locked,
    NotFound,
    PreconditionFailed,
    TooLarge,
    UnsupportedType,
)
from common.http.identity import Identity
from common.http.validation import object_id
from common.runtime.concurrency import ConcurrencyLimiter
from gateway.jobs.store import Store
from gateway.settings import GatewaySettings
from gateway.uploads import checksum, metadata
from gateway.uploads.multipart import MEGABYTE
from gateway.uploads.parts import Parts, moved_on
from gateway.uploads.resumable import HEADER, Upload, Uploads

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum"
BODY = "application/offset+octet-stream"


class Tus:
    """The protocol's methods, each a view."""

    def __init__(
        self,
        settings: GatewaySettings,
        identity: Identity,
        store: Store,
        uploads: Uploads,
        parts: Parts,
        *,
        transfers: ConcurrencyLimiter,
    ) -> None:
        self._limit_mb = settings.max_upload_mb
        self._identity = identity
        self._store = store
        self._uploads = uploads
        self._parts = parts
        self._transfers = transfers

    def blueprint(self) -> Blueprint:
        """Routes `/files`."""
        routes = Blueprint("tus", __name__)
        routes.before_request(_one_version)
        routes.after_request(_tell_the_version)
        for method, view in {"OPTIONS": self.abilities, "POST": self.create}.items():
            _add(routes, "/files", method, view)
        one: dict[str, Callable[..., Response]] = {
            "OPTIONS": self.abilities, "HEAD": self.show, "PATCH": self.append, "DELETE": self.terminate,
            "POST": self.overridden,
        }  # fmt: skip
        for method, view in one.items():
            _add(routes, "/files/<fid>", method, view)
        return routes

    def abilities(self, fid: str = "") -> Response:
        """OPTIONS: what is spoken here; asks for no token."""
        del fid
        headers = {
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(self._limit_mb * MEGABYTE),
            "Tus-Checksum-Algorithm": checksum.ALGORITHMS,
        }
        return Response(status=204, headers=headers)

    def create(self) -> Response:
        """POST: begins an upload, with its first bytes if they are in the body."""
        username = self._identity.username()
        length = _number_of_bytes("Upload-Length")
        if "Upload-Concat" in request.headers:
            raise BadRequest("Uploads cannot be put together from several ones here. Send the file as one upload.")
        if length == 0:
            raise BadRequest("The file is empty.")
        if length > self._limit_mb * MEGABYTE:
            raise TooLarge(
                f"The file is larger than {self._limit_mb} MB, the most that is accepted here.",
                headers={"Tus-Max-Size": str(self._limit_mb * MEGABYTE)},
            )
        header = request.headers.get("Upload-Metadata", "")
        filename, fields = metadata.parse(header)
        options = ConversionOptions.parse(fields)
        has_body = bool(request.content_length) or "Transfer-Encoding" in request.headers
        expected = checksum.expected(request.headers.get("Upload-Checksum"))
        if has_body:
            _refuse_other_bodies()
            _refuse_more_than(length)
        upload = self._uploads.create(username, filename, length, options.as_document(), header)
        offset = self._receive(upload, expected) if has_body else 0
        response = self._state(upload, offset, 201)
        response.headers["Location"] = f"/files/{upload.id}"
        return response

    def show(self, fid: str) -> Response:
        """HEAD: how far it is."""
        upload = self._own(fid)
        self._finish(upload)
        response = self._state(upload, upload.offset, 200)
        response.headers["Upload-Length"] = str(upload.length)
        if upload.header:
            response.headers["Upload-Metadata"] = upload.header
        return response

    def append(self, fid: str) -> Response:
        """PATCH: the next bytes."""
        upload = self._own(fid)
        _refuse_other_bodies()
        offset = _number_of_bytes("Upload-Offset")
        expected = checksum.expected(request.headers.get("Upload-Checksum"))
        if offset != upload.offset:
            raise moved_on(upload.offset)
        _refuse_more_than(upload.length - offset)
        if offset == upload.length:
            self._finish(upload)
            return self._state(upload, offset, 204)
        return self._state(upload, self._receive(upload, expected), 204)

    def terminate(self, fid: str) -> Response:
        """DELETE: ends it, and the job that it may have become."""
        upload = self._own(fid)
        mine = self._parts.take(upload)
        if mine is not None and not self._uploads.forget(mine):
            raise Locked("Another request has taken over this upload. Try again in a few seconds.")
        self._store.refuse(upload.id, upload.username, upload.filename)
        return Response(status=204)

    def overridden(self, fid: str) -> Response:
        """POST: any of them, for clients that can send GET and POST only."""
        views = {"PATCH": self.append, "DELETE": self.terminate, "HEAD": self.show}
        view = views.get(request.headers.get("X-HTTP-Method-Override", "").upper())
        if view is None:
            raise BadRequest("Send PATCH, or POST with X-HTTP-Method-Override: PATCH.")
        return view(fid)

    def _receive(self, upload: Upload, expected: checksum.Checksum | None) -> int:
        with self._transfers.held(upload.username):
            return self._parts.receive(upload, expected)

    def _own(self, fid: str) -> Upload:
        username = self._identity.username()
        upload_id = object_id(fid, "The upload's id")
        upload = self._uploads.owned(upload_id, username) or self._finished(upload_id, username)
        if upload is None:
            raise NotFound("There is no such upload. Begin it anew: POST /files.")
        if upload.expired:
            raise Gone("The upload has expired. Begin it anew: POST /files.")
        return upload

    def _finished(self, upload_id: ObjectId, username: str) -> Upload | None:
        """An upload that has become a job, for a client that missed the answer."""
        job = self._store.jobs.owned(upload_id, username)
        file = self._store.videos.find(upload_id) if job else None
        if job is None or file is None:
            return None
        expiry = self._uploads.expiry()
        header = str(file.metadata.get(HEADER) or "")
        return Upload(
            upload_id, username, job.filename, file.length, file.length, expiry, job.options, header, done=True
        )

    def _finish(self, upload: Upload) -> None:
        """Makes up for a request that brought the last byte and ended before it made the job."""
        if upload.offset == upload.length and not upload.done:
            self._parts.finish(upload)

    def _state(self, upload: Upload, offset: int, status: int) -> Response:
        headers = {"Upload-Offset": str(offset)}
        if offset < upload.length:
            headers["Upload-Expires"] = format_date_time(self._uploads.expiry().timestamp())
        return Response(status=status, headers=headers)


def _add(routes: Blueprint, path: str, method: str, view: Callable[..., Response]) -> None:
    name = f"{view.__name__}_{method.lower()}"
    routes.add_url_rule(path, name, view, methods=[method], provide_automatic_options=False)


def _one_version() -> None:
    if request.method != "OPTIONS" and request.headers.get("Tus-Resumable") != VERSION:
        raise PreconditionFailed(
            f"Send the header Tus-Resumable: {VERSION}, the version of the protocol that is spoken here.",
            headers={"Tus-Version": VERSION},
        )


def _tell_the_version(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    return response


def _number_of_bytes(name: str) -> int:
    value = request.headers.get(name, "")
    if not (value.isascii() and value.isdigit() and len(value) <= 15):
        raise BadRequest(f"Send the header {name} with a number of bytes.")
    return int(value)


def _refuse_other_bodies() -> None:
    if request.mimetype != BODY:
        raise UnsupportedType(f"Send the bytes with Content-Type: {BODY}.")


def _refuse_more_than(room: int) -> None:
    if (request.content_length or 0) > room:
        raise TooLarge(f"The upload has room for {room} more bytes, as its Upload-Length says.")
