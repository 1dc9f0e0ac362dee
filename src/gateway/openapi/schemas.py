"""The schemas of the OpenAPI document: jobs, summaries, conversion options and errors."""

from typing import Any

from common.domain import notes
from common.domain.jobs import Status
from common.domain.options import ConversionOptions
from common.domain.summaries import Stage
from common.errors import Failure
from gateway.openapi import admin
from gateway.openapi.parts import FID, KEY_SCOPE, object_of, ref

_NULLABLE = {"type": ["string", "null"]}
_MOMENT = {"type": "string", "format": "date-time"}
_PERCENT = {"type": "integer", "minimum": 0, "maximum": 100}
# Why a job or a summary failed.
_FAILURE = {"enum": [*(each.value for each in Failure), None], "description": "Stable; null unless it failed"}


def schemas() -> dict[str, Any]:
    page = {"jobs": {"type": "array", "items": ref("Job")}, "next": _NULLABLE}
    summaries = {
        "summaries": {"type": "array", "items": ref("Summary")},
        "next": _NULLABLE,
        "available": {"type": "boolean", "description": "Whether this server can make new summaries"},
    }
    code = {"type": "string", "description": "Stable; programs branch on it", "examples": ["invalid_token"]}
    return {
        "Account": _account(),
        "ApiKey": _api_key(),
        **admin.schemas(_usage()),
        "Info": _info(),
        "Job": _job(),
        "JobPage": object_of(page),
        "ConversionOptions": ConversionOptions.model_json_schema(),
        "Result": _result(),
        "Original": _original(),
        "Link": object_of({"url": {"type": "string", "format": "uri"}}),
        "Summary": _summary(),
        "SummaryPage": object_of(summaries),
        "Error": object_of({"error": {"type": "string", "description": "What is wrong and what to do"}, "code": code}),
    }


def _account() -> dict[str, Any]:
    emails = {"type": "boolean", "description": "Whether emails about ended jobs are sent"}
    verified = {"type": "boolean", "description": "Whether the address is confirmed"}
    return object_of({"email": {"type": "string"}, "emails": emails, "verified": verified, "usage": _usage()})


def _usage() -> dict[str, Any]:
    used = {"type": "integer", "minimum": 0}
    limit = {"type": ["integer", "null"], "minimum": 0, "description": "null: no limit"}
    usage = {
        "stored_bytes": "Videos, MP3s and unfinished uploads",
        "unfinished_uploads": "Resumable uploads that have not ended",
        "uploaded_bytes_today": "A day begins at 00:00 UTC",
        "conversions_today": "Uploads and retries",
        "seconds_of_sound_today": "Sound of the videos that were converted",
        "emails_this_hour": "Emails about ended jobs; further ones are sent in the next hour",
        "concurrent_jobs": "Jobs in the queue or in conversion; further ones wait",
    }
    counter = object_of({"used": used, "limit": limit})
    return object_of({name: {**counter, "description": text} for name, text in usage.items()})


def _api_key() -> dict[str, Any]:
    nullable_moment = {"type": ["string", "null"], "format": "date-time"}
    return object_of({
        "id": {"type": "string"},
        "name": {"type": "string"},
        "scope": KEY_SCOPE,
        "prefix": {"type": "string", "description": "The first characters of the key"},
        "created_at": _MOMENT,
        "expires_at": {**nullable_moment, "description": "null: it does not expire"},
        "last_used_at": {**nullable_moment, "description": "A minute may be missing; null: never"},
    })  # fmt: skip


def _info() -> dict[str, Any]:
    return object_of({
        "retention_days": {
            "type": ["integer", "null"], "minimum": 1,
            "description": "Days from the end of a job until it is deleted with its files; null: they are not deleted",
        },
        "keep_videos_days": {
            "type": "integer", "minimum": 0,
            "description": "Days after the end of a conversion until the video is deleted; the MP3 stays",
        },
        "max_upload_bytes": {"type": "integer", "minimum": 1, "description": "Maximum size of a video"},
        "link_lifetime_seconds": {
            "type": "integer", "minimum": 1, "description": "How long a download link works"
        },
        "single_sign_on": {
            "type": ["string", "null"],
            "description": "The name of the single sign-on provider (GET /oidc/login); null: there is none",
        },
    })  # fmt: skip


def _job() -> dict[str, Any]:
    return object_of(
        {
            "video_fid": FID,
            "filename": {"type": "string"},
            "status": {"enum": [status.value for status in Status if status is not Status.DELETED]},
            "progress": _PERCENT,
            "mp3_fid": _NULLABLE,
            "error": _NULLABLE,
            "error_code": _FAILURE,
            "options": ref("ConversionOptions"),
            "result": {
                "anyOf": [ref("Result"), {"type": "null"}],
                "description": "Properties of the MP3 `mp3_fid`; null if there is no MP3 or they were not recorded",
            },
            "original": {
                "anyOf": [ref("Original"), {"type": "null"}],
                "description": "The video of which only the sound was uploaded, as the client described it; else null",
            },
            "video_stored": {"type": "boolean", "description": "Whether the video can be converted again"},
            "keep": {"type": "boolean", "description": "Whether the MP3 is kept after `retention_days`"},
            "created_at": _MOMENT,
            "updated_at": _MOMENT,
        }
    )


def _original() -> dict[str, Any]:
    return object_of({
        "size": {"type": "integer", "minimum": 1, "description": "Bytes"},
        "duration": {"type": ["number", "null"], "description": "Seconds, if the video declares them"},
        "start": {"type": "number", "description": "The first time stamp of its pictures in seconds"},
    })  # fmt: skip


def _result() -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    note = object_of({"code": {"enum": sorted(notes.CODES)}, "text": {"type": "string"}})
    return object_of({
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
    })  # fmt: skip


def _summary() -> dict[str, Any]:
    return object_of(
        {
            "_id": FID,
            "file_id": _NULLABLE,
            "mp3_fid": _NULLABLE,
            "filename": _NULLABLE,
            "status": {"enum": [stage.value for stage in Stage]},
            "progress": _PERCENT,
            "summary": _NULLABLE,
            "category": _NULLABLE,
            "context_truncated": {"type": "boolean", "description": "Whether parts of a very long text were left out"},
            "error": _NULLABLE,
            "error_code": _FAILURE,
            "created_at": _MOMENT,
            "updated_at": _MOMENT,
        }
    )
