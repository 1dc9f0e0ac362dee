"""The OpenAPI 3.1 document of the API. src/web/src/api/schema.ts is generated from it (npm run types)."""

from functools import cache
from typing import Any

from common.domain.options import ConversionOptions
from gateway.openapi import account, admin, api_keys, single_sign_on, tus
from gateway.openapi.parts import (
    BEARER,
    FID,
    SESSION,
    answer,
    authorized,
    body,
    header,
    object_of,
    of_file,
    operation,
    query,
    ref,
)
from gateway.openapi.schemas import schemas

_JOB = ref("Job")
_SUMMARY = ref("Summary")
_PASSWORD = {"type": "string", "minLength": 8}


@cache
def document() -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Video2MP3",
            "version": "1",
            "description": "Upload a video, get an MP3 and an email when it is ready. Errors are JSON: {error, code}.",
        },
        "paths": _paths(),
        "components": {
            "securitySchemes": {
                "password": {"type": "http", "scheme": "basic"},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "api_key": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "v2m_…",
                    "description": "In place of the token. `read`: GET, but not API keys. `convert`: also uploads, "
                    "conversions and summaries. `all`: also deletions, settings and API keys. What needs a token only "
                    "concerns the account as a whole.",
                },
            },
            "schemas": schemas(),
        },
    }


