"""Settings: what the service refuses to start with."""

import pytest

from auth.settings import AuthSettings
from common.runtime.settings import EXIT_CONFIGURATION, load_settings

COMPLETE = {
    "MYSQL_HOST": "mysql", "MYSQL_USER": "auth_user", "MYSQL_PASSWORD": "a database password", "JWT_SECRET": "s" * 32,
    "LINK_SECRET": "l" * 32,
}  # fmt: skip


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in AuthSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)


def test_four_variables_are_enough() -> None:
    settings = load_settings(AuthSettings)

    assert settings.mysql_db == "auth"
    assert settings.mysql_port == 3306
    assert settings.token_lifetime == 24 * 3600
    assert settings.admin_emails == ()


@pytest.mark.parametrize("name", ["JWT_SECRET", "JWT_SECRET_PREVIOUS"])
@pytest.mark.parametrize("secret", ["s" * 31, "ß" * 15 + "s"])
def test_a_short_secret_is_refused_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, secret: str
) -> None:
    monkeypatch.setenv(name, secret)
    with pytest.raises(SystemExit) as end:
        load_settings(AuthSettings)

    output = capsys.readouterr().err
    assert end.value.code == EXIT_CONFIGURATION
    assert f"{name}: must have at least 32 bytes" in output
    assert secret not in output


@pytest.mark.parametrize(("value", "previous"), [("p" * 32, "p" * 32), ("", None)])
def test_a_previous_secret_is_optional(monkeypatch: pytest.MonkeyPatch, value: str, previous: str | None) -> None:
    monkeypatch.setenv("JWT_SECRET_PREVIOUS", value)
    found = load_settings(AuthSettings).jwt_secret_previous
    assert (found.get_secret_value() if found else None) == previous


def test_a_secret_is_measured_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", "ß" * 16)
    assert load_settings(AuthSettings)


def test_all_missing_variables_are_reported_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in COMPLETE:
        monkeypatch.delenv(name)
    with pytest.raises(SystemExit):
        load_settings(AuthSettings)

    output = capsys.readouterr().err
    assert all(f"{name}: is missing" in output for name in COMPLETE)


def test_administrators_are_named_with_commas_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_EMAILS", "Root@Example.com, ops@example.com,")
    assert load_settings(AuthSettings).admin_emails == ("root@example.com", "ops@example.com")


def test_no_secret_shows_in_the_settings() -> None:
    shown = repr(load_settings(AuthSettings))

    assert "a database password" not in shown
    assert "s" * 32 not in shown


SINGLE_SIGN_ON = {"OIDC_ISSUER": "https://accounts.example.com/", "OIDC_CLIENT_ID": "id", "OIDC_CLIENT_SECRET": "word"}


def test_single_sign_on_needs_three_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SINGLE_SIGN_ON.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(AuthSettings)
    assert settings.oidc_issuer == "https://accounts.example.com/"
    assert settings.oidc_scopes == ("openid", "email")
    assert settings.oidc_link_accounts is False


@pytest.mark.parametrize("missing", SINGLE_SIGN_ON)
def test_single_sign_on_is_configured_completely_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    for name, value in SINGLE_SIGN_ON.items():
        if name != missing:
            monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        load_settings(AuthSettings)
    assert f"single sign-on also needs {missing}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "issuer",
    [
        "accounts.example.com",
        "http://accounts.example.com",
        "http://localhost.example.com",
        "https://accounts.example.com?a=b",
        "https://accounts.example.com#a",
        "https://user@accounts.example.com",
        "https://",
        "https://[",
        "file:///etc/passwd",
        "https://accounts.example.com/" + "x" * 255,
    ],
)
def test_an_issuer_is_a_protected_address(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], issuer: str
) -> None:
    for name, value in {**SINGLE_SIGN_ON, "OIDC_ISSUER": issuer}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        load_settings(AuthSettings)
    assert "OIDC_ISSUER: must be the provider's issuer" in capsys.readouterr().err


def test_the_scope_openid_is_required(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OIDC_SCOPES", "email profile")
    with pytest.raises(SystemExit):
        load_settings(AuthSettings)
    assert "OIDC_SCOPES: must contain openid" in capsys.readouterr().err
