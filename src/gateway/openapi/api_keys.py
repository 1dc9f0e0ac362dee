"""The paths with which API keys are managed."""

from typing import Any

from gateway.openapi.parts import KEY_SCOPE, SESSION, answer, authorized, body, object_of, ref

_NAME = {"type": "string", "minLength": 1, "maxLength": 100}
_DAYS = {"type": ["integer", "null"], "minimum": 1, "maximum": 3650, "description": "null: it does not expire"}
_CREATED = {"allOf": [ref("ApiKey"), object_of({"key": {"type": "string", "pattern": "^v2m_[0-9a-f]{64}$"}})]}


def paths() -> dict[str, Any]:
    keys = object_of({"keys": {"type": "array", "items": ref("ApiKey")}})
    new = object_of({"name": _NAME, "scope": KEY_SCOPE, "expires_in_days": _DAYS}, ["name", "scope"])
    return {
        "/account/keys": {
            "get": authorized("List the API keys, oldest first", "$URL/account/keys", {200: answer("The keys", keys)}),
            "post": authorized(
                "Create an API key, which is shown only in this response",
                "-X POST -H 'Content-Type: application/json' -d '{\"name\": \"backup\", \"scope\": \"read\"}' "
                "$URL/account/keys",
                {201: answer("The key", _CREATED)}, (400, 408, 409, 411, 413, 415, 422, 429),
                requestBody=body("application/json", new), security=SESSION,
            ),
        },
        "/account/keys/{key_id}": {
            "parameters": [{"name": "key_id", "in": "path", "required": True, "schema": {"type": "string"}}],
            "delete": authorized(
                "Revoke an API key: it ends within 10 seconds", "-X DELETE $URL/account/keys/<id>",
                {204: {"description": "The key was revoked"}}, (400, 404),
            ),
        },
    }  # fmt: skip