def _paths() -> dict[str, Any]:
    transcript_types = ("text/plain", "application/x-subrip", "text/vtt")
    transcript = {
        "description": "As text, SRT or WebVTT",
        "content": {media: {"schema": {"type": "string"}} for media in transcript_types},
    }
    return {
        "/register": {"post": operation(
            "Create an account", "curl -X POST $URL/register -H 'Content-Type: application/json' "
            "-d '{\"email\": \"you@example.com\", \"password\": \"…\"}'",
            {201: answer(
                "The account was created, unless the address has one: the email that was sent says so",
                {"type": "object"},
            )}, (400, 408, 409, 411, 413, 415, 422, 429),
            requestBody=body("application/json", object_of({
                "email": {"type": "string", "format": "email"}, "password": {"type": "string", "minLength": 8},
            })),
        )},
        "/login": {"post": operation(
            "Get a token", "TOKEN=$(curl -sf -u you@example.com -X POST $URL/login)",
            {200: answer("The token, valid for a day", {"type": "string"}, "text/plain")}, (401, 403, 429),
            security=[{"password": []}],
        )},
        "/account": {
            "get": authorized("Show the account", "$URL/account", {200: answer("The account", ref("Account"))}),
            "patch": authorized(
                "Switch the emails about ended jobs off or on",
                "-X PATCH -H 'Content-Type: application/json' -d '{\"emails\": false}' $URL/account",
                {200: answer("The account", ref("Account"))}, (400, 408, 411, 413, 415, 422),
                requestBody=body("application/json", object_of({"emails": {"type": "boolean"}})),
            ),
            "delete": authorized(
                "Delete the account with all jobs, files and summaries",
                "-X DELETE -H 'Content-Type: application/json' -d '{\"password\": \"…\"}' $URL/account",
                {204: {"description": "The account was deleted"}}, (400, 403, 408, 409, 411, 413, 415, 422, 429),
                requestBody=body("application/json", object_of({"password": _PASSWORD})), security=SESSION,
            ),
        },
        **account.paths(),
        **api_keys.paths(),
        **single_sign_on.paths(),
        **admin.paths(),
        "/info": {"get": operation(
            "Get the limits of this server, without a token", "curl $URL/info",
            {200: answer("The limits", ref("Info"))},
        )},
        "/upload": {"post": authorized(
            "Convert a video", "-F file=@video.mp4 $URL/upload",
            {
                200: answer("`success!`; Location leads to the job", {"type": "string"}, "text/plain"),
                202: answer("The job, for Accept: application/json", _JOB),
            },
            (400, 408, 413, 415, 422, 429),
            requestBody=body("multipart/form-data", object_of(
                {"file": {"type": "string", "format": "binary"}, **ConversionOptions.model_json_schema()["properties"]},
                ["file"])),
        )},
        "/download": {"get": authorized(
            "Get the MP3; Range, If-Range, If-Match and If-None-Match work",
            "\"$URL/download?fid=<mp3_fid>\" -fOJ",
            {
                200: answer("The MP3", {"type": "string", "format": "binary"}, "audio/mpeg"),
                206: answer("The requested range", {"type": "string", "format": "binary"}, "audio/mpeg"),
                303: {"description": "The link does not work and Accept prefers text/html: Location is a page"},
                304: {"description": "The MP3 has not changed"},
            },
            (400, 404, 412, 416, 429), security=[*BEARER, {}],
            parameters=[query("fid", FID, required=True),
                        query("token", {"type": "string", "description": "The signed token of the link in the email"})],
        )},
        "/jobs": {"get": authorized(
            "List the jobs, newest first", "\"$URL/jobs?limit=10\"",
            {200: answer("A page of jobs; `next` is the address of the next page", ref("JobPage")),
             304: {"description": "The page has not changed since the ETag in If-None-Match"}}, (400,),
            parameters=[query("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}),
                        query("before", FID)],
        )},
        "/jobs/{video_fid}": of_file(
            "video_fid",
            get=authorized("Show a job", "$URL/jobs/<video_fid>", {200: answer("The job", _JOB)}, (400, 404)),
            patch=authorized(
                "Keep the MP3 of a job that has ended after `retention_days`, or no longer",
                "-X PATCH -H 'Content-Type: application/json' -d '{\"keep\": true}' $URL/jobs/<video_fid>",
                {200: answer("The job", _JOB)}, (400, 404, 408, 409, 411, 413, 415, 422),
                requestBody=body("application/json", object_of({"keep": {"type": "boolean"}}))),
            delete=authorized(
                "Delete a job, its video and its MP3", "-X DELETE $URL/jobs/<video_fid>",
                {204: {"description": "The job was deleted"}}, (400, 404)),
        ),
        "/jobs/{video_fid}/events": of_file("video_fid", get=authorized(
            "Follow a job until it ends (Server-Sent Events)", "-N $URL/jobs/<video_fid>/events",
            {200: answer("`event: job` with the job as JSON", {"type": "string"}, "text/event-stream")},
            (400, 404, 429),
        )),
        "/jobs/{video_fid}/link": of_file("video_fid", get=authorized(
            "Get a link that plays and downloads the MP3 without a token, until it expires",
            "$URL/jobs/<video_fid>/link", {200: answer("The link", ref("Link"))}, (400, 404, 409),
        )),
        "/jobs/{video_fid}/retry": of_file("video_fid", post=authorized(
            "Convert the video of a job that has ended again, with the options in the body if there are any",
            "-X POST -H 'Content-Type: application/json' -d '{\"bitrate\": 128}' $URL/jobs/<video_fid>/retry",
            {202: answer("The job, queued", _JOB)}, (400, 404, 408, 409, 411, 413, 415, 422, 429),
            requestBody={**body("application/json", ref("ConversionOptions")), "required": False},
        )),
        "/jobs/{video_fid}/cancel": of_file("video_fid", post=authorized(
            "Cancel a job that is queued or converting", "-X POST $URL/jobs/<video_fid>/cancel",
            {202: answer("The job, failed with the error code `cancelled`", _JOB)}, (400, 404, 409),
        )),
        "/jobs/events": {"get": authorized(
            "Follow all jobs (Server-Sent Events): those in progress, `ready`, then each change", "-N $URL/jobs/events",
            {200: answer("`event: job` with a job as JSON; `event: deleted` with its video_fid; `event: ready`",
                          {"type": "string"}, "text/event-stream")},
            (429,),
            parameters=[header("Last-Event-ID", {"type": "string"}, "The id of an event: later changes are sent too")],
        )},
        **tus.paths(),
        **{path: {"get": operation(summary, f"curl $URL{path}", {200: content})} for path, summary, content in (
            ("/healthz", "Liveness probe", answer("The process is running", {"type": "object"})),
            ("/openapi.json", "This document", answer("OpenAPI 3.1", {"type": "object"})),
            ("/docs", "This document as a page", answer("A page", {"type": "string"}, "text/html")),
        )},
        "/summaries": {
            "post": authorized(
                "Summarise a file or a text, if a provider is configured",
                "-H 'Content-Type: application/json' -d '{\"file_id\": \"<mp3_fid>\"}' $URL/summaries",
                {
                    200: answer("The existing summary of the file", _SUMMARY),
                    201: answer("The summary of a short text", _SUMMARY),
                    202: answer("The summary, queued; Location is its address", _SUMMARY),
                },
                (400, 404, 408, 409, 411, 413, 415, 422, 429),
                requestBody=body("application/json", object_of(
                    {"file_id": FID, "text": {"type": "string"}, "filename": {"type": "string"}}, [])),
            ),
            "get": authorized(
                "List the summaries, newest first", "$URL/summaries",
                {200: answer("A page", ref("SummaryPage"))}, (400, 404),
                parameters=[query("file_id", FID), query("before", FID),
                            query("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50})],
            ),
        },
        "/summaries/{summary_id}": of_file(
            "summary_id",
            get=authorized("Show a summary", "$URL/summaries/<id>", {200: answer("The summary", _SUMMARY)}, (400, 404)),
            delete=authorized(
                "Delete a summary; the transcript stays with its file", "-X DELETE $URL/summaries/<id>",
                {204: {"description": "The summary was deleted"}}, (400, 404)),
        ),
        "/transcripts/{file_id}": of_file("file_id", get=authorized(
            "Get a transcript", "\"$URL/transcripts/<mp3_fid>?format=srt\"", {200: transcript}, (400, 404),
            parameters=[query("format", {"enum": ["text", "srt", "vtt"], "default": "text"})],
        )),
    }  # fmt: skip
