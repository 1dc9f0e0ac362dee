"""Each page in light and dark colours and on a phone: no serious finding of axe-core, no horizontal scrolling.

The screenshots are written to `.local/screenshots`, or to the folder V2M_SCREENSHOTS.
"""

import pytest
from bson import ObjectId
from playwright.sync_api import expect

from common.domain.summaries import Summaries
from common.runtime.settings import MongoSettings
from common.storage import mongo
from tests import media

_SUMMARY = {
    "summary": "The last keeper of a lighthouse on the north coast looks back on thirty years alone with the sea. She "
    "tells how a lamp is cleaned by hand, and why its clockwork was wound every four hours. A storm in her second "
    "winter took the boat and left her without mail for six weeks. She came to know ships by the sound of their horns. "
    "Automation ended her work, but not her habit of waking at four.",
    "category": "Oral history",
}


def test_signing_in_and_registering(window):
    window.opens("/")
    expect(window.page.get_by_role("heading", name="Sign in")).to_be_visible()
    window.shows("sign-in")
    window.page.get_by_role("link", name="Create one").click()
    expect(window.page.get_by_role("heading", name="Create an account")).to_be_visible()
    window.shows("register")
    window.opens("/app/forgotten-password")
    window.page.get_by_label("Email").fill("you@example.com")
    window.page.get_by_role("button", name="Send the link").click()
    expect(window.page.get_by_text("Check your email")).to_be_visible()
    window.shows("forgotten-password")
    for path, name in (("/reset-password", "Change the password"), ("/verify", "Confirm")):
        window.opens(f"{path}?token=none")
        expect(window.page.get_by_role("button", name=name)).to_be_visible()
        window.shows(path[1:])
    window.page.get_by_label("The password that you chose").fill("correct horse")
    window.page.get_by_role("button", name="Confirm").click()
    expect(window.page.get_by_role("alert")).to_be_visible()
    window.shows("verify-invalid")


def test_the_confirmation_of_the_address(window, unconfirmed):
    window.is_signed_in(unconfirmed.token)
    window.opens("/")
    expect(window.page.get_by_role("heading", name="Confirm your email address")).to_be_visible()
    window.shows("confirm-address")


@pytest.fixture(scope="module")
def busy(stack, maildir, environment):
    """A user with a failed job, a completed one, and a summarised one."""
    from tests.person import Person

    someone = Person(stack.url("gateway"), maildir).joins()
    someone.waits_for(someone.uploads(media.without_audio(), "garden-timelapse.mp4"))
    someone.converts(media.make("webm"), "Beekeeping for beginners.webm")
    named = "Interview with a lighthouse keeper.mp4"
    job = someone.converts(media.make("mp4"), named, title="Interview", normalize="true")
    made = someone.summarises(file_id=job["mp3_fid"])
    # The fake provider does not summarise. The screenshots show a summary as a real one would write it.
    with mongo.connect(MongoSettings(mongo_uri=environment["MONGO_URI"])) as client:
        Summaries(client[mongo.VIDEOS]).update(ObjectId(made["_id"]), {}, _SUMMARY)
    return someone


def test_the_list_the_player_and_the_dialogs(window, busy, tmp_path):
    page = window.page
    window.is_signed_in(busy.token)
    window.opens("/")
    done = window.sees_job("lighthouse", "completed")
    window.sees_job("garden", "failed")
    expect(page.get_by_text("The last keeper of a lighthouse")).to_be_visible()
    window.shows("jobs")

    if window.look == "phone":
        window.does("Interview", "Transcript")
    else:
        expect(page.get_by_role("button", name="Summarise Beekeeping")).to_be_visible()
        page.get_by_role("button", name="Transcript of Interview").click()
    expect(page.get_by_role("dialog")).to_contain_text("second 0")
    window.shows("transcript")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    window.chooses_preset("Custom")
    page.get_by_role("button", name="More options").click()
    expect(page.get_by_label("Start at")).to_be_visible()
    window.shows("options")
    page.get_by_role("button", name="More options").click()
    expect(page.get_by_label("Start at")).to_be_hidden()
    window.chooses_preset("Standard")

    video = media.large(20, tmp_path)
    window.has_a_slow_line(400_000)
    window.chooses(video)
    expect(window.upload(video.name)).to_contain_text("left")
    window.shows("upload")
    page.get_by_role("button", name=f"Pause {video.name}").click()
    expect(window.upload(video.name)).to_contain_text("Paused")
    window.has_a_fast_line()
    window.ends_upload(video.name, "Cancel")
    expect(window.upload(video.name)).to_have_count(0)

    page.get_by_role("button", name="More actions for Interview").click()
    expect(page.get_by_role("menuitem", name="Delete")).to_be_visible()
    window.shows("menu")
    page.get_by_role("menuitem", name="Convert with other options").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    window.shows("convert-again")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)

    done.get_by_role("link").click()
    expect(page.locator("[data-waveform]")).to_be_visible()
    window.shows("job")

    window.loses_the_network()
    page.get_by_role("button", name="Download").click()
    expect(page.get_by_text("The server can't be reached").first).to_be_visible()
    window.shows("offline")


def test_the_account_and_the_dead_ends(window, busy):
    page = window.page
    window.opens("/app/?link=not_found")
    expect(page.get_by_text("no longer stored")).to_be_visible()
    window.shows("sign-in-link")
    window.opens("/app/nowhere")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    window.shows("not-found")
    window.is_signed_in(busy.token)
    window.opens("/app/account")
    expect(page.get_by_text("Conversions today")).to_be_visible()
    window.shows("account")
    page.get_by_role("button", name="Delete the account").click()
    expect(page.get_by_role("dialog").get_by_label("Your email address")).to_be_visible()
    window.shows("delete-account")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    window.opens("/app/jobs/0123456789abcdef01234567")
    expect(page.get_by_role("heading", name="MP3 not found")).to_be_visible()
    window.shows("job-not-found")
    window.opens("/")
    window.does("garden", "Delete")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    window.shows("undo")
    page.get_by_role("button", name="Undo").click()
    window.sees_job("garden", "failed")
    done = window.job("lighthouse").get_attribute("data-job")
    window.opens(f"/app/jobs/{done}?link=invalid_link")
    expect(page.locator("[data-waveform]")).to_be_visible()
    window.shows("job-link")


def test_everything_can_be_done_with_the_keyboard(visitor, busy):
    page = visitor.page
    visitor.opens("/")
    expect(page.get_by_label("Email")).to_be_focused()
    page.keyboard.type(busy.email)
    page.keyboard.press("Tab")
    page.keyboard.type(busy.password)
    page.keyboard.press("Enter")
    visitor.sees_job("lighthouse", "completed")
    play = page.get_by_role("button", name="Play Interview")
    for _ in range(20):
        page.keyboard.press("Tab")
        if play.evaluate("button => button === document.activeElement"):
            break
    expect(play).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelector('audio')?.currentTime > 0.1")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose videos").press("Enter")
    chooser.value.set_files(str(media.make("webm")))
    visitor.sees_job(media.make("webm").name, "completed")
