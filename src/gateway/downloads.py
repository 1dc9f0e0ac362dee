"""`GET /download`: the MP3, with byte ranges, for its owner or with a signed link; `GET /jobs/<fid>/link` signs one.

A link that does not work leads a browser to the page, which explains it and leads to the job; programs get the error.
"""

import re
from itertools import chain
from urllib.parse import quote

from bson import ObjectId
from flask import Blueprint, Response, after_this_request, jsonify, request
from werkzeug.http import is_resource_modified

from common.domain.download_links import DownloadLinks
from common.domain.job_repository import Jobs
from common.domain.owners import Owner
from common.domain.scopes import Scope
from common.errors import (
    BadRequest,
    Conflict,
    NotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
    RejectedError,
    Unauthorized,
)
from common.http.app import prefers_html
from common.http.identity import Identity
from common.http.validation import object_id
from common.runtime.concurrency_limiter import ConcurrencyLimiter
from common.storage.bucket import StoredFile
from gateway.jobs.store import Store

_RANGE = re.compile(r"([0-9]*)[ \t]*-[ \t]*([0-9]*)")


def blueprint(identity: Identity, store: Store, links: DownloadLinks, transfers: ConcurrencyLimiter) -> Blueprint:
    routes = Blueprint("downloads", __name__)

    @routes.get("/download")
    def download() -> Response:
        try:
            file, account = requested(request.args.get("fid", ""), request.args.get("token"))
        except (BadRequest, Unauthorized, NotFound) as error:
            after_this_request(_varies_by_accept)
            if "Authorization" in request.headers or not prefers_html(request.headers.get("Accept", "")):
                raise
            return _page_about(error, store.jobs)
        return _send_limited(file, account, store, transfers)

    def requested(fid: str, token: str | None) -> tuple[StoredFile, str]:
        """The file, and the account whose transfer this is: that of the caller, or with a link that of the file."""
        owner = identity.owner(Scope.READ) if token is None else None
        mp3_fid = object_id(fid)
        if token is not None and not links.allows(token, str(mp3_fid)):
            raise Unauthorized(
                "The link is not valid or has expired. Sign in to download the MP3.", code="invalid_link"
            )
        file = store.mp3s.find(mp3_fid)
        if file is None or (owner is not None and not _owns(owner, file)):
            raise NotFound("MP3 not found. Its id is in the email and in GET /jobs.")
        return file, owner.key if owner else str(file.metadata.get("account") or file.metadata.get("username"))

    @routes.get("/jobs/<fid>/link")
    def link(fid: str) -> Response:
        owner = identity.owner(Scope.READ)
        job = store.owned(object_id(fid, "The job's id"), owner)
        if job.mp3_fid is None:
            raise Conflict(
                "There is no MP3 yet. Wait until the job is completed: GET /jobs/<id>.", code="not_completed"
            )
        return jsonify(url=links.url(str(job.mp3_fid)))

    return routes


def _owns(owner: Owner, mp3: StoredFile) -> bool:
    # A converter of an earlier release may have made the MP3 of an old video: the video's id is that of the job.
    video_fid = mp3.metadata.get("video_fid")
    record = video_fid if isinstance(video_fid, ObjectId) else mp3.id
    return owner.owns(record, mp3.metadata.get("account"), mp3.metadata.get("username"))


def _page_about(error: RejectedError, jobs: Jobs) -> Response:
    """Leads to the page of the MP3's job if it is known. The address has a code, never the token of the link."""
    fid = request.args.get("fid", "")
    job = jobs.with_mp3(ObjectId(fid)) if ObjectId.is_valid(fid) else None
    code = error.code if isinstance(error, NotFound) else "invalid_link"
    place = f"jobs/{job.video_fid}" if job else ""
    # Relative, so that it works behind any proxy.
    return Response(status=303, headers={"Location": f"/app/{place}?link={code}", "Cache-Control": "no-store"})


def _varies_by_accept(response: Response) -> Response:
    response.vary.add("Accept")
    return response


def _send_limited(file: StoredFile, account: str, store: Store, transfers: ConcurrencyLimiter) -> Response:
    if request.method == "HEAD":
        return _send(file, store)
    release = transfers.acquire(account)
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
        # For the owner's browser, not for shared caches.
        "Cache-Control": "private, no-cache",
    }
    if request.if_match and not request.if_match.contains(etag):
        raise PreconditionFailed(
            "The MP3 is not the one that If-Match names. Download the current one.", headers={"ETag": f'"{etag}"'}
        )
    if not is_resource_modified(request.environ, etag=etag, last_modified=file.uploaded_at):
        return Response(status=304, headers=headers)
    # Only GET has ranges (RFC 9110 section 14.2).
    ranged = request.method == "GET" and _same_version(file, etag)
    part = byte_range(request.headers.get("Range"), file.length) if ranged else None
    start, stop = part or (0, file.length)
    headers["Content-Length"] = str(stop - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{file.length}"
    response = Response(status=206 if part else 200, headers=headers, mimetype="audio/mpeg")
    if request.method != "HEAD":
        chunks = store.mp3s.read(file, start, stop)
        # The first bytes are read before the status is sent, so that a failure of MongoDB becomes a 503.
        response.response = chain([next(chunks, b"")], chunks)
        response.call_on_close(chunks.close)
    return response


def byte_range(header: str | None, length: int) -> tuple[int, int] | None:
    """The bytes that `Range` requests, from and up to (exclusive); None when the whole file is to be sent.

    That is without the header, for other units than bytes, and for invalid or several ranges, which RFC 9110 section
    14.2 allows a server to ignore. Raises RangeNotSatisfiable when the file has none of the bytes.
    """
    unit, _, ranges = (header or "").partition("=")
    if unit.strip(" \t").lower() != "bytes":
        return None
    found = [_bounds(spec, length) for spec in (part.strip(" \t") for part in ranges.split(",")) if spec]
    if not found or None in found:
        return None
    satisfiable = [(start, stop) for start, stop in filter(None, found) if start < stop]
    if not satisfiable:
        raise RangeNotSatisfiable(f"The file has {length} bytes.", headers={"Content-Range": f"bytes */{length}"})
    return satisfiable[0] if len(satisfiable) == 1 else None


def _bounds(spec: str, length: int) -> tuple[int, int] | None:
    """The start and the end of a range; None when it is invalid, empty when it is unsatisfiable."""
    match = _RANGE.fullmatch(spec)
    if match is None or spec == "-":
        return None
    first, last = (_number(digits) for digits in match.groups())
    if not match[1]:
        return max(0, length - last), length
    if not match[2]:
        return first, length
    return None if last < first else (first, min(last + 1, length))


def _number(digits: str) -> int:
    # A number with more than 18 digits is larger than any file.
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= 18 else 10**18


def _same_version(file: StoredFile, etag: str) -> bool:
    """Whether `If-Range`, if present, names this file; weak validators never match (section 13.1.5)."""
    condition = request.if_range
    if condition.etag is not None:
        return condition.etag == etag and not request.headers["If-Range"].strip().startswith("W/")
    return condition.date is None or condition.date == file.uploaded_at


def content_disposition(filename: str) -> str:
    """For an attachment with any name (RFC 6266: an ASCII fallback, and UTF-8 by RFC 5987)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\/;%' else "_" for c in filename)
    name = "".join(c if c.isprintable() and c not in "/\\" else "_" for c in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"
