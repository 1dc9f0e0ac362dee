"""The paths and schemas of `/admin`."""

from typing import Any

from gateway.administration.audit import Act, Outcome
from gateway.administration.quotas import NAMES
from gateway.openapi.parts import FID, SESSION, answer, authorized, body, object_of, query, ref

_TEXT = {"type": "string"}
_NULLABLE = {"type": ["string", "null"]}
_MOMENT = {"type": ["string", "null"], "format": "date-time"}
_COUNT = {"type": "integer", "minimum": 0}
_COUNTED = {"type": ["integer", "null"], "minimum": 0}
_LIMIT = query("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50})
_ACCOUNT = {"name": "account", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 64}}
_JSON = "-H 'Content-Type: application/json'"


def paths() -> dict[str, Any]:
    detail = {200: answer("The account", ref("AdminAccountDetail"))}
    return {
        "/admin/accounts": {"get": _administered(
            "List and search the accounts, in the order of their addresses (administrators)",
            "\"$URL/admin/accounts?query=ann\"",
            {200: answer("A page; `next` is the address of the next page", ref("AdminAccountPage"))}, (400, 429),
            parameters=[query("query", {**_TEXT, "description": "The beginning of the address, or the id"}),
                        query("after", {**_TEXT, "description": "An address"}), _LIMIT],
        )},
        "/admin/accounts/{account}": _of_account(get=_administered(
            "Show an account, its usage and quotas; ETag identifies the quotas (administrators)",
            "$URL/admin/accounts/<id>", detail, (404, 429),
        )),
        **{f"/admin/accounts/{{account}}/{act}": _of_account(post=_administered(
            text, f"-X POST $URL/admin/accounts/<id>/{act}", detail, (404, 409, 429),
        )) for act, text in (
            ("disable", "Disable an account: its tokens end within 10 seconds (administrators)"),
            ("enable", "Enable a disabled account: its owner can sign in again (administrators)"),
        )},
        "/admin/accounts/{account}/quotas": _of_account(put=_administered(
            "Replace the account's own quotas; what is null or missing is the default (administrators)",
            f"-X PUT {_JSON} -d '{{\"stored_bytes\": 1000000000}}' $URL/admin/accounts/<id>/quotas",
            detail, (400, 404, 409, 411, 412, 413, 415, 422, 429),
            requestBody=body("application/json", object_of(_quotas()["properties"], [])),
        )),
        "/admin/status": {"get": _administered(
            "Show the state of the system (administrators)", "$URL/admin/status",
            {200: answer("The state; what a server that is down would say is null", ref("SystemStatus"))},
        )},
        "/admin/audit": {"get": _administered(
            "List the acts of administrators and of commands, newest first (administrators)", "$URL/admin/audit",
            {200: answer("A page; `next` is the address of the next page", ref("AuditPage"))}, (400,),
            parameters=[query("account", {**_TEXT, "description": "The id of an account: only acts on it"}),
                        query("after", FID), _LIMIT],
        )},
    }  # fmt: skip


def schemas(usage: dict[str, Any]) -> dict[str, Any]:
    """`usage` is that of an account."""
    account = {
        "id": _TEXT, "email": _TEXT, "verified": {"type": "boolean"}, "disabled": {"type": "boolean"},
        "admin": {"type": "boolean", "description": "Whether the address is in ADMIN_EMAILS"},
        "created_at": {**_MOMENT, "description": "null: by a release that did not record it"},
        "usage": usage, "quotas": {**_quotas(), "description": "null: the default; 0: no limit"},
    }  # fmt: skip
    defaults = {name: {**_COUNT, "description": "0: no limit"} for name in NAMES}
    return {
        "AdminAccount": object_of(account),
        "AdminAccountDetail": object_of({**account, "default_quotas": object_of(defaults)}),
        "AdminAccountPage": object_of({"accounts": {"type": "array", "items": ref("AdminAccount")}, "next": _NULLABLE}),
        "SystemStatus": _status(),
        "AuditedAct": _act(),
        "AuditPage": object_of({"acts": {"type": "array", "items": ref("AuditedAct")}, "next": _NULLABLE}),
    }


def _administered(*arguments: Any, **more: Any) -> dict[str, Any]:
    """An operation for administrators, and for no API key."""
    return authorized(*arguments, security=SESSION, **more)


def _of_account(**operations: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": [_ACCOUNT], **operations}


def _quotas() -> dict[str, Any]:
    return object_of({name: {"type": ["integer", "null"], "minimum": 0, "maximum": 2**53 - 1} for name in NAMES})


def _status() -> dict[str, Any]:
    queue = object_of({
        "name": _TEXT,
        "ready": {**_COUNTED, "description": "Messages that no worker has; null: the gateway may not count them"},
        "consumers": {**_COUNTED, "description": "Workers that are connected; null: likewise"},
        "dead_letters": {**_COUNTED, "description": "null: likewise, or the queue does not exist yet"},
    })  # fmt: skip
    states = ("queued", "converting", "completed", "failed", "waiting")
    jobs = object_of(dict.fromkeys(states, _COUNT))
    jobs["properties"]["waiting"] = {**_COUNT, "description": "Queued jobs that wait for the turn of their account"}
    return object_of({
        "dependencies": {"type": "object", "additionalProperties": {"enum": ["up", "down"]}},
        "queues": {"anyOf": [{"type": "array", "items": queue}, {"type": "null"}]},
        "jobs": {"anyOf": [jobs, {"type": "null"}]},
        "oldest_queued_at": {**_MOMENT, "description": "Since when the longest waiting job is queued"},
        "housekeeping_at": {**_MOMENT, "description": "When housekeeping last completed a pass"},
        "orphans_held": {"type": ["integer", "null"], "description": "Orphaned files that wait for a decision"},
        "counted_up_to": {**_COUNT, "description": "Jobs in one state; there may be more"},
    })  # fmt: skip


def _act() -> dict[str, Any]:
    who = {
        "account": _NULLABLE,
        "email": {**_NULLABLE, "description": "The address at the time of the act"},
    }
    return object_of({
        "id": FID,
        "at": {"type": "string", "format": "date-time"},
        "act": {"enum": [act.value for act in Act]},
        "actor": object_of({**who, "command": {**_NULLABLE, "description": "Of an operator"}}),
        "target": object_of({**who, "subject": {**_NULLABLE, "description": "A job or summary"}, "queue": _NULLABLE}),
        "before": {"type": "object", "additionalProperties": True},
        "after": {"type": "object", "additionalProperties": True},
        "request_id": _NULLABLE,
        "outcome": {"enum": [outcome.value for outcome in Outcome],
                    "description": "`failed` has changed nothing; `unknown` was interrupted, or is being done"},
        "error_code": _NULLABLE,
    })  # fmt: skip
