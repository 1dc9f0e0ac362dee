"""`GET /download`: the MP3 for its owner, or for whoever holds a signed link; `GET /jobs/<fid>/link` makes one."""

from itertools import chain
from urllib.parse import quote

from flask import Blueprint, Response, jsonify, request
from werkzeug.http import is_resource_modified

from common.domain.links import DownloadLinks
from common.errors import Conflict, NotFound, PreconditionFailed, Unauthorized
from common.http.identity import Identity
from common.http.validation import object_id
from common.runtime.concurrency import ConcurrencyLimiter
from common.storage.bucket import StoredFile
from gateway.downloads import ranges
from gateway.jobs.store import Store


def blueprint(identity: Identity, store: Store, links: DownloadLinks, transfers: ConcurrencyLimiter) -> Blueprint:
    """Routes `/download` and `/jobs/<fid>/link`."""
    routes = Blueprint("downloads", __name__)

    @routes.get("/download")
    def download() -> Response:
        fid = request.args.get("fid", "")
        token = request.args.get("token")
        if token is not None:
            mp3_fid = object_id(fid)
            if not links.allows(token, str(mp3_fid)):
                raise Unauthorized(
                    "The link is not valid or has expired. Sign in to download the MP3.", code="invalid_link"
                )
            file = store.mp3s.find(mp3_fid)
        else:
            username = identity.username()
            file = store.mp3s.find(object_id(fid))
            if file is not None and file.metadata.get("username") != username:
                file = None
        if file is None:
            raise NotFound("There is no such MP3. Its id is in the email and in GET /jobs.")
        return _send_in_turn(file, store, transfers)

    @routes.get("/jobs/<fid>/link")
    def link(fid: str) -> Response:
        username = identity.username()
        job = store.jobs.owned(object_id(fid, "The job's id"), username)
        if job is None:
            raise NotFound("There is no such job.")
        if job.mp3_fid is None:
            raise Conflict(
                "There is no MP3 yet. Wait until the job is completed: GET /jobs/<id>.", code="not_completed"
            )
        return jsonify(url=links.url(str(job.mp3_fid)))

    return routes


def _send_in_turn(file: StoredFile, store: Store, transfers: ConcurrencyLimiter) -> Response:
    if request.method == "HEAD":
        return _send(file, store)
    release = transfers.acquire(str(file.metadata.get("username")))
    try:
        response = _send(file, store)
    except BaseException:
        release()
        raise
    response.call_on_close(release)
    return response


def _send(file: StoredFile, store: Store) -> Response:
    etag = str(file.id)
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": f'"{etag}"',
        "Content-Disposition": content_disposition(file.filename),
        # The owner's browser may keep it, no cache on the way.
        "Cache-Control": "private, no-cache",
    }
    if request.if_match and not request.if_match.contains(etag):
        raise PreconditionFailed(
            "The MP3 is not the one that If-Match names. Download it anew.", headers={"ETag": f'"{etag}"'}
        )
    if not is_resource_modified(request.environ, etag=etag, last_modified=file.uploaded_at):
        return Response(status=304, headers=headers)
    part = _part(file, etag)
    start, stop = part or (0, file.length)
    headers["Content-Length"] = str(stop - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.length}"
    response = Response(status=206 if part else 200, headers=headers, mimetype="audio/mpeg")
    if request.method != "HEAD":
        chunks = store.mp3s.read(file, start, stop)
        # The first bytes are read before the status is sent: a database that is down is a 503, not a torn download.
        response.response = chain([next(chunks, b"")], chunks)
        response.call_on_close(chunks.close)
    return response


def _part(file: StoredFile, etag: str) -> tuple[int, int] | None:
    """The bytes that are asked for, None for all; only GET has ranges (RFC 9110 section 14.2)."""
    if request.method != "GET" or not _same_version(file, etag):
        return None
    return ranges.requested(request.headers.get("Range"), file.length)


def _same_version(file: StoredFile, etag: str) -> bool:
    """Whether `If-Range`, if there is one, names this file; weak validators name none (section 13.1.5)."""
    condition = request.if_range
    if condition.etag is not None:
        return condition.etag == etag and not request.headers["If-Range"].strip().startswith("W/")
    return condition.date is None or condition.date == file.uploaded_at


def content_disposition(filename: str) -> str:
    """An attachment with that name, safe for every name (RFC 6266: a plain form, and UTF-8 by RFC 5987)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\/;%' else "_" for c in filename)
    name = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
