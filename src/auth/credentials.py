"""Reads login credentials and registrations from untrusted input."""

import base64
import binascii
import unicodedata
from dataclasses import dataclass, field
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from auth.addresses import registrable
from common.domain.scopes import Scope
from common.errors import BadRequest, Invalid, Unauthorized

# Characters. No rules for the composition (NIST SP 800-63B section 5.1.1.2); the upper bound keeps the body small.
MIN_PASSWORD, MAX_PASSWORD = 8, 256
# Characters. Also the width of the table's column.
_MAX_NAME = 100


@dataclass(frozen=True)
class Login:
    """A name and a password, not checked yet."""

    email: str
    password: str = field(repr=False)


def basic(header: str) -> Login:
    """Reads an Authorization header with Basic credentials in UTF-8 (RFC 7617); raises Unauthorized."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise Unauthorized("Sign in with Basic authentication: your email address and your password.", scheme="Basic")
    try:
        decoded = base64.b64decode(encoded.strip().encode("ascii"), validate=True).decode("utf-8")
    except (binascii.Error, UnicodeError):
        raise Unauthorized("The Basic credentials are not base64 of UTF-8 text.", scheme="Basic") from None
    # The first colon ends the name; a password may contain colons.
    email, colon, password = decoded.partition(":")
    if not colon:
        raise Unauthorized("The Basic credentials have no colon between email and password.", scheme="Basic")
    return Login(email, password)


def _acceptable(secret: SecretStr) -> SecretStr:
    password = secret.get_secret_value()
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise ValueError(f"must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")
    # Basic credentials cannot contain them (RFC 7617 section 2), so a login would be impossible.
    if any(unicodedata.category(character) == "Cc" for character in password):
        raise ValueError("must not contain control characters")
    return secret


NewPassword = Annotated[SecretStr, AfterValidator(_acceptable)]


class Body(BaseModel):
    """The JSON body of a request."""

    model_config = ConfigDict(frozen=True, strict=True, hide_input_in_errors=True)

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """Reads a JSON body; raises BadRequest if it is not JSON, Invalid if a field is invalid."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            problems = error.errors(include_input=False, include_url=False, include_context=False)
        if any(problem["type"] == "json_invalid" for problem in problems):
            example = ", ".join(f'"{name}": "…"' for name in cls.model_fields)
            raise BadRequest(f"The body is not JSON. Send {{{example}}}.")
        raise Invalid("; ".join(_sentence(problem["loc"], problem["msg"]) for problem in problems))


class Registration(Body):
    email: Annotated[str, AfterValidator(registrable)]
    password: NewPassword


class PasswordChange(Body):
    current: SecretStr
    new: NewPassword


class Confirmation(Body):
    """By the owner's password."""

    password: SecretStr


class Address(Body):
    email: Annotated[str, AfterValidator(registrable)]


class Link(Body):
    """The token of a link."""

    token: str


class PasswordReset(Link):
    password: NewPassword


class Verification(PasswordReset):
    """`replace` makes the password that of the account, if it is another one."""

    replace: bool = False


def _key_name(text: str) -> str:
    name = text.strip()
    if not 1 <= len(name) <= _MAX_NAME or not name.isprintable():
        raise ValueError(f"must have 1 to {_MAX_NAME} characters, and no control characters")
    return name


class NewKey(Body):
    """An API key to be created; without `expires_in_days` it does not expire."""

    name: Annotated[str, AfterValidator(_key_name)]
    scope: Literal[Scope.READ, Scope.CONVERT, Scope.ALL]
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    name = str(location[0]) if location else "body"
    return f"{name}: {message.removeprefix('Value error, ')}"
