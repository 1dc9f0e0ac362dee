"""Signing in, the account, and what is shown to somebody whom an invalid address has led to the page."""

import pytest
import requests
from playwright.sync_api import expect

from tests import media


@pytest.fixture
def link(person):
    """A job and the link to its MP3."""
    job = person.converts(media.make("mp4"), "talk.mp4")
    return job, person.request("GET", f"/jobs/{job['video_fid']}/link").json()["url"]


def alert(visitor, code):
    return visitor.page.locator(f"[role=alert][data-link-error={code}]")


# Before signing in


def test_the_form_says_how_long_files_are_stored(visitor, stack):
    days = requests.get(f"{stack.url('gateway')}/info", timeout=30).json()["retention_days"]
    visitor.opens("/")
    for heading in ("Sign in", "Create an account"):
        expect(visitor.page.get_by_role("heading", name=heading)).to_be_visible()
        expect(visitor.page.get_by_role("main")).to_contain_text("the operator of this server can access your files")
        expect(visitor.page.get_by_role("main")).to_contain_text(f"deleted {days} days after the conversion")
        if heading == "Sign in":
            visitor.page.get_by_role("link", name="Create one").click()


def test_the_form_of_a_server_that_keeps_files_mentions_no_number_of_days(visit, stack):
    stack.add("forever", like="gateway", env={"RETENTION_DAYS": "0"})
    try:
        visitor = visit(base_url=stack.url("forever"))
        visitor.opens("/")
        expect(visitor.page.get_by_text("They are stored until you delete them.")).to_be_visible()
    finally:
        stack.remove("forever")


def test_the_email_address_is_carried_over_between_the_forms(visitor):
    page = visitor.page
    visitor.opens("/app/jobs/0123456789abcdef01234567")
    page.get_by_label("Email").fill("you@example.com")
    page.get_by_role("link", name="Create one").click()
    expect(page.get_by_role("heading", name="Create an account")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value("you@example.com")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    page.get_by_label("Email").fill("me@example.com")
    page.get_by_role("link", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value("me@example.com")


# Links and addresses


def test_an_invalid_link_leads_to_the_job_after_signing_in(visitor, person, link):
    job, url = link
    visitor.opens(f"{url}x")
    expect(alert(visitor, "invalid_link")).to_contain_text("Sign in with the account that uploaded the video")
    visitor.signs_in(person.email, person.password)
    expect(visitor.page.get_by_role("heading", name="talk.mp4")).to_be_visible()
    shown = alert(visitor, "invalid_link")
    expect(shown).to_contain_text("You can download the MP3 here")
    shown.get_by_role("button", name="Close this message").click()
    expect(shown).to_have_count(0)
    assert visitor.page.url.endswith(f"/app/jobs/{job['video_fid']}")


def test_an_invalid_link_leads_to_the_job_of_a_user_who_is_signed_in(owner, link, tmp_path):
    owner.opens(f"{link[1]}x")
    expect(alert(owner, "invalid_link")).to_be_visible()
    assert owner.downloads("talk.mp3", tmp_path).stat().st_size > 0


def test_the_link_of_a_deleted_mp3_says_that_it_is_no_longer_stored(owner, person, link):
    job, url = link
    person.request("DELETE", f"/jobs/{job['video_fid']}")
    owner.opens(url)
    expect(alert(owner, "not_found")).to_contain_text("upload the video again")
    owner.page.reload()
    expect(alert(owner, "not_found")).to_be_visible()


def test_a_link_without_a_job_is_explained_above_the_list(owner):
    owner.opens("/app/?link=invalid_link")
    expect(alert(owner, "invalid_link")).to_contain_text("in the list below")
    assert owner.page.url.endswith("/?link=invalid_link")


@pytest.mark.parametrize("path", ["/app/nowhere", "/app/jobs", "/app/jobs/1/2"])
def test_an_unknown_address_is_not_found(visit, owner, path):
    for someone in (visit(), owner):
        someone.opens(path)
        expect(someone.page.get_by_role("heading", name="Page not found")).to_be_visible()
        expect(someone.page).to_have_title("Page not found · Video2MP3")
    owner.page.get_by_role("link", name="Go to your MP3s").click()
    expect(owner.page.get_by_text("No MP3s yet")).to_be_visible()


def test_a_job_that_is_not_found_has_a_way_home(owner, person):
    owner.opens("/app/jobs/0123456789abcdef01234567")
    expect(owner.page.get_by_role("heading", name="MP3 not found")).to_be_visible()
    expect(owner.page.get_by_role("alert").filter(has_text="MP3 not found")).to_contain_text(person.email)
    owner.page.get_by_role("link", name="Go to your MP3s").click()
    expect(owner.page.get_by_text("No MP3s yet")).to_be_visible()


# The account


def test_emails_can_be_switched_off_and_on(owner, person):
    page = owner.page
    page.get_by_role("button", name="Account of").click()
    page.get_by_role("menuitem", name="Account").click()
    expect(page.get_by_role("main")).to_contain_text(person.email)
    switch = page.get_by_role("switch", name="Send me emails")
    for wanted in (False, True):
        with page.expect_response(lambda answer: answer.request.method == "PATCH"):
            switch.set_checked(wanted)
        expect(switch).to_be_checked(checked=wanted)
        assert person.request("GET", "/account").json()["emails"] is wanted
        page.reload()
        expect(switch).to_be_checked(checked=wanted)


def test_a_setting_that_is_not_saved_is_reset_with_the_reason(owner):
    owner.opens("/app/account")
    switch = owner.page.get_by_role("switch")
    expect(switch).to_be_checked()
    owner.loses_the_network()
    switch.uncheck(force=True)
    expect(owner.page.get_by_text("The setting was not saved")).to_be_visible()
    expect(switch).to_be_checked()


def test_the_account_page_signs_out(owner):
    owner.opens("/app/account")
    owner.page.get_by_role("main").get_by_role("button", name="Sign out", exact=True).click()
    expect(owner.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert owner.page.evaluate("localStorage.length") == 0
