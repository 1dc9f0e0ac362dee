"""JWT_SECRET and LINK_SECRET change while tokens and links that were signed before stay valid."""

import secrets
from urllib.parse import urlsplit

import pytest
import requests

from tests import media


@pytest.fixture(scope="module")
def rotated(stack):
    """Restarts an auth service and a gateway of their own with other secrets."""
    names = ("auth-rotated", "gateway-rotated")
    stack.add("auth-rotated", like="auth")
    address = {"AUTH_SVC_ADDRESS": urlsplit(stack.url("auth-rotated")).netloc}
    stack.add("gateway-rotated", like="gateway", env=address)

    def restart(jwt: dict[str, str], link: dict[str, str]) -> None:
        stack.restart("auth-rotated", env=jwt)
        stack.restart("gateway-rotated", env={**address, **link})

    yield restart
    for name in reversed(names):
        stack.remove(name)


def test_tokens_and_links_of_the_previous_secrets_are_valid_for_as_long_as_these_are_set(
    person, stack, environment, rotated
):
    mp3_fid = person.converts(media.make("mp4"))["mp3_fid"]
    url = stack.url("gateway-rotated")

    def sign() -> tuple[str, str]:
        """A token and a link's path, of the secrets that are current in the rotated services."""
        token = requests.post(f"{url}/login", auth=(person.email, person.password), timeout=30)
        headers = {"Authorization": f"Bearer {token.text}"}
        (job,) = requests.get(f"{url}/jobs", headers=headers, timeout=30).json()["jobs"]
        link = requests.get(f"{url}/jobs/{job['video_fid']}/link", headers=headers, timeout=30).json()["url"]
        assert mp3_fid in link
        return token.text, f"/download?{urlsplit(link).query}"

    def answers(token: str, link: str) -> tuple[int, int]:
        jobs = requests.get(f"{url}/jobs", headers={"Authorization": f"Bearer {token}"}, timeout=30)
        return jobs.status_code, requests.head(url + link, timeout=30).status_code

    old = sign()
    current, previous = secrets.token_hex(32), environment["JWT_SECRET"]
    link, link_before = secrets.token_hex(32), environment["LINK_SECRET"]
    # First the new secrets are accepted everywhere, then they sign.
    rotated({"JWT_SECRET_PREVIOUS": current}, {"LINK_SECRET_PREVIOUS": link})
    assert answers(*old) == (200, 200)
    unaware = sign()
    rotated(
        {"JWT_SECRET": current, "JWT_SECRET_PREVIOUS": previous},
        {"LINK_SECRET": link, "LINK_SECRET_PREVIOUS": link_before},
    )
    new = sign()
    assert answers(*old) == answers(*unaware) == answers(*new) == (200, 200)
    rotated({"JWT_SECRET": current}, {"LINK_SECRET": link})
    assert answers(*old) == answers(*unaware) == (401, 401)
    assert answers(*new) == (200, 200)
    for name in ("auth-rotated", "gateway-rotated"):
        assert not any(secret in stack.log(name) for secret in (current, previous, link, link_before))
