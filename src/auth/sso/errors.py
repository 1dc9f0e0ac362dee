"""Why a sign-in failed. The page shows a text for each code."""

from common.errors import BadRequest, Conflict, Forbidden, NotFound, RejectedError


class ProviderUnavailable(RejectedError):
    """The provider is down, slow, or answers what nobody can use. Not a 503, which is for the auth service itself."""

    status = 424
    default_code = "sso_unavailable"

    def __init__(self) -> None:
        super().__init__("The single sign-on provider does not answer. Try again later, or sign in with a password.")


def failed() -> BadRequest:
    """The answer of the provider, or of somebody in its place, is not valid."""
    return BadRequest("The single sign-on failed. Try again.", code="sso_failed")


def denied() -> Forbidden:
    return Forbidden("The single sign-on provider has denied the sign-in, or it was cancelled.", code="sso_denied")


def expired() -> BadRequest:
    return BadRequest("The sign-in took too long, or was started in another window. Try again.", code="sso_expired")


def unverified() -> Forbidden:
    return Forbidden("The single sign-on provider has not confirmed your email address.", code="sso_email_not_verified")


def outside() -> Forbidden:
    return Forbidden("Your email address is not in a domain that may sign in here.", code="sso_domain_not_allowed")


def account_exists() -> Conflict:
    return Conflict(
        "An account with your email address exists, and is not connected to single sign-on. Sign in with its password.",
        code="sso_account_exists",
    )


def not_configured() -> NotFound:
    return NotFound("This server has no single sign-on.", code="sso_not_configured")
