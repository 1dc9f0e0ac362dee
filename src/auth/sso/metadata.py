"""What the provider announces (OpenID Connect Discovery 1.0, section 3), as far as it is used."""

from pydantic import BaseModel, ConfigDict, Field

from common.runtime.logs import one_line
from common.runtime.single_sign_on import is_protected

_BASIC = "client_secret_basic"


class Metadata(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = (_BASIC,)
    # RFC 9207.
    issuer_in_answers: bool = Field(False, validation_alias="authorization_response_iss_parameter_supported")

    @property
    def has_basic_authentication(self) -> bool:
        """Otherwise, the client's secret is sent in the body."""
        return _BASIC in self.token_endpoint_auth_methods_supported

    def check(self, issuer: str) -> None:
        """Raises ValueError unless this is of the issuer, and all addresses are protected."""
        if self.issuer != issuer:
            raise ValueError(f"it says that its issuer is {one_line(self.issuer[:200])}")
        urls = (self.authorization_endpoint, self.token_endpoint, self.jwks_uri, self.userinfo_endpoint or issuer)
        if not all(map(is_protected, urls)):
            raise ValueError("it has endpoints without https")
