"""The settings of single sign-on."""

from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import NoDecode

from common.runtime.settings import Names
from common.runtime.single_sign_on import SingleSignOnSettings


def _words(value: object) -> object:
    return tuple(value.split()) if isinstance(value, str) else value


def _domains(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.lower().removeprefix("@") for name in names)


def _with_openid(scopes: tuple[str, ...]) -> tuple[str, ...]:
    if "openid" not in scopes:
        raise ValueError("must contain openid")
    return scopes


class OidcSettings(SingleSignOnSettings):
    """All of OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET, or none of them."""

    oidc_client_id: str | None = None
    oidc_client_secret: SecretStr | None = Field(None, validate_default=True)
    # Separated by spaces.
    oidc_scopes: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words), AfterValidator(_with_openid)] = (
        "openid",
        "email",
    )
    # Whether an account that exists with the same address is connected to the provider's user. Only for a provider that
    # confirms addresses itself.
    oidc_link_accounts: bool = False
    # Domains of the addresses that may sign in; all if there are none.
    oidc_allowed_domains: Annotated[Names, AfterValidator(_domains)] = ()
    # s. For all requests to the provider of one sign-in together; less than the gateway's AUTH_TIMEOUT (8 s).
    oidc_timeout: PositiveFloat = 6.0
    # Sign-ins that wait for the provider; more are refused. Well below WEB_THREADS (64): a provider that hangs leaves
    # threads for passwords and tokens.
    oidc_at_once: PositiveInt = 8

    @field_validator("oidc_client_secret")
    @classmethod
    def _all_or_none(cls, secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        # A field that is invalid is not in the data, and has its own message.
        values: dict[str, object] = {
            name: info.data[name] for name in ("oidc_issuer", "oidc_client_id") if name in info.data
        }
        values["oidc_client_secret"] = secret
        missing = [name.upper() for name, value in values.items() if value is None]
        if missing and len(missing) < len(values):
            raise ValueError(f"single sign-on also needs {' and '.join(missing)}")
        return secret
