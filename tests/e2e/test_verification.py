"""Somebody registers a foreign address: it gets one email, whatever the stranger does (REQUIRE_VERIFICATION)."""

import os
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
import requests

from scripts.stack import Stack
from tests import media
from tests.person import Person
from tests.waiting import eventually

PHISHING = "Your account is locked, sign in at evil.example.com now.mp4"
FID = "0" * 24
# What an account may do whose address is not confirmed.
OPEN = {("get", "/account"), ("post", "/account/verification")}
TUS = {
    "Tus-Resumable": "1.0.0", "Upload-Length": "10", "Upload-Metadata": "filename dGFsay5tcDQ=",
    "X-HTTP-Method-Override": "PATCH",
}  # fmt: skip


@pytest.fixture
def strict(stack: Stack) -> Iterator[str]:
    """A gateway and an auth service that require a confirmation, and send an address one email in an hour."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    auth, gateway = f"verifying-auth-{worker}", f"verifying-{worker}"
    stack.add(auth, like="auth", env={"REQUIRE_VERIFICATION": "true"})
    address = {"AUTH_SVC_ADDRESS": urlsplit(stack.url(auth)).netloc}
    stack.add(gateway, like="gateway", env={**address, "ACCOUNT_MAIL_LIMIT": "1/hour"})
    yield stack.url(gateway)
    stack.remove(gateway)
    stack.remove(auth)


def routes_of_accounts(url: str) -> list[tuple[str, str]]:
    """The method and path of each operation that needs a token or a key."""
    paths = requests.get(f"{url}/openapi.json", timeout=30).json()["paths"]
    found = {
        (method, path)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if method != "parameters" and {"token": []} in operation.get("security", [])
    }
    assert found > OPEN
    return sorted(found - OPEN)


def test_a_foreign_address_gets_one_email_and_no_route_sends_another(
    strict: str, newcomer: Callable[[], Person]
) -> None:
    stranger = newcomer()
    stranger.url = strict
    assert stranger.register().status_code == 201
    stranger.login()
    (email,) = eventually(stranger.emails, seconds=60, what="the email that confirms the address")

    # This sent 184 emails in 30 s, with the text of the stranger.
    refused = [stranger.upload(media.make("mp4"), PHISHING)]
    refused += [stranger.request("POST", f"/jobs/{FID}/retry", json={"bitrate": 96}) for _ in range(20)]
    assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {(403, "address_not_verified")}
    for method, path in routes_of_accounts(strict):
        filled = re.sub(r"\{\w+\}", FID, path)
        answer = stranger.request(method, filled, headers=TUS, json={}, params={"fid": FID})
        assert answer.status_code == 403, (method, path, answer.text)
    # Nor do the routes that send emails about accounts.
    for _ in range(5):
        assert stranger.register().status_code == 201
        assert stranger.login().request("POST", "/account/verification").json()["code"] == "too_many_attempts"
        assert requests.post(f"{strict}/password-reset", json={"email": stranger.email}, timeout=30).status_code == 202

    # An email that was requested after all of them has arrived.
    other = newcomer().joins()
    other.request("POST", "/password-reset", json={"email": other.email})
    other.link_token("/reset-password")
    assert [each["Message-ID"] for each in stranger.emails()] == [email["Message-ID"]]
    assert "evil" not in email.as_string()
