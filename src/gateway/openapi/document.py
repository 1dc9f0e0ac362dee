"""The OpenAPI 3.1 document of the API. src/web/src/api/schema.ts is generated from it (npm run types)."""

from functools import cache
from typing import Any

from common.domain import notes
from common.domain.jobs import Status
from common.domain.options import ConversionOptions
from gateway.openapi import summaries, tus
from gateway.openapi.parts import BEARER, FID, answer, body, error, failure, header, object_of, operation, query, ref

_JOB = ref("Job")
_OPTIONS = ref("ConversionOptions")


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
            },
            "schemas": {
                "Job": _job(),
                "JobPage": object_of(
                    {"jobs": {"type": "array", "items": _JOB}, "next": {"type": ["string", "null"]}}, ["jobs", "next"]
                ),
                "ConversionOptions": ConversionOptions.model_json_schema(),
                "Result": _result(),
                "Link": object_of({"url": {"type": "string", "format": "uri"}}, ["url"]),
                **summaries.schemas(),
                "Error": error(),
            },
        },
    }


def _paths() -> dict[str, Any]:
    return {
        "/register": {"post": operation(
            "Create an account", "curl -X POST $URL/register -H 'Content-Type: application/json' "
            "-d '{\"email\": \"you@example.com\", \"password\": \"…\"}'",
            {201: answer("The account was created", {"type": "object"})}, (400, 408, 409, 411, 413, 415, 422, 429, 503),
            requestBody=body("application/json", object_of(
                {"email": {"type": "string", "format": "email"}, "password": {"type": "string", "minLength": 8}},
                ["email", "password"])),
        )},
        "/login": {"post": operation(
            "Get a token", "TOKEN=$(curl -sf -u you@example.com -X POST $URL/login)",
            {200: answer("The token, valid for a day", {"type": "string"}, "text/plain")}, (401, 429, 503),
            security=[{"password": []}],
        )},
        "/upload": {"post": operation(
            "Convert a video", "curl -H \"Authorization: Bearer $TOKEN\" -F file=@video.mp4 $URL/upload",
            {
                200: answer("`success!`; Location leads to the job", {"type": "string"}, "text/plain"),
                202: answer("The job, for Accept: application/json", _JOB),
            },
            (400, 401, 408, 413, 415, 422, 429, 503), security=BEARER,
            requestBody=body("multipart/form-data", object_of(
                {"file": {"type": "string", "format": "binary"}, **ConversionOptions.model_json_schema()["properties"]},
                ["file"])),
        )},
        "/download": {"get": operation(
            "Get the MP3; Range, If-Range, If-Match and If-None-Match work",
            "curl -H \"Authorization: Bearer $TOKEN\" \"$URL/download?fid=<mp3_fid>\" -fOJ",
            {
                200: answer("The MP3", {"type": "string", "format": "binary"}, "audio/mpeg"),
                206: answer("The requested range", {"type": "string", "format": "binary"}, "audio/mpeg"),
                304: {"description": "The MP3 has not changed"},
            },
            (400, 401, 404, 412, 416, 429, 503), security=[*BEARER, {}],
            parameters=[query("fid", FID, required=True),
                        query("token", {"type": "string", "description": "The signed token of the link in the email"})],
        )},
        "/jobs": {"get": operation(
            "List the jobs, newest first", "curl -H \"Authorization: Bearer $TOKEN\" \"$URL/jobs?limit=10\"",
            {200: answer("A page of jobs; `next` is the address of the next page", ref("JobPage"))},
            (400, 401, 503), security=BEARER,
            parameters=[query("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}),
                        query("before", FID)],
        )},
        "/jobs/{video_fid}": {
            "parameters": [{"name": "video_fid", "in": "path", "required": True, "schema": FID}],
            "get": operation(
                "Show a job",
                "curl -H \"Authorization: Bearer $TOKEN\" $URL/jobs/<video_fid>",
                {200: answer("The job", _JOB)},
                (400, 401, 404, 503),
                security=BEARER,
            ),
            "delete": operation(
                "Delete a job, its video and its MP3",
                "curl -X DELETE -H \"Authorization: Bearer $TOKEN\" $URL/jobs/<video_fid>",
                {204: {"description": "The job was deleted"}}, (400, 401, 404, 503), security=BEARER),
        },
        "/jobs/{video_fid}/events": {
            "parameters": [{"name": "video_fid", "in": "path", "required": True, "schema": FID}],
            "get": operation(
                "Follow a job until it ends (Server-Sent Events)",
                "curl -N -H \"Authorization: Bearer $TOKEN\" $URL/jobs/<video_fid>/events",
                {200: answer("`event: job` with the job as JSON", {"type": "string"}, "text/event-stream")},
                (400, 401, 404, 429, 503), security=BEARER),
        },
        "/jobs/{video_fid}/link": {
            "parameters": [{"name": "video_fid", "in": "path", "required": True, "schema": FID}],
            "get": operation(
                "Get a link that plays and downloads the MP3 without a token, until it expires",
                "curl -H \"Authorization: Bearer $TOKEN\" $URL/jobs/<video_fid>/link",
                {200: answer("The link", ref("Link"))},
                (400, 401, 404, 409, 503), security=BEARER),
        },
        "/jobs/{video_fid}/retry": {
            "parameters": [{"name": "video_fid", "in": "path", "required": True, "schema": FID}],
            "post": operation(
                "Convert the video of a job that has ended again, with the options in the body if there are any",
                "curl -X POST -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' "
                "-d '{\"bitrate\": 128}' $URL/jobs/<video_fid>/retry",
                {202: answer("The job, queued", _JOB)}, (400, 401, 404, 408, 409, 411, 413, 415, 422, 503),
                security=BEARER, requestBody={**body("application/json", _OPTIONS), "required": False}),
        },
        "/jobs/{video_fid}/cancel": {
            "parameters": [{"name": "video_fid", "in": "path", "required": True, "schema": FID}],
            "post": operation(
                "Cancel a job that is queued or converting",
                "curl -X POST -H \"Authorization: Bearer $TOKEN\" $URL/jobs/<video_fid>/cancel",
                {202: answer("The job, failed with the error code `cancelled`", _JOB)}, (400, 401, 404, 409, 503),
                security=BEARER),
        },
        "/jobs/events": {"get": operation(
            "Follow all jobs (Server-Sent Events): those in progress, `ready`, then each change",
            "curl -N -H \"Authorization: Bearer $TOKEN\" $URL/jobs/events",
            {200: answer("`event: job` with a job as JSON; `event: deleted` with its video_fid; `event: ready`",
                          {"type": "string"}, "text/event-stream")},
            (401, 429, 503), security=BEARER,
            parameters=[header("Last-Event-ID", {"type": "string"}, "The id of an event: later changes are sent too")],
        )},
        **tus.paths(),
        "/healthz": {"get": operation(
            "Liveness probe", "curl $URL/healthz",
            {200: answer("The process is running", {"type": "object"})}, (503,))},
        "/readyz": {"get": operation(
            "Readiness probe", "curl $URL/readyz",
            {200: answer("The process can handle requests", {"type": "object"})}, (503,))},
        "/metrics": {"get": operation(
            "Metrics for Prometheus", "curl $URL/metrics", {200: answer("Metrics", {"type": "string"}, "text/plain")},
            (503,))},
        "/openapi.json": {"get": operation(
            "This document", "curl $URL/openapi.json", {200: answer("OpenAPI 3.1", {"type": "object"})}, (503,))},
        "/docs": {"get": operation(
            "This document as a page", "curl $URL/docs", {200: answer("A page", {"type": "string"}, "text/html")},
            (503,))},
        **summaries.paths(),
    }  # fmt: skip


def _job() -> dict[str, Any]:
    moment = {"type": "string", "format": "date-time"}
    nullable = {"type": ["string", "null"]}
    properties = {
        "video_fid": FID,
        "filename": {"type": "string"},
        "status": {"enum": [status.value for status in Status if status is not Status.DELETED]},
        "progress": {"type": "integer", "minimum": 0, "maximum": 100},
        "mp3_fid": nullable,
        "error": nullable,
        "error_code": failure(),
        "options": _OPTIONS,
        "result": {
            "anyOf": [ref("Result"), {"type": "null"}],
            "description": "Properties of the MP3 `mp3_fid`; null if there is no MP3 or they were not recorded",
        },
        "created_at": moment,
        "updated_at": moment,
    }
    return object_of(properties, list(properties))


def _result() -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    note = object_of({"code": {"enum": sorted(notes.CODES)}, "text": {"type": "string"}}, ["code", "text"])
    properties = {
        "duration": {"type": "number", "description": "Seconds"},
        "size": {**count, "description": "Size of the MP3 in bytes"},
        "bitrate": {**count, "description": "Constant or average bit rate in kbit/s"},
        "variable": {"type": "boolean", "description": "Whether the bit rate varies"},
        "quality": {"type": ["integer", "null"], "description": "The chosen quality of a variable bit rate"},
        "sample_rate": {**count, "description": "Hertz"},
        "channels": {"enum": [1, 2]},
        "video_size": {**count, "description": "Size of the video in bytes"},
        "notes": {
            "type": "array", "items": note,
            "description": "What is unusual about the MP3: a stable code, a text, and the values in it",
        },
    }  # fmt: skip
    return object_of(properties, list(properties))
