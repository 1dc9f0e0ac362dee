"""The paths with which an account is changed, and the pages of the links in emails about it."""

from typing import Any

from common.domain.account_links import PATHS, AccountMail
from gateway.openapi.parts import BEARER, SESSION, answer, authorized, body, object_of, operation, query, ref

_TEXT = {"type": "string"}
_NEW_PASSWORD = {"type": "string", "minLength": 8, "maxLength": 256}
_EMAIL = {"type": "string", "format": "email"}
_REPLACE = {
    "type": "boolean", "default": False,
    "description": "Store the password, if the last registration of the address had another one",
}  # fmt: skip
_SENT = {202: answer("`sent` is false if no email is needed", object_of({"sent": {"type": "boolean"}}))}
_BODY = (400, 408, 411, 413, 415, 422, 429)
_CURL = "curl -X POST -H 'Content-Type: application/json' -d"


def paths() -> dict[str, Any]:
    return {
        "/account/verification": {"post": authorized(
            "Send the email again that confirms the address", "-X POST $URL/account/verification", _SENT, (429,),
            security=SESSION,
        )},
        "/account/password": {"post": authorized(
            "Change the password; ends all tokens, and returns a new one",
            "-X POST -H 'Content-Type: application/json' -d '{\"current\": \"…\", \"new\": \"…\"}' "
            "$URL/account/password",
            {200: answer("A token", object_of({"token": _TEXT}))}, tuple(sorted((403, 409, *_BODY))),
            requestBody=body("application/json", object_of({"current": _TEXT, "new": _NEW_PASSWORD})), security=SESSION,
        )},
        "/account/sign-out": {"post": authorized(
            "Sign out everywhere: all tokens end within 10 seconds", "-X POST $URL/account/sign-out",
            {204: {"description": "All tokens were ended"}}, (403,), security=SESSION,
        )},
        "/account/export": {"get": authorized(
            "Get a ZIP archive of all MP3s and transcripts; account.json in it lists the jobs and summaries",
            "$URL/account/export -o export.zip",
            {200: answer("The archive", {"type": "string", "format": "binary"}, "application/zip")}, (429,),
            security=[*BEARER, {}],
            parameters=[query("token", {"type": "string", "description": "The signed token of a link"})],
        )},
        "/account/export/link": {"get": authorized(
            "Get a link to the archive that works without a token, for a minute", "$URL/account/export/link",
            {200: answer("The link", ref("Link"))},
        )},
        "/password-reset": {"post": operation(
            "Send an email with a link for a new password, if the address has an account",
            f"{_CURL} '{{\"email\": \"you@example.com\"}}' $URL/password-reset", _SENT, _BODY,
            requestBody=body("application/json", object_of({"email": _EMAIL})),
        )},
        **_link(AccountMail.VERIFY, "Confirm the address with the link in the email",
                {200: answer("The address", object_of({"email": _EMAIL}))},
                {"password": _NEW_PASSWORD, "replace": _REPLACE}, (403, 409)),
        **_link(AccountMail.RESET, "Choose a new password with the link in the email; ends all tokens",
                {204: {"description": "The password was changed"}}, {"password": _NEW_PASSWORD}),
    }  # fmt: skip


def _link(
    kind: AccountMail, summary: str, answers: dict[int, Any], fields: dict[str, Any], errors: tuple[int, ...] = ()
) -> dict[str, Any]:
    """A field with a default is optional."""
    page = {200: answer("A form", _TEXT, "text/html")}
    # The page sends its form to the same path.
    path, properties = PATHS[kind], {"token": _TEXT, **fields}
    required = [name for name, field in properties.items() if "default" not in field]
    schema, example = object_of(properties, required), ", ".join(f'"{name}": "…"' for name in required)
    return {path: {
        "get": operation(f"The page of the link: {summary[0].lower()}{summary[1:]}", f"curl \"$URL{path}?token=…\"",
                         page, parameters=[query("token", _TEXT)]),
        "post": operation(summary, f"{_CURL} '{{{example}}}' $URL{path}", answers, tuple(sorted((*errors, *_BODY))),
                          requestBody=body("application/json", schema)),
    }}  # fmt: skip
