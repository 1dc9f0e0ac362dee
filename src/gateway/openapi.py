"""The API as an OpenAPI 3.1 document."""

from functools import cache
from typing import Any

from common.jobs import Status
from common.options import ConversionOptions
from common.summaries import Stage
from gateway import openapi_tus

_ERRORS = {
    400: "The request cannot be understood",
    401: "The token, password or link is missing, wrong or expired",
    404: "It does not exist, or belongs to somebody else",
    408: "The upload came too slowly",
    409: "The state of the thing does not allow it; the error says why",
    410: "The upload has expired",
    411: "The body has no length",
    412: "Another version of the tus protocol; Tus-Version names the one that is spoken",
    413: "The body is too large",
    415: "The body is of the wrong type",
    416: "The file has no such bytes",
    422: "A field's value is not acceptable; the error names it",
    423: "Another request is sending this upload",
    429: "Too many attempts; Retry-After says how long to wait",
    460: "The bytes are not those of the checksum",
    503: "A dependency is down; try again in a few seconds",
}
_FID = {"type": "string", "pattern": "^[0-9a-fA-F]{24}$", "description": "A file's id"}
_JOB = {"$ref": "#/components/schemas/Job"}
_BEARER: list[dict[str, list[str]]] = [{"token": []}]


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Video2MP3",
            "version": "1",
            "description": "Upload a video, get an MP3 and an email that says so. Every error is JSON: {error: …}.",
        },
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "password": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
            "schemas": {
                "Job": _job(),
                "Summary": _summary(),
                "Error": _object({"error": {"type": "string"}}, ["error"]),
            },
        },
    }


