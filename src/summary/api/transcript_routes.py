"""`GET /transcripts/<file_id>`: what is said in a recording, as text, SRT or WebVTT."""

from flask import Blueprint, Response, request

from common.domain.job_repository import Jobs
from common.domain.transcripts import Transcripts
from common.errors import BadRequest, NotFound
from common.http.identity import Identity
from common.http.validation import object_id
from summary.api import subtitles
from summary.api.recordings import job_of

# Name in the query string → media type and writer.
_FORMATS = {
    "text": ("text/plain", subtitles.text),
    "srt": ("application/x-subrip", subtitles.srt),
    "vtt": ("text/vtt", subtitles.webvtt),
}


def blueprint(identity: Identity, jobs: Jobs, transcripts: Transcripts) -> Blueprint:
    """Routes `/transcripts/<file_id>`."""
    routes = Blueprint("transcripts", __name__)

    @routes.get("/transcripts/<file_id>")
    def show(file_id: str) -> Response:
        username = identity.username()
        job = job_of(jobs, object_id(file_id, "The file's id"), username)
        name = _format()
        found = transcripts.get(job.mp3_fid) if job.mp3_fid else None
        if found is None or not found.complete:
            raise NotFound("There is no transcript of this file yet. POST /summaries with its file_id makes one.")
        media, write = _FORMATS[name]
        return Response(write(found.segments), content_type=f"{media}; charset=utf-8")

    return routes


def _format() -> str:
    """What the query string asks for, or else the Accept header."""
    name = request.args.get("format")
    if name is None:
        names = {media: name for name, (media, _) in _FORMATS.items()}
        return names[request.accept_mimetypes.best_match(list(names), default="text/plain")]
    if name not in _FORMATS:
        raise BadRequest(f"format must be one of {', '.join(_FORMATS)}.")
    return name
