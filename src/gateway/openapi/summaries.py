"""The part of the OpenAPI document for summaries and transcripts."""

from typing import Any

from common.domain.summaries import Stage
from gateway.openapi.parts import BEARER, FID, answer, body, failure, object_of, operation, query, ref

_SUMMARY = ref("Summary")
_CURL = 'curl -H "Authorization: Bearer $TOKEN"'


def paths() -> dict[str, Any]:
    return {
        "/summaries": {
            "post": operation(
                "Summarise a file or a text, if a provider is configured",
                f"{_CURL} -H 'Content-Type: application/json' -d '{{\"file_id\": \"<mp3_fid>\"}}' $URL/summaries",
                {
                    200: answer("The existing summary of the file", _SUMMARY),
                    201: answer("The summary of a short text", _SUMMARY),
                    202: answer("The summary, queued; Location is its address", _SUMMARY),
                },
                (400, 401, 404, 408, 409, 411, 413, 415, 422, 429, 503), security=BEARER,
                requestBody=body("application/json", object_of(
                    {"file_id": FID, "text": {"type": "string"}, "filename": {"type": "string"}}, [])),
            ),
            "get": operation(
                "List the summaries, newest first", f"{_CURL} $URL/summaries",
                {200: answer("A page", ref("SummaryPage"))},
                (400, 401, 404, 503), security=BEARER,
                parameters=[query("file_id", FID), query("before", FID),
                            query("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50})],
            ),
        },
        "/summaries/{summary_id}": {
            "parameters": [{"name": "summary_id", "in": "path", "required": True, "schema": FID}],
            "get": operation(
                "Show a summary", f"{_CURL} $URL/summaries/<id>",
                {200: answer("The summary", _SUMMARY)}, (400, 401, 404, 503), security=BEARER),
            "delete": operation(
                "Delete a summary; the transcript stays with its file", f"{_CURL} -X DELETE $URL/summaries/<id>",
                {204: {"description": "The summary was deleted"}}, (400, 401, 404, 503), security=BEARER),
        },
        "/transcripts/{file_id}": {
            "parameters": [{"name": "file_id", "in": "path", "required": True, "schema": FID}],
            "get": operation(
                "Get a transcript", f"{_CURL} \"$URL/transcripts/<mp3_fid>?format=srt\"",
                {200: _transcript()}, (400, 401, 404, 503), security=BEARER,
                parameters=[query("format", {"enum": ["text", "srt", "vtt"], "default": "text"})]),
        },
    }  # fmt: skip


def schemas() -> dict[str, Any]:
    """The schemas `Summary` and `SummaryPage`."""
    page = {
        "summaries": {"type": "array", "items": _SUMMARY},
        "next": {"type": ["string", "null"]},
        "available": {"type": "boolean", "description": "Whether this server can make new summaries"},
    }
    return {"Summary": _summary(), "SummaryPage": object_of(page, list(page))}


def _summary() -> dict[str, Any]:
    moment, nullable = {"type": "string", "format": "date-time"}, {"type": ["string", "null"]}
    properties = {
        "_id": FID,
        "file_id": nullable,
        "mp3_fid": nullable,
        "filename": nullable,
        "status": {"enum": [stage.value for stage in Stage]},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        "summary": nullable,
        "category": nullable,
        "context_truncated": {
            "type": "boolean",
            "description": "Whether parts of a very long text were left out",
        },
        "error": nullable,
        "error_code": failure(),
        "created_at": moment,
        "updated_at": moment,
    }
    return object_of(properties, list(properties))


def _transcript() -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    kinds = ("text/plain", "application/x-subrip", "text/vtt")
    return {"description": "As text, SRT or WebVTT", "content": dict.fromkeys(kinds, text)}
