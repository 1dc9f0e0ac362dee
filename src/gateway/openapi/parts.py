"""Building blocks of the OpenAPI document."""

from typing import Any

from common.domain.scopes import Scope

ERRORS = {
    400: "The request is malformed",
    401: "The token, API key, password or link is missing, invalid or expired",
    403: "The account or the API key may not do this; the code says why",
    404: "It does not exist, or belongs to another user",
    408: "The upload timed out: the client sent data too slowly",
    409: "The current state does not allow the request; the error says why",
    410: "The upload has expired",
    411: "The request has no Content-Length",
    412: "The request is for another version of the tus protocol (see Tus-Version) or of the file (If-Match)",
    413: "The body is too large, or the account stores too much",
    415: "The type of the body is not supported",
    416: "The file does not have the requested range",
    422: "The value of a field is invalid; the error names the field",
    423: "Another request is writing to this upload",
    429: "Too many attempts or concurrent transfers, or a quota is exceeded; wait as long as Retry-After says",
    460: "The body does not match its checksum",
    503: "A dependency is unavailable; try again in a few seconds",
}
BEARER: list[dict[str, list[str]]] = [{"token": []}, {"api_key": []}]
# Operations that no API key may use.
SESSION: list[dict[str, list[str]]] = [{"token": []}]
KEY_SCOPE = {"enum": [scope.value for scope in Scope if scope is not Scope.SESSION]}
FID = {"type": "string", "pattern": "^[0-9a-fA-F]{24}$", "description": "A file's id"}


def operation(
    summary: str, curl: str, answers: dict[int, Any], errors: tuple[int, ...] = (), **more: Any
) -> dict[str, Any]:
    """An operation with an example for curl; `errors` are the statuses of its error responses besides 503."""
    refusals = {status: answer(ERRORS[status], ref("Error")) for status in (*errors, 503)}
    responses = {str(status): answer for status, answer in {**answers, **refusals}.items()}
    return {"summary": summary, "x-curl": curl, "responses": responses, **more}


def authorized(
    summary: str, curl: str, answers: dict[int, Any], errors: tuple[int, ...] = (), **more: Any
) -> dict[str, Any]:
    """An operation that needs a token or an API key: it can also answer 401, and 403 if it may not do this.

    `curl` is what follows the token in the example.
    """
    example = f'curl -H "Authorization: Bearer $TOKEN" {curl}'
    return operation(summary, example, answers, tuple(sorted({401, 403, *errors})), **{"security": BEARER, **more})


def of_file(name: str, **operations: dict[str, Any]) -> dict[str, Any]:
    """The operations of a path that has a file's id as its parameter `name`."""
    return {"parameters": [{"name": name, "in": "path", "required": True, "schema": FID}], **operations}


def answer(description: str, schema: dict[str, Any], media: str = "application/json") -> dict[str, Any]:
    return {"description": description, "content": {media: {"schema": schema}}}


def body(media: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {media: {"schema": schema}}}


def query(name: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "schema": schema}


def header(name: str, schema: dict[str, Any], description: str = "", *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": schema, "description": description}


def object_of(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    """An object of which all properties are required, unless `required` names some."""
    return {"type": "object", "properties": properties, "required": list(properties) if required is None else required}


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
