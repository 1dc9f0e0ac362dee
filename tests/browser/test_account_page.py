"""Signing in, the account, and what is shown to somebody whom an invalid address has led to the page."""

import zipfile
from dataclasses import replace

import pytest
import requests
from playwright.sync_api import expect

from tests import media
from tests.waiting import eventually


@pytest.fixture
def link(person):
    """A job and the link to its MP3."""
    job = person.converts(media.make("mp4"), "talk.mp4")
    return job, person.request("GET", f"/jobs/{job['video_fid']}/link").json()["url"]


def alert(visitor, code):
    return visitor.page.locator(f"[role=alert][data-link-error={code}]")


# Before signing in


def test_the_form_says_how_long_files_are_stored(visitor, stack):
    days = requests.get(f"{stack.url('gateway')}/info", timeout=30).json()["keep_videos_days"]
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
        expect(visitor.page.get_by_text("MP3s are stored until you delete them.")).to_be_visible()
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
    # Not `uncheck`, which fails if the switch is reset before it looks.
    switch.click(force=True)
    expect(owner.page.get_by_text("The setting was not saved")).to_be_visible()
    expect(switch).to_be_checked()


def test_the_account_page_signs_out(owner):
    owner.opens("/app/account")
    owner.page.get_by_role("main").get_by_role("button", name="Sign out", exact=True).click()
    expect(owner.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert owner.page.evaluate("localStorage.length") == 0


def test_an_address_is_confirmed_in_another_tab(visitor, unconfirmed):
    visitor.opens("/")
    visitor.signs_in(unconfirmed.email, unconfirmed.password)
    page = visitor.page
    expect(page.get_by_role("heading", name="Confirm your email address")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text(unconfirmed.email)
    page.get_by_role("button", name="Send the email again").press("Enter")
    expect(page.get_by_text("The email was sent again.")).to_be_visible()
    expect(page.get_by_role("button", name="Send again in")).to_be_focused()

    other = page.context.new_page()
    other.goto(f"/verify?token={unconfirmed.link_token('/verify')}")
    other.get_by_label("The password that you chose").fill(unconfirmed.password)
    other.keyboard.press("Enter")
    expect(other.get_by_text("Your email address is confirmed")).to_be_visible()
    expect(other.get_by_text("No MP3s yet")).to_be_visible()
    page.bring_to_front()
    expect(page.get_by_text("Your email address is confirmed")).to_be_visible()
    expect(page.get_by_text("No MP3s yet")).to_be_visible()


def test_a_forgotten_password_is_replaced_and_changed_and_ends_other_sessions(visit, person):
    visitor, elsewhere = visit(), visit()
    elsewhere.is_signed_in(person.token)
    elsewhere.opens("/app/account")
    page = visitor.page
    visitor.opens("/")
    page.get_by_label("Email").fill(person.email)
    page.get_by_role("link", name="Forgot your password?").click()
    expect(page.get_by_label("Email")).to_have_value(person.email)
    page.get_by_label("Email").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("a link was sent to it")

    visitor.opens(f"/reset-password?token={person.link_token('/reset-password')}")
    page.get_by_label("New password").fill("another long password")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_text("Your password was changed")).to_be_visible()
    visitor.signs_in(person.email, "another long password")
    expect(page.get_by_text("No MP3s yet")).to_be_visible()
    # Auth notices it within seconds.
    eventually(lambda: person.request("GET", "/jobs").status_code == 401)
    elsewhere.page.get_by_role("switch").click()
    expect(elsewhere.page.get_by_text("Your session has expired")).to_be_visible()

    visitor.opens("/app/account")
    for current, shown in (("wrong", "The password is wrong."), ("another long password", "Password changed")):
        page.get_by_label("Current password").fill(current)
        page.get_by_label("New password").fill("a third long password")
        page.get_by_role("button", name="Change the password").click()
        expect(page.get_by_text(shown)).to_be_visible()
    page.get_by_role("button", name="Sign out everywhere").click()
    expect(page.get_by_text("You were signed out everywhere", exact=True)).to_be_visible()
    visitor.signs_in(person.email, "a third long password")
    expect(page.get_by_role("heading", name="Account", exact=True)).to_be_visible()


def test_an_api_key_is_created_shown_once_and_revoked(owner, person):
    page = owner.page
    owner.opens("/app/account")
    page.get_by_role("button", name="Create an API key").click()
    dialog = page.get_by_role("dialog")
    # The keyboard is sufficient.
    expect(dialog.get_by_label("Name")).to_be_focused()
    page.keyboard.type("build server")
    dialog.get_by_role("radio", name="Convert").check()
    owner.shows_in_all_looks("api-key-new")
    dialog.get_by_role("button", name="Create").click()
    field = dialog.get_by_label("API key", exact=True)
    expect(field).to_be_focused()
    script = replace(person, token=field.input_value())
    assert script.token.startswith("v2m_")
    assert script.request("GET", "/jobs").status_code == 200
    owner.shows_in_all_looks("api-key-created")
    # It is not lost by accident.
    page.keyboard.press("Escape")
    dialog.get_by_role("button", name="Done").click()
    expect(dialog).to_have_count(0)
    assert script.token not in page.content()

    page.get_by_role("button", name="Revoke the API key build server").click()
    expect(dialog).to_contain_text(script.token[:12])
    owner.shows_in_all_looks("api-key-revoke")
    dialog.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("build server")).to_be_visible()
    page.get_by_role("button", name="Revoke the API key build server").click()
    dialog.get_by_role("button", name="Revoke", exact=True).click()
    expect(page.get_by_text("API key revoked")).to_be_visible()
    expect(page.get_by_text("build server")).to_have_count(0)
    eventually(lambda: script.request("GET", "/jobs").status_code == 401, what="the end of the key")


def test_all_data_is_downloaded_and_deleted(owner, person, tmp_path):
    person.converts(media.make("mp4"), "talk.mp4")
    page = owner.page
    owner.opens("/app/account")
    expect(page.get_by_text("Conversions today")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download your data").click()
    download.value.save_as(tmp_path / "export.zip")
    with zipfile.ZipFile(tmp_path / "export.zip") as archive:
        assert sorted(archive.namelist()) == ["account.json", "mp3s/talk.mp3"]

    page.get_by_role("button", name="Delete the account").click()
    dialog = page.get_by_role("dialog")
    confirm = dialog.get_by_role("button", name="Delete the account")
    expect(dialog.get_by_label("Your email address")).to_be_focused()
    page.keyboard.type("another@example.com")
    expect(confirm).to_be_disabled()
    dialog.get_by_label("Your email address").fill(person.email.upper())
    for password, shown in (("wrong", "The password is wrong."), (person.password, "Your account was deleted")):
        dialog.get_by_label("Password", exact=True).fill(password)
        page.keyboard.press("Enter")
        expect(page.get_by_text(shown)).to_be_visible()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    eventually(lambda: person.request("GET", "/account").status_code == 401)