def _paths() -> dict[str, Any]:
    return {
        "/register": {"post": _operation(
            "Create an account", "curl -X POST $URL/register -H 'Content-Type: application/json' "
            "-d '{\"email\": \"you@example.com\", \"password\": \"…\"}'",
            {201: _answer("The account was created", {"type": "object"})}, (400, 409, 411, 413, 415, 422, 429, 503),
            requestBody=_body("application/json", _object(
                {"email": {"type": "string", "format": "email"}, "password": {"type": "string", "minLength": 8}},
                ["email", "password"])),
        )},
        "/login": {"post": _operation(
            "Get a token", "TOKEN=$(curl -sf -u you@example.com -X POST $URL/login)",
            {200: _answer("The token, valid for a day", {"type": "string"}, "text/plain")}, (401, 429, 503),
            security=[{"password": []}],
        )},
        "/upload": {"post": _operation(
            "Convert a video", "curl -H \"Authorization: Bearer $TOKEN\" -F file=@video.mp4 $URL/upload",
            {
                200: _answer("`success!`; Location leads to the job", {"type": "string"}, "text/plain"),
                202: _answer("The job, for Accept: application/json", _JOB),
            },
            (400, 401, 408, 413, 415, 422, 503), security=_BEARER,
            requestBody=_body("multipart/form-data", _object(
                {"file": {"type": "string", "format": "binary"}, **_options()["properties"]},
                ["file"])),
        )},
        "/download": {"get": _operation(
            "Get the MP3; Range, If-Range and If-None-Match work",
            "curl -H \"Authorization: Bearer $TOKEN\" \"$URL/download?fid=<mp3_fid>\" -fOJ",
            {
                200: _answer("The MP3", {"type": "string", "format": "binary"}, "audio/mpeg"),
                206: _answer("A part of it", {"type": "string", "format": "binary"}, "audio/mpeg"),
                304: {"description": "It did not change"},
            },
            (400, 401, 404, 416, 503), security=[*_BEARER, {}],
            parameters=[_query("fid", _FID, required=True),
                        _query("token", {"type": "string", "description": "The signed token of the email's link"})],
        )},
        "/jobs": {"get": _operation(
            "List the jobs, newest first", "curl -H \"Authorization: Bearer $TOKEN\" \"$URL/jobs?limit=10\"",
            {200: _answer("A page; `next` leads to the following one", _object({
                "jobs": {"type": "array", "items": _JOB},
                "next": {"type": ["string", "null"]}}, ["jobs", "next"]))},
            (400, 401, 503), security=_BEARER,
            parameters=[_query("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}),
                        _query("before", _FID)],
        )},
        "/jobs/{video_fid}": {
            "parameters": [{"name": "video_fid", "in": "path", "required": True, "schema": _FID}],
            "get": _operation(
                "Show a job",
                "curl -H \"Authorization: Bearer $TOKEN\" $URL/jobs/<video_fid>",
                {200: _answer("The job", _JOB)},
                (400, 401, 404, 503),
                security=_BEARER,
            ),
            "delete": _operation(
                "Delete a job, its video and its MP3",
                "curl -X DELETE -H \"Authorization: Bearer $TOKEN\" $URL/jobs/<video_fid>",
                {204: {"description": "It is gone"}}, (400, 401, 404, 503), security=_BEARER),
        },
        "/jobs/{video_fid}/events": {
            "parameters": [{"name": "video_fid", "in": "path", "required": True, "schema": _FID}],
            "get": _operation(
                "Follow a job until it ends (Server-Sent Events)",
                "curl -N -H \"Authorization: Bearer $TOKEN\" $URL/jobs/<video_fid>/events",
                {200: _answer("`event: job` with the job as JSON", {"type": "string"}, "text/event-stream")},
                (400, 401, 404, 503), security=_BEARER),
        },
        "/jobs/{video_fid}/link": {
            "parameters": [{"name": "video_fid", "in": "path", "required": True, "schema": _FID}],
            "get": _operation(
                "Get a link that plays and downloads the MP3 without a token, until it expires",
                "curl -H \"Authorization: Bearer $TOKEN\" $URL/jobs/<video_fid>/link",
                {200: _answer("The link", _object({"url": {"type": "string", "format": "uri"}}, ["url"]))},
                (400, 401, 404, 409, 503), security=_BEARER),
        },
        "/jobs/{video_fid}/retry": {
            "parameters": [{"name": "video_fid", "in": "path", "required": True, "schema": _FID}],
            "post": _operation(
                "Convert an ended job again, with other options if the body has some",
                "curl -X POST -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' "
                "-d '{\"bitrate\": 128}' $URL/jobs/<video_fid>/retry",
                {202: _answer("The job, queued", _JOB)}, (400, 401, 404, 409, 411, 413, 415, 422, 503),
                security=_BEARER, requestBody={**_body("application/json", _options()), "required": False}),
        },
        "/jobs/{video_fid}/cancel": {
            "parameters": [{"name": "video_fid", "in": "path", "required": True, "schema": _FID}],
            "post": _operation(
                "Stop a job that is queued or converting",
                "curl -X POST -H \"Authorization: Bearer $TOKEN\" $URL/jobs/<video_fid>/cancel",
                {202: _answer("The job, failed because it was cancelled", _JOB)}, (400, 401, 404, 409, 503),
                security=_BEARER),
        },
        "/jobs/events": {"get": _operation(
            "Follow all jobs (Server-Sent Events): those under way, `ready`, then each change",
            "curl -N -H \"Authorization: Bearer $TOKEN\" $URL/jobs/events",
            {200: _answer("`event: job` with a job as JSON; `event: deleted` with its video_fid; `event: ready`",
                          {"type": "string"}, "text/event-stream")},
            (401, 503), security=_BEARER,
            parameters=[_header("Last-Event-ID", {"type": "string"}, "An event's id: what changed since comes too")],
        )},
        **openapi_tus.paths(_operation, _ERRORS),
        "/healthz": {"get": _operation(
            "Whether the process lives", "curl $URL/healthz", {200: _answer("It does", {"type": "object"})}, (503,))},
        "/readyz": {"get": _operation(
            "Whether its dependencies answer", "curl $URL/readyz",
            {200: _answer("They do", {"type": "object"}), 503: _answer("One does not", {"type": "object"})}, ())},
        "/metrics": {"get": _operation(
            "For Prometheus", "curl $URL/metrics", {200: _answer("Metrics", {"type": "string"}, "text/plain")},
            (503,))},
        "/openapi.json": {"get": _operation(
            "This document", "curl $URL/openapi.json", {200: _answer("OpenAPI 3.1", {"type": "object"})}, (503,))},
        "/docs": {"get": _operation(
            "This document for people", "curl $URL/docs", {200: _answer("A page", {"type": "string"}, "text/html")},
            (503,))},
        **_summary_paths(),
    }  # fmt: skip


def _summary_paths() -> dict[str, Any]:
    summary = {"$ref": "#/components/schemas/Summary"}
    return {
        "/summaries": {
            "post": _operation(
                "Summarise a file or a text, where a provider is set up",
                "curl -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' "
                "-d '{\"file_id\": \"<mp3_fid>\"}' $URL/summaries",
                {
                    200: _answer("It has one already", summary), 201: _answer("A short text's", summary),
                    202: _answer("It will be made; Location leads to it", summary),
                },
                (400, 401, 404, 409, 411, 413, 415, 422, 503), security=_BEARER,
                requestBody=_body("application/json", _object(
                    {"file_id": _FID, "text": {"type": "string"}, "filename": {"type": "string"}}, [])),
            ),
            "get": _operation(
                "List the summaries, newest first", "curl -H \"Authorization: Bearer $TOKEN\" $URL/summaries",
                {200: _answer("A page; `available` says whether new ones can be made", _object({
                    "summaries": {"type": "array", "items": summary}, "next": {"type": ["string", "null"]},
                    "available": {"type": "boolean"}}, ["summaries", "next", "available"]))},
                (400, 401, 404, 503), security=_BEARER,
                parameters=[_query("file_id", _FID), _query("before", _FID),
                            _query("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50})],
            ),
        },
        "/summaries/{summary_id}": {
            "parameters": [{"name": "summary_id", "in": "path", "required": True, "schema": _FID}],
            "get": _operation(
                "Show a summary", "curl -H \"Authorization: Bearer $TOKEN\" $URL/summaries/<id>",
                {200: _answer("The summary", summary)}, (400, 401, 404, 503), security=_BEARER),
            "delete": _operation(
                "Delete a summary; the transcript stays with its file",
                "curl -X DELETE -H \"Authorization: Bearer $TOKEN\" $URL/summaries/<id>",
                {204: {"description": "It is gone"}}, (400, 401, 404, 503), security=_BEARER),
        },
        "/transcripts/{file_id}": {
            "parameters": [{"name": "file_id", "in": "path", "required": True, "schema": _FID}],
            "get": _operation(
                "Get a transcript",
                "curl -H \"Authorization: Bearer $TOKEN\" \"$URL/transcripts/<mp3_fid>?format=srt\"",
                {200: _answer("As text, SRT or WebVTT", {"type": "string"}, "text/plain")},
                (400, 401, 404, 503), security=_BEARER,
                parameters=[_query("format", {"enum": ["text", "srt", "vtt"], "default": "text"})]),
        },
    }  # fmt: skip


def _operation(
    summary: str, curl: str, answers: dict[int, Any], errors: tuple[int, ...], **more: Any
) -> dict[str, Any]:
    refusals = {status: _answer(_ERRORS[status], {"$ref": "#/components/schemas/Error"}) for status in errors}
    return {
        "summary": summary,
        "x-curl": curl,
        "responses": {str(status): answer for status, answer in {**answers, **refusals}.items()},
        **more,
    }


def _answer(description: str, schema: dict[str, Any], media: str = "application/json") -> dict[str, Any]:
    return {"description": description, "content": {media: {"schema": schema}}}


def _body(media: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {media: {"schema": schema}}}


def _query(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _header(name: str, schema: dict[str, Any], description: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": schema, "description": description}


def _options() -> dict[str, Any]:
    return ConversionOptions.model_json_schema()


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required}


def _summary() -> dict[str, Any]:
    moment, nullable = {"type": "string", "format": "date-time"}, {"type": ["string", "null"]}
    properties = {
        "_id": _FID,
        "file_id": nullable,
        "filename": nullable,
        "status": {"enum": [stage.value for stage in Stage]},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        "summary": nullable,
        "category": nullable,
        "context_truncated": {"type": "boolean", "description": "Whether something of a very long text was left out"},
        "error": nullable,
        "created_at": moment,
        "updated_at": moment,
    }
    return _object(properties, list(properties))


def _job() -> dict[str, Any]:
    moment = {"type": "string", "format": "date-time"}
    nullable = {"type": ["string", "null"]}
    properties = {
        "video_fid": _FID,
        "filename": {"type": "string"},
        "status": {"enum": [status.value for status in Status if status is not Status.DELETED]},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        "mp3_fid": nullable,
        "error": nullable,
        "options": _options(),
        "created_at": moment,
        "updated_at": moment,
    }
    return _object(properties, list(properties))
