"""Routes of `/summaries`, and of `/transcripts/<file_id>` as text, SRT or WebVTT."""

from bson import ObjectId
from flask import Blueprint, Response, jsonify, request, url_for

from common.domain.jobs import Job
from common.domain.scopes import Scope
from common.domain.summaries import Summary
from common.domain.transcripts import Transcripts
from common.errors import BadRequest, NotFound
from common.http.identity import Identity
from common.http.validation import object_id, query_integer
from summary.api import subtitles
from summary.api.summary_requests import SummaryRequest, SummaryRequests, job_of_file

_DEFAULT_PAGE = 50
_MAX_PAGE = 200

# Format of a transcript in the query string → media type and writer.
_FORMATS = {
    "text": ("text/plain", subtitles.text),
    "srt": ("application/x-subrip", subtitles.srt),
    "vtt": ("text/vtt", subtitles.webvtt),
}


def blueprint(identity: Identity, requests: SummaryRequests, transcripts: Transcripts) -> Blueprint:
    routes = Blueprint("summaries", __name__)
    settings, summaries = requests.settings, requests.summaries

    def owned(summary_id: str, scope: Scope) -> Summary:
        owner = identity.owner(scope)
        found = summaries.owned(object_id(summary_id, "The id of the summary"), owner)
        if found is None:
            raise NotFound("There is no such summary.")
        return found

    @routes.post("/summaries")
    def create() -> Response:
        owner = identity.owner(Scope.CONVERT)
        requests.check_configured()
        found, status = requests.handle(SummaryRequest.read(settings.max_text_mb), owner)
        response = jsonify(found.public())
        response.status_code = status
        response.headers["Location"] = url_for("summaries.show", summary_id=str(found.id))
        return response

    @routes.get("/summaries")
    def index() -> Response:
        owner = identity.owner(Scope.READ)
        limit = query_integer("limit", _DEFAULT_PAGE, 1, _MAX_PAGE)
        before, file_id = request.args.get("before"), request.args.get("file_id")
        video_fid: ObjectId | None = None
        if file_id is not None:
            video_fid = job_of_file(requests.jobs, object_id(file_id, "file_id"), owner).video_fid
        # One more than requested shows whether there is a next page.
        found = summaries.page(owner, limit + 1, object_id(before, "before") if before else None, video_fid)
        page, following = found[:limit], None
        if len(found) > limit:
            following = url_for("summaries.index", limit=limit, before=str(page[-1].id), file_id=file_id)
        return jsonify(summaries=[one.public() for one in page], next=following, available=not settings.missing)

    @routes.get("/summaries/<summary_id>")
    def show(summary_id: str) -> Response:
        return jsonify(owned(summary_id, Scope.READ).public())

    @routes.delete("/summaries/<summary_id>")
    def delete(summary_id: str) -> Response:
        summaries.delete(owned(summary_id, Scope.ALL).id)
        return Response(status=204)

    @routes.get("/transcripts/<file_id>")
    def transcript(file_id: str) -> Response:
        owner = identity.owner(Scope.READ)
        job = job_of_file(requests.jobs, object_id(file_id, "The id of the file"), owner)
        return _transcript(job, transcripts)

    return routes


def _transcript(job: Job, transcripts: Transcripts) -> Response:
    media, write = _FORMATS[_format()]
    found = transcripts.get(job.mp3_fid) if job.mp3_fid else None
    if found is None or not found.complete:
        raise NotFound("This file has no transcript yet. Request its summary first: POST /summaries.")
    return Response(write(found.segments), content_type=f"{media}; charset=utf-8")


def _format() -> str:
    """The format in the query string, or else in the Accept header."""
    name = request.args.get("format")
    if name is None:
        names = {media: name for name, (media, _) in _FORMATS.items()}
        return names[request.accept_mimetypes.best_match(list(names), default="text/plain")]
    if name not in _FORMATS:
        raise BadRequest(f"format must be one of {', '.join(_FORMATS)}.")
    return name
