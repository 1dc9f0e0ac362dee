"""The tus 1.0.0 protocol for resumable uploads at `/files`: https://tus.io/protocols/resumable-upload

The core protocol and the extensions creation, creation-with-upload, termination, expiration and checksum. The id of an
upload is the id of the video: after its last byte, `/jobs/<id>` is its job.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from wsgiref.handlers import format_date_time

from bson import ObjectId
from flask import Blueprint, Response, request

from common.domain.accounts import Accounts
from common.domain.options import ConversionOptions
from common.domain.originals import require_pictures
from common.domain.owners import Owner
from common.domain.quotas import Amounts, Quotas
from common.domain.scopes import Scope
from common.errors import BadRequest, Gone, NotFound, PreconditionFailed
from common.http.identity import Identity
from common.http.validation import object_id
from common.runtime.concurrency_limiter import ConcurrencyLimiter
from gateway.jobs.store import Store
from gateway.uploads import tus_headers
from gateway.uploads.multipart import too_large
from gateway.uploads.repository import HEADER, Upload, UploadRepository
from gateway.uploads.resumable import ResumableUploads, offset_mismatch

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,expiration,checksum"


@dataclass(frozen=True)
class Tus:
    """A view for each method of the protocol."""

    limit: int
    """The largest upload, in bytes."""
    identity: Identity
    store: Store
    uploads: UploadRepository
    resumable: ResumableUploads
    transfers: ConcurrencyLimiter
    accounts: Accounts
    quotas: Quotas

    def blueprint(self) -> Blueprint:
        routes = Blueprint("tus", __name__)
        routes.before_request(_require_version)
        routes.after_request(_add_version)
        views: dict[str, Callable[[str], Response]] = {
            "OPTIONS": self.options, "HEAD": self.show, "PATCH": self.append, "DELETE": self.terminate,
        }  # fmt: skip

        @routes.route("/files", methods=["OPTIONS", "POST"], provide_automatic_options=False)
        def uploads() -> Response:
            return self.create() if request.method == "POST" else self.options()

        @routes.route("/files/<fid>", methods=[*views, "POST"], provide_automatic_options=False)
        def upload(fid: str) -> Response:
            # Some clients can send only GET and POST.
            override = request.headers.get("X-HTTP-Method-Override", "").upper()
            view = views.get(override if request.method == "POST" else request.method)
            if view is None:
                raise BadRequest("Send PATCH, or POST with X-HTTP-Method-Override: PATCH.")
            return view(fid)

        return routes

    def options(self, fid: str = "") -> Response:
        """OPTIONS, without a token: the version, the extensions and the limits."""
        del fid
        headers = {
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(self.limit),
            "Tus-Checksum-Algorithm": tus_headers.CHECKSUM_ALGORITHMS,
        }
        return Response(status=204, headers=headers)

    def create(self) -> Response:
        """POST: creates an upload, and stores its first bytes if the request has a body."""
        owner = self.identity.owner(Scope.CONVERT)
        length = tus_headers.number_of_bytes("Upload-Length")
        if "Upload-Concat" in request.headers:
            raise BadRequest("The concatenation of uploads is not supported. Send the file as one upload.")
        if length == 0:
            raise BadRequest("The file is empty.")
        if length > self.limit:
            raise too_large(self.limit, {"Tus-Max-Size": str(self.limit)})
        header = request.headers.get("Upload-Metadata", "")
        filename, fields = tus_headers.metadata(header)
        options = ConversionOptions.parse(fields)
        require_pictures(options.cover, tus_headers.original(header))
        has_body = bool(request.content_length) or "Transfer-Encoding" in request.headers
        checksum = tus_headers.checksum()
        if has_body:
            tus_headers.check_body_type()
            tus_headers.check_body_length(length)
        self.accounts.adopt(owner)
        upload = self._created(owner, filename, length, options.as_document(), header)
        offset = self._receive(upload, checksum) if has_body else 0
        response = self._state(upload, offset, 201)
        response.headers["Location"] = f"/files/{upload.id}"
        return response

    def show(self, fid: str) -> Response:
        """HEAD: the offset and the metadata."""
        upload = self._own(fid, Scope.CONVERT)
        self._complete(upload)
        response = self._state(upload, upload.offset, 200)
        response.headers["Upload-Length"] = str(upload.length)
        if upload.header:
            response.headers["Upload-Metadata"] = upload.header
        return response

    def append(self, fid: str) -> Response:
        """PATCH: stores the next bytes."""
        upload = self._own(fid, Scope.CONVERT)
        tus_headers.check_body_type()
        offset = tus_headers.number_of_bytes("Upload-Offset")
        checksum = tus_headers.checksum()
        if offset != upload.offset:
            raise offset_mismatch(upload.offset)
        tus_headers.check_body_length(upload.length - offset)
        if offset == upload.length:
            self._complete(upload)
        else:
            offset = self._receive(upload, checksum)
        return self._state(upload, offset, 204)

    def terminate(self, fid: str) -> Response:
        """DELETE: ends the upload, and deletes the job that it may have become."""
        # It may have become a job, which this deletes too.
        self.resumable.terminate(self._own(fid, Scope.ALL))
        return Response(status=204)

    def _created(self, owner: Owner, filename: str, length: int, options: Mapping[str, Any], header: str) -> Upload:
        """Adds the whole upload to the account's usage before its first byte arrives."""
        cost = replace(Amounts.of_upload(length), unfinished=1)
        self.store.usage.open(owner)
        day = self.store.usage.charge(owner.key, cost, self.quotas)
        try:
            return self.uploads.create(
                owner.username, filename, length, options, header, account=owner.account, charged=day
            )
        except BaseException:
            self.store.usage.give_back(owner.key, cost, day)
            raise

    def _receive(self, upload: Upload, checksum: tus_headers.Checksum | None) -> int:
        with self.transfers.held(upload.owner):
            return self.resumable.receive(upload, checksum)

    def _own(self, fid: str, scope: Scope) -> Upload:
        owner = self.identity.owner(scope)
        upload_id = object_id(fid, "The upload's id")
        upload = self.uploads.owned(upload_id, owner) or self._finished(upload_id, owner)
        if upload is None:
            raise NotFound("Upload not found. Start a new upload: POST /files.")
        if upload.expired:
            raise Gone("The upload has expired. Start a new upload: POST /files.")
        return upload

    def _finished(self, upload_id: ObjectId, owner: Owner) -> Upload | None:
        """An upload that has become a job, for a client that did not receive the last response."""
        job = self.store.jobs.owned(upload_id, owner)
        file = self.store.videos.find(upload_id) if job else None
        if job is None or file is None:
            return None
        expiry = self.uploads.expiry()
        header = str(file.metadata.get(HEADER) or "")
        return Upload(
            upload_id, job.username, job.filename, file.length, file.length, expiry, job.options, header, done=True,
            account=job.account,
        )  # fmt: skip

    def _complete(self, upload: Upload) -> None:
        if upload.offset == upload.length and not upload.done:
            self.resumable.complete(upload)

    def _state(self, upload: Upload, offset: int, status: int) -> Response:
        headers = {"Upload-Offset": str(offset)}
        if offset < upload.length:
            headers["Upload-Expires"] = format_date_time(self.uploads.expiry().timestamp())
        return Response(status=status, headers=headers)


def _require_version() -> None:
    if request.method != "OPTIONS" and request.headers.get("Tus-Resumable") != VERSION:
        raise PreconditionFailed(
            f"Send the header Tus-Resumable: {VERSION}, the version of the protocol that this server supports.",
            headers={"Tus-Version": VERSION},
        )


def _add_version(response: Response) -> Response:
    response.headers["Tus-Resumable"] = VERSION
    return response
