"""Route of `/transcripts/<file_id>`: the transcript of a recording as text, SRT or WebVTT."""

from flask import Blueprint, Response, request

from common.domain.job_repository import Jobs
from common.domain.transcripts import Transcripts
from common.errors import BadRequest, NotFound
from common.http.identity import Identity
from common.http.validation import object_id
from summary.api import subtitles
from summary.api.summary_requests import job_of_file

# Name in the query string → media type and writer.
_FORMATS = {
    "text": ("text/plain", subtitles.text),
    "srt": ("application/x-subrip", subtitles.srt),
    "vtt": ("text/vtt", subtitles.webvtt),
}


def blueprint(identity: Identity, jobs: Jobs, transcripts: Transcripts) -> Blueprint:
    routes = Blueprint("transcripts", __name__)

    @routes.get("/transcripts/<file_id>")
    def show(file_id: str) -> Response:
        username = identity.username()
        job = job_of_file(jobs, object_id(file_id, "The id of the file"), username)
        name = _format()
        found = transcripts.get(job.mp3_fid) if job.mp3_fid else None
        if found is None or not found.complete:
            raise NotFound("This file has no transcript yet. Request its summary first: POST /summaries.")
        media, write = _FORMATS[name]
        return Response(write(found.segments), content_type=f"{media}; charset=utf-8")

    return routes


def _format() -> str:
    """The format in the query string, or else in the Accept header."""
    name = request.args.get("format")
    if name is None:
        names = {media: name for name, (media, _) in _FORMATS.items()}
        return names[request.accept_mimetypes.best_match(list(names), default="text/plain")]
    if name not in _FORMATS:
        raise BadRequest(f"format must be one of {', '.join(_FORMATS)}.")
    return name
