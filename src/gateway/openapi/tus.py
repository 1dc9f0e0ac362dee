"""The part of the OpenAPI document for resumable uploads (tus 1.0.0)."""

from functools import partial
from typing import Any

from gateway.openapi.parts import BEARER, ERRORS, header, operation

_BODY = "application/offset+octet-stream"
_NUMBER = {"type": "integer", "minimum": 0}
_CURL = "curl -H \"Authorization: Bearer $TOKEN\" -H 'Tus-Resumable: 1.0.0'"
_ONE = "$URL/files/<video_fid>"
_needed = partial(header, required=True)


def paths() -> dict[str, Any]:
    one = {
        "name": "video_fid",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-f]{24}$"},
    }
    bytes_ = {"required": False, "content": {_BODY: {"schema": {"type": "string", "format": "binary"}}}}
    capabilities = operation(
        "Show the supported versions of tus",
        "curl -i -X OPTIONS $URL/files",
        {204: _empty(*_CAPABILITIES)},
        (),
    )
    return {
        "/files": {
            "options": capabilities,
            "post": operation(
                "Create a resumable upload; Location is its address, and its id is the id of the job",
                f"{_CURL} -i -X POST -H 'Upload-Length: 1000' -H \"Upload-Metadata: filename $(printf a.mp4 | base64)\""
                " $URL/files",
                {201: _empty("Location", "Upload-Offset", "Upload-Expires")},
                (400, 401, 408, 409, 410, 412, 413, 415, 422, 423, 429, 460, 503),
                security=BEARER, requestBody=bytes_,
                parameters=[
                    _needed("Tus-Resumable", {"const": "1.0.0"}),
                    _needed("Upload-Length", {"type": "integer", "minimum": 1}),
                    _needed("Upload-Metadata", {"type": "string"},
                            "filename, conversion options and the client's own keys, each with its value in base64"),
                    _CHECKSUM,
                ],
            ),
        },
        "/files/{video_fid}": {
            "parameters": [one],
            "options": capabilities,
            "head": operation(
                "Get the offset of an upload", f"{_CURL} -I {_ONE}",
                {200: _empty("Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Expires"),
                 **{status: {"description": ERRORS[status]} for status in (400, 401, 404, 410, 412, 423, 503)}}, (),
                security=BEARER, parameters=[_needed("Tus-Resumable", {"const": "1.0.0"})],
            ),
            "patch": operation(
                "Send the next bytes",
                f"{_CURL} -i -X PATCH -H 'Content-Type: {_BODY}' -H 'Upload-Offset: 0' --data-binary @part {_ONE}",
                {204: _empty("Upload-Offset", "Upload-Expires")},
                (400, 401, 404, 408, 409, 410, 412, 413, 415, 423, 429, 460, 503),
                security=BEARER, requestBody=bytes_,
                parameters=[
                    _needed("Tus-Resumable", {"const": "1.0.0"}),
                    _needed("Upload-Offset", _NUMBER),
                    _CHECKSUM,
                ],
            ),
            "delete": operation(
                "Delete an upload, and the job of a complete upload", f"{_CURL} -X DELETE {_ONE}",
                {204: _empty()}, (400, 401, 404, 410, 412, 423, 503), security=BEARER,
                parameters=[_needed("Tus-Resumable", {"const": "1.0.0"})],
            ),
            "post": operation(
                "PATCH, HEAD or DELETE for clients that can only POST",
                f"{_CURL} -X POST -H 'X-HTTP-Method-Override: DELETE' {_ONE}",
                {200: _empty("Upload-Offset", "Upload-Length"), 204: _empty("Upload-Offset")},
                (400, 401, 404, 408, 409, 410, 412, 413, 415, 423, 429, 460, 503), security=BEARER,
                parameters=[
                    _needed("Tus-Resumable", {"const": "1.0.0"}),
                    _needed("X-HTTP-Method-Override", {"enum": ["PATCH", "HEAD", "DELETE"]}),
                ],
            ),
        },
    }  # fmt: skip


_CAPABILITIES = ("Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm")


_DIGEST = "sha1, sha256 or md5 and the digest in base64"


def _empty(*headers: str) -> dict[str, Any]:
    return {
        "description": "No body",
        "headers": {name: {"schema": {"type": "string"}} for name in headers},
    }


_CHECKSUM = header("Upload-Checksum", {"type": "string"}, _DIGEST)
