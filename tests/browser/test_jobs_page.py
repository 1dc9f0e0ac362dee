"""The list of jobs and the page of a job: deletions, failures, links, and what phones show."""

from collections.abc import Callable

import pytest
import requests
from bson import ObjectId
from playwright.sync_api import expect

from common.domain.job_repository import Jobs
from common.domain.jobs import NOTIFIED
from common.errors import Failure
from common.runtime.settings import MongoSettings
from common.storage import mongo
from tests import media
from tests.browser.visitor import Visitor
from tests.waiting import eventually

PHONE = {"viewport": {"width": 390, "height": 760}, "has_touch": True, "is_mobile": True}
LONG = "A very long name of a recording that has to wrap onto several lines of a narrow screen.mp4"


@pytest.fixture
def failed_job(environment: dict[str, str]) -> Callable[..., str]:
    """Records a job that has failed, without converting anything; returns its id."""

    def record(email: str, name: str, code: Failure, options: dict[str, object] | None = None) -> str:
        with mongo.connect(MongoSettings(mongo_uri=environment["MONGO_URI"])) as client:
            jobs, fid = Jobs(client[mongo.VIDEOS]), ObjectId()
            jobs.create(fid, email, name, options or {})
            ended = {"notice_sent": True, NOTIFIED: True, "published": True}
            jobs.update(fid, {}, {"status": "failed", "error": "It failed.", "error_code": code.value, **ended})
            return str(fid)

    return record


def names(person):
    return [job["filename"] for job in person.request("GET", "/jobs").json()["jobs"]]


def signs_out(visitor):
    visitor.page.get_by_role("button", name="Account of").click()
    visitor.page.get_by_role("menuitem", name="Sign out").click()
    expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()


# Deletions


def test_a_deletion_is_carried_out_when_the_user_signs_out(owner, person, many_jobs):
    many_jobs(person.email, 2)
    owner.page.reload()
    owner.does("video-1.mp4", "Delete")
    expect(owner.job("video-1.mp4")).to_have_count(0)
    signs_out(owner)
    assert names(person) == ["video-2.mp4"]
    assert owner.page.evaluate("localStorage.length") == 0
    owner.signs_in(person.email, person.password)
    expect(owner.job("video-2.mp4")).to_be_visible()
    expect(owner.job("video-1.mp4")).to_have_count(0)


def test_a_deletion_without_a_network_is_carried_out_after_the_next_sign_in(owner, person, many_jobs):
    many_jobs(person.email, 2)
    owner.page.reload()
    expect(owner.job("video-1.mp4")).to_be_visible()
    owner.loses_the_network()
    owner.does("video-1.mp4", "Delete")
    signs_out(owner)
    expect(owner.page.get_by_text("Not everything is deleted yet")).to_be_visible()
    owner.has_a_fast_line()
    assert names(person) == ["video-2.mp4", "video-1.mp4"]
    owner.signs_in(person.email, person.password)
    expect(owner.job("video-2.mp4")).to_be_visible()
    expect(owner.job("video-1.mp4")).to_have_count(0)
    eventually(lambda: names(person) == ["video-2.mp4"])


def test_a_deletion_is_shown_and_undone_in_all_tabs(owner, person, many_jobs):
    many_jobs(person.email, 1)
    owner.page.reload()
    second = Visitor(owner.page.context.new_page())
    second.opens("/")
    expect(second.job("video-1.mp4")).to_be_visible()
    owner.does("video-1.mp4", "Delete")
    expect(second.job("video-1.mp4")).to_have_count(0)
    owner.page.get_by_role("button", name="Undo").click()
    expect(owner.job("video-1.mp4")).to_be_visible()
    expect(second.job("video-1.mp4")).to_be_visible()
    assert names(person) == ["video-1.mp4"]
    assert second.problems == []


@pytest.mark.parametrize("window", [{}, PHONE], ids=["wide", "phone"])
def test_undo_is_not_clipped_by_a_long_name(visit, person, failed_job, window):
    failed_job(person.email, LONG, Failure.CRASHED)
    visitor = visit(**window)
    visitor.is_signed_in(person.token)
    visitor.opens("/")
    visitor.does(LONG, "Delete")
    undo = visitor.page.get_by_role("button", name="Undo")
    expect(undo).to_be_in_viewport(ratio=1)
    assert undo.evaluate(
        "b => [b, ...b.querySelectorAll('*')].every(e => e.scrollWidth <= e.clientWidth || !e.clientWidth)"
    )
    undo.click()
    expect(visitor.job(LONG)).to_be_visible()


# Failures


