"""The part of the OpenAPI document for resumable uploads (tus 1.0.0)."""

from typing import Any

from gateway.openapi.parts import authorized, header, of_file

_BODY = "application/offset+octet-stream"
_NUMBER = {"type": "integer", "minimum": 0}
_ONE = "$URL/files/<video_fid>"


def paths() -> dict[str, Any]:
    part = {"required": False, "content": {_BODY: {"schema": {"type": "string", "format": "binary"}}}}
    checksum = header("Upload-Checksum", {"type": "string"}, "sha1, sha256 or md5 and the digest in base64")
    versions = _empty("Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm")
    capabilities = {
        "summary": "Show the supported versions of tus",
        "x-curl": "curl -i -X OPTIONS $URL/files",
        "responses": {"204": versions},
    }
    head = _operation(
        "Get the offset of an upload",
        f"-I {_ONE}",
        {200: _empty("Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Expires")},
        (400, 404, 410, 423),
    )
    for response in head["responses"].values():
        # Answers to HEAD have no body.
        response.pop("content", None)
    return {
        "/files": {
            "options": capabilities,
            "post": _operation(
                "Create a resumable upload; Location is its address, and its id is the id of the job",
                "-i -X POST -H 'Upload-Length: 1000' -H \"Upload-Metadata: filename $(printf a.mp4 | base64)\""
                " $URL/files",
                {201: _empty("Location", "Upload-Offset", "Upload-Expires")},
                (400, 408, 409, 410, 413, 415, 422, 423, 429, 460),
                _needed("Upload-Length", {"type": "integer", "minimum": 1}),
                _needed("Upload-Metadata", {"type": "string"},
                        "filename, conversion options, sound_only with original_size, original_start and"
                        " original_duration, and the client's own keys, each with its value in base64"),
                checksum,
                requestBody=part,
            ),
        },
        "/files/{video_fid}": of_file(
            "video_fid",
            options=capabilities,
            head=head,
            patch=_operation(
                "Send the next bytes",
                f"-i -X PATCH -H 'Content-Type: {_BODY}' -H 'Upload-Offset: 0' --data-binary @part {_ONE}",
                {204: _empty("Upload-Offset", "Upload-Expires")},
                (400, 404, 408, 409, 410, 413, 415, 423, 429, 460),
                _needed("Upload-Offset", _NUMBER),
                checksum,
                requestBody=part,
            ),
            delete=_operation(
                "Delete an upload, and the job of a complete upload", f"-X DELETE {_ONE}",
                {204: _empty()}, (400, 404, 410, 423),
            ),
            post=_operation(
                "PATCH, HEAD or DELETE for clients that can only POST",
                f"-X POST -H 'X-HTTP-Method-Override: DELETE' {_ONE}",
                {200: _empty("Upload-Offset", "Upload-Length"), 204: _empty("Upload-Offset")},
                (400, 404, 408, 409, 410, 413, 415, 423, 429, 460),
                _needed("X-HTTP-Method-Override", {"enum": ["PATCH", "HEAD", "DELETE"]}),
            ),
        ),
    }  # fmt: skip


def _operation(
    summary: str, curl: str, answers: dict[int, Any], errors: tuple[int, ...], *parameters: dict[str, Any], **more: Any
) -> dict[str, Any]:
    version = _needed("Tus-Resumable", {"const": "1.0.0"})
    example = f"-H 'Tus-Resumable: 1.0.0' {curl}"
    return authorized(summary, example, answers, (*errors, 412), parameters=[version, *parameters], **more)


def _needed(name: str, schema: dict[str, Any], description: str = "") -> dict[str, Any]:
    return header(name, schema, description, required=True)


def _empty(*headers: str) -> dict[str, Any]:
    return {"description": "No body", "headers": {name: {"schema": {"type": "string"}} for name in headers}}
