"""Single sign-on in a browser, with a real provider (oidc-provider)."""

from uuid import uuid4

import pytest
from playwright.sync_api import expect

from scripts.stack import ports
from tests.servers import openid


@pytest.fixture
def address(stack):
    """A gateway and an auth service that use a provider; they start before it."""
    (port,) = ports.choose(1)
    issuer = {"OIDC_ISSUER": f"http://127.0.0.1:{port}"}
    client = {"OIDC_CLIENT_ID": openid.CLIENT_ID, "OIDC_CLIENT_SECRET": openid.CLIENT_SECRET}
    try:
        stack.add("sso-auth", like="auth", env={**issuer, **client})
        auth = stack.url("sso-auth").removeprefix("http://")
        stack.add("sso", like="gateway", env={**issuer, "OIDC_NAME": "Example", "AUTH_SVC_ADDRESS": auth})
        with openid.running(f"{stack.url('sso')}/oidc/callback", port=port):
            yield stack.url("sso")
    finally:
        for name in ("sso", "sso-auth"):
            if name in stack.state.variants:
                stack.remove(name)


def test_a_person_signs_in_with_the_provider_and_gets_the_requested_page(visit, address):
    visitor, email = visit(base_url=address), f"user-{uuid4().hex[:12]}@example.com"
    page, seen = visitor.page, []
    page.on("framenavigated", lambda frame: seen.append(frame.url))
    visitor.opens("/app/account")
    link = page.get_by_role("link", name="Sign in with Example")
    expect(link).to_be_visible()
    visitor.shows_in_all_looks("single-sign-on")

    link.click()
    page.get_by_placeholder("Enter any login").fill(email)
    page.get_by_placeholder("and password").fill("any")
    page.get_by_role("button", name="Sign-in").click()
    page.get_by_role("button", name="Continue").click()

    expect(page.get_by_role("heading", name="Account", exact=True)).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(email)
    token = page.evaluate("localStorage.getItem('video2mp3.token')")
    assert token
    assert [url for url in seen if token in url or "#" in url] == []
    # The provider, on another port, shares the cookies of this machine.
    assert [cookie for cookie in page.context.cookies(address) if cookie["name"].startswith("sso")] == []

    # The account has no password that could confirm a change. The page leads to the one way to choose it.
    page.get_by_label("Current password").fill("any password")
    page.get_by_label("New password").fill("another long password")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("alert").filter(has_text="Your account has no password yet")).to_be_visible()
    visitor.shows_in_all_looks("no-password")
    page.get_by_role("link", name="Get a link to choose a password").click()
    expect(page.get_by_role("heading", name="Forgotten password")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value(email)

    # An answer that belongs to no sign-in of this browser.
    visitor.opens("/app/account")
    page.get_by_role("button", name="Sign out").first.click()
    page.get_by_role("link", name="Sign in with Example").click()
    visitor.opens("/oidc/callback?error=access_denied&state=forged")
    expect(page.locator("[role=alert][data-sso-error=sso_expired]")).to_be_visible()
    visitor.shows_in_all_looks("single-sign-on-failed")