def test_a_video_cannot_be_converted_again_with_unchanged_options(owner, person):
    fid = person.converts(media.make("mp4"), "talk.mp4", title="A talk", start="1")["video_fid"]
    owner.does("talk.mp4", "Convert with other options…")
    dialog = owner.page.get_by_role("dialog")
    convert = dialog.get_by_role("button", name="Convert", exact=True)
    expect(convert).to_be_disabled()
    expect(convert).to_have_accessible_description("Change an option. With these options, the MP3 would be the same.")
    dialog.get_by_label("Start at").fill("0:02")
    expect(convert).to_be_enabled()
    dialog.get_by_label("Start at").fill("0:01")
    expect(convert).to_be_disabled()
    dialog.get_by_label("Title").fill("Another talk")
    convert.click()
    expect(dialog).to_have_count(0)
    assert person.waits_for(fid)["options"] == {"start": 1.0, "title": "Another talk"}


def test_a_job_that_can_succeed_as_it_is_can_be_tried_again(owner, failed_job, person):
    failed_job(person.email, "talk.mp4", Failure.CRASHED)
    owner.page.reload()
    expect(owner.job("talk.mp4").get_by_role("button", name="Try again")).to_be_visible()
    owner.does("talk.mp4", "Convert with other options…")
    dialog = owner.page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Convert", exact=True)).to_be_enabled()


def test_a_job_that_needs_other_options_offers_to_change_them(owner, failed_job, person):
    failed_job(person.email, "talk.mp4", Failure.TOO_LONG)
    owner.page.reload()
    job = owner.sees_job("talk.mp4", "failed")
    expect(job.get_by_role("button", name="Try again")).to_have_count(0)
    job.get_by_role("button", name="Change options").click()
    dialog = owner.page.get_by_role("dialog")
    convert = dialog.get_by_role("button", name="Convert", exact=True)
    expect(convert).to_be_disabled()
    expect(dialog).to_contain_text("the conversion would fail again")
    dialog.get_by_label("End at").fill("10")
    expect(convert).to_be_enabled()


def test_a_video_that_cannot_be_converted_can_only_be_deleted(owner, failed_job, person):
    failed_job(person.email, "talk.mp4", Failure.NOT_A_VIDEO)
    owner.page.reload()
    job = owner.sees_job("talk.mp4", "failed")
    expect(job).to_contain_text("Save the video in a common format")
    expect(job.get_by_role("button")).to_have_count(1)
    job.get_by_role("button", name="More actions").click()
    assert owner.page.get_by_role("menuitem").all_inner_texts() == ["Delete"]


# MP3s


def test_two_players_do_not_play_at_once(owner, person):
    for name in ("one.mp4", "two.mp4"):
        person.converts(media.make("mp4"), name)
        owner.sees_job(name, "completed")
    for name in ("one.mp3", "two.mp3"):
        owner.page.get_by_role("button", name=f"Play {name}").click()
        owner.page.wait_for_function("name => document.querySelector(`audio[aria-label='${name}']`)", arg=name)
    owner.page.wait_for_function("() => document.querySelectorAll('audio').length === 2")
    one, two = (owner.page.locator(f"audio[aria-label='{name}']") for name in ("one.mp3", "two.mp3"))
    for plays, pauses in ((two, one), (one, two)):
        plays.evaluate("audio => { audio.loop = true; return audio.play(); }")
        assert not plays.evaluate("audio => audio.paused")
        eventually(lambda other=pauses: other.evaluate("audio => audio.paused"))


def test_the_link_of_an_mp3_can_be_copied(visit, person):
    job = person.converts(media.make("mp4"), "talk.mp4")
    visitor = visit(permissions=["clipboard-read", "clipboard-write"])
    visitor.is_signed_in(person.token)
    visitor.opens("/")
    visitor.does("talk.mp4", "Copy link")
    expect(visitor.page.get_by_text("Link copied")).to_be_visible()
    link = visitor.page.evaluate("navigator.clipboard.readText()")
    assert requests.get(link, timeout=30).content == person.download(job["mp3_fid"]).content


def test_a_link_that_cannot_be_copied_is_shown_to_be_copied_by_hand(owner, person):
    person.converts(media.make("mp4"), "talk.mp4")
    # As on pages that were loaded over plain HTTP.
    owner.page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    owner.page.reload()
    owner.does("talk.mp4", "Copy link")
    link = owner.page.get_by_role("dialog").get_by_label("Link", exact=True)
    expect(link).to_be_focused()
    assert "/download?fid=" in link.input_value()
    assert link.evaluate("input => input.selectionEnd - input.selectionStart") == len(link.input_value())


