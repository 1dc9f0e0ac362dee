"""What the paths of the OpenAPI document are made of."""

from typing import Any

from common.errors import Failure

ERRORS = {
    400: "The request cannot be understood",
    401: "The token, password or link is missing, wrong or expired",
    404: "It does not exist, or belongs to somebody else",
    408: "The upload came too slowly",
    409: "The state of the thing does not allow it; the error says why",
    410: "The upload has expired",
    411: "The body has no length",
    412: "Another version, of the tus protocol (Tus-Version names ours) or of the file (If-Match)",
    413: "The body is too large",
    415: "The body is of the wrong type",
    416: "The file has no such bytes",
    422: "A field's value is not acceptable; the error names it",
    423: "Another request is sending this upload",
    429: "Too many attempts, or too many transfers at the same time; Retry-After says how long to wait",
    460: "The bytes are not those of the checksum",
    503: "A dependency is down; try again in a few seconds",
}
BEARER: list[dict[str, list[str]]] = [{"token": []}]
FID = {"type": "string", "pattern": "^[0-9a-fA-F]{24}$", "description": "A file's id"}


def operation(summary: str, curl: str, answers: dict[int, Any], errors: tuple[int, ...], **more: Any) -> dict[str, Any]:
    """An operation with a curl line; `errors` are the statuses of its refusals."""
    refusals = {status: answer(ERRORS[status], {"$ref": "#/components/schemas/Error"}) for status in errors}
    return {
        "summary": summary,
        "x-curl": curl,
        "responses": {str(status): answer for status, answer in {**answers, **refusals}.items()},
        **more,
    }


def answer(description: str, schema: dict[str, Any], media: str = "application/json") -> dict[str, Any]:
    """An answer with a body."""
    return {"description": description, "content": {media: {"schema": schema}}}


def body(media: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A request's body."""
    return {"required": True, "content": {media: {"schema": schema}}}


def query(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    """A parameter of the query string."""
    return {"name": name, "in": "query", "required": required, "schema": schema}


def header(name: str, schema: dict[str, Any], description: str = "", *, required: bool = False) -> dict[str, Any]:
    """A header of the request."""
    return {"name": name, "in": "header", "required": required, "schema": schema, "description": description}


def object_of(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    """The schema of an object."""
    return {"type": "object", "properties": properties, "required": required}


def error() -> dict[str, Any]:
    """The body of every error."""
    code = {"type": "string", "description": "Stable: what a program should branch on", "examples": ["invalid_token"]}
    return object_of({"error": {"type": "string", "description": "What is wrong and what to do"}, "code": code},
                     ["error", "code"])  # fmt: skip


def failure() -> dict[str, Any]:
    """Why a job or a summary failed."""
    return {"enum": [*(each.value for each in Failure), None], "description": "Stable; null unless it failed"}