def test_names_have_their_own_direction_and_dates_the_browsers_language(visit, person, failed_job):
    arabic = "محاضرة عن النحل 2024.mp4"
    fid = failed_job(person.email, arabic, Failure.CRASHED)
    visitor = visit(locale="de-DE")
    visitor.is_signed_in(person.token)
    visitor.opens("/")
    name = visitor.page.get_by_role("link", name=arabic)
    assert name.evaluate("e => getComputedStyle(e).direction") == "rtl"
    moment = visitor.job(arabic).locator("time")
    expect(moment).to_have_text("jetzt")
    expect(moment).to_have_attribute("lang", "de-DE")
    assert moment.get_attribute("datetime") == person.job(fid)["created_at"]
    expected = (
        "at => new Intl.DateTimeFormat('de-DE', { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(at))"
    )
    shown = visitor.page.evaluate(expected, person.job(fid)["created_at"])
    assert moment.get_attribute("title") == shown
    name.click()
    expect(visitor.page.locator("dd time").first).to_have_text(shown)
    heading = visitor.page.get_by_role("heading", name=arabic).locator("bdi")
    assert heading.evaluate("e => getComputedStyle(e).direction") == "rtl"


# Phones


def test_a_row_on_a_phone_has_one_button_and_a_menu(visit, person):
    person.converts(media.make("mp4"), "talk.mp4")
    visitor = visit(**PHONE)
    visitor.is_signed_in(person.token)
    visitor.opens("/")
    job = visitor.sees_job("talk.mp4", "completed")
    labels = [button.get_attribute("aria-label") for button in job.get_by_role("button").all()]
    assert labels == ["Download talk.mp3", "More actions for talk.mp4"]
    visitor.does("talk.mp4", "Play")
    visitor.page.wait_for_function("() => document.querySelector('audio')?.currentTime > 0.1")
    visitor.does("talk.mp4", "Summarise")
    expect(job.locator("[data-summary=completed]")).to_be_visible()
    visitor.does("talk.mp4", "Transcript")
    expect(visitor.page.get_by_role("dialog")).to_contain_text("These are the words at second 0.")


# px (WCAG 2.2, target size (enhanced)).
_TARGET = 44
_SMALL = """least => [...document.querySelectorAll('a[href], button, input, [role=menuitem], [role=option]')]
    .filter(e => e.checkVisibility({ visibilityProperty: true }) && !e.closest('.skip'))
    // A label is a part of its checkbox.
    .map(e => e.matches('[type=checkbox]') ? e.closest('.mantine-Checkbox-root, .mantine-Switch-root') : e)
    .map(e => [e, e.getBoundingClientRect()])
    .filter(([e, box]) => box.width > 1 && (box.height < least || box.width < least))
    .map(([e, box]) => `${e.outerHTML.slice(0, 150)}: ${box.width} x ${box.height}`)"""


def test_what_can_be_pressed_on_a_touch_screen_is_large_enough(visit, person, failed_job):
    fid = person.converts(media.make("mp4"), "talk.mp4")["video_fid"]
    failed_job(person.email, "a.mp4", Failure.CRASHED)
    visitor = visit(**PHONE)
    page = visitor.page

    def check(screen):
        page.wait_for_function("() => document.getAnimations().every(a => a.playState !== 'running')")
        assert page.evaluate(_SMALL, _TARGET) == [], screen

    visitor.opens("/")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    check("sign-in")
    visitor.is_signed_in(person.token)
    visitor.opens("/")
    visitor.sees_job("talk.mp4", "completed")
    visitor.sees_job("a.mp4", "failed")
    check("list")
    page.get_by_role("button", name="More actions for talk.mp4").click()
    expect(page.get_by_role("menuitem", name="Delete")).to_be_visible()
    check("menu")
    page.get_by_role("menuitem", name="Convert with other options…").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check("convert again")
    visitor.opens(f"/app/jobs/{fid}")
    expect(page.locator("[data-waveform]")).to_be_visible()
    check("job")
    visitor.opens("/app/account")
    expect(page.get_by_role("switch")).to_be_visible()
    check("account")
    visitor.opens("/app/nowhere")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    check("not found")


# ms. It takes less than one second on a machine that does nothing else.
_LIMIT = 5_000


def test_a_list_of_two_hundred_jobs_is_shown_quickly(visitor, person, many_jobs):
    many_jobs(person.email, 200)
    visitor.is_signed_in(person.token)
    # With the files in the browser's cache.
    visitor.opens("/")
    expect(visitor.job("video-200.mp4")).to_be_visible()
    visitor.page.reload(wait_until="commit")
    first = visitor.page.wait_for_function("() => document.querySelector('li[data-job]') && performance.now()")
    assert first.json_value() < _LIMIT
