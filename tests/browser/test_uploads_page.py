"""Uploads in the page: presets and options, rejected files, many files, notifications, files that other apps share."""

import re

import pytest
from playwright.sync_api import expect

from tests import media

_WORKER = "async () => !!(await navigator.serviceWorker.getRegistration('/app/share'))?.active"
# How many shared files, and how many confirmations of them, the browser has stored.
_KEPT = (
    "Promise.all(['shared-files', 'confirmed-files'].map(n => caches.open(n).then(c => c.keys()).then(k => k.length)))"
)
# The page believes that it is in the background, and its notifications are recorded.
_HIDDEN = """
    Object.defineProperty(document, "hidden", { get: () => true });
    window.shown = [];
    ServiceWorkerRegistration.prototype.showNotification = (title, options) => {
        window.shown.push(options.body);
        return Promise.resolve();
    };
"""
# Controls of the uploads below 44 by 44 pixels. What is pressed for a radio button or a check box is its label.
_TOO_SMALL = """() => {
    const kinds = ["button", "input:not([type=radio], [type=checkbox], [type=file])", ".mantine-SegmentedControl-label",
        ".mantine-Checkbox-label", ".mantine-Switch-root"];
    const uploads = "main section:not([aria-labelledby=jobs-heading])";
    return [...document.querySelectorAll(`${uploads} :is(${kinds.join(",")})`)]
        .map(control => [control.outerHTML.slice(0, 120), control.getBoundingClientRect()])
        .filter(([, box]) => box.width > 0 && (box.height < 44 || box.width < 44))
        .map(([html, box]) => `${box.width} x ${box.height}: ${html}`);
}"""


def copy(kind, name, folder):
    path = folder / name
    path.write_bytes(media.make(kind).read_bytes())
    return path


def text_file(name, folder):
    path = folder / name
    path.write_text("This is a letter, and it has no sound.\n" * 100)
    return path


def uploads_requested(page):
    """Collects the requests that create an upload."""
    seen = []
    page.on("request", lambda request: seen.append(request) if request.url.endswith("/files") else None)
    return seen


def test_a_rejected_upload_can_only_be_removed(owner, tmp_path):
    path = media.not_a_video(tmp_path)
    owner.drops(path)
    row = owner.upload(path.name)
    expect(row).to_have_attribute("data-state", "rejected")
    expect(row.get_by_role("alert")).to_contain_text("a text file, not a video")
    expect(row.get_by_role("button")).to_have_text(["Remove"])
    owner.ends_upload(path.name, "Remove")
    expect(row).to_have_count(0)
    owner.page.reload()
    expect(owner.page.get_by_text("No MP3s yet")).to_be_visible()
    expect(row).to_have_count(0)


def test_an_upload_that_the_server_could_not_take_can_be_tried_again(owner, tmp_path):
    page = owner.page
    error = {"error": "The upload has expired.", "code": "gone"}
    page.route("**/files/*", lambda route: route.fulfill(status=410, json=error), times=1)
    video = copy("mp4", "talk.mp4", tmp_path)
    owner.drops(video)
    expect(owner.upload("talk.mp4")).to_contain_text("The upload has expired.")
    page.get_by_role("button", name="Try again talk.mp4").click()
    owner.sees_job("talk.mp4", "completed")


def test_options_that_the_server_rejects_can_be_replaced(owner, tmp_path):
    page = owner.page
    error = {"error": "start: must be within the video", "code": "invalid"}
    page.route("**/files", lambda route: route.fulfill(status=422, json=error), times=1)
    owner.drops(copy("mp4", "talk.mp4", tmp_path))
    row = owner.upload("talk.mp4")
    expect(row).to_contain_text("start: must be within the video")
    owner.chooses_preset("Voice")
    page.get_by_role("button", name="Use the options above talk.mp4").click()
    owner.sees_job("talk.mp4", "completed")


def test_a_part_that_ends_before_it_starts_is_refused_before_the_upload(owner, tmp_path):
    page = owner.page
    requested = uploads_requested(page)
    page.get_by_role("button", name="More options").click()
    page.get_by_label("Start at").fill("20")
    page.get_by_label("End at").fill("5")
    expect(page.get_by_label("End at")).to_have_accessible_description("The end must be later than the start (0:20).")
    expect(page.get_by_role("button", name="Choose videos")).to_be_disabled()
    video = copy("mp4", "talk.mp4", tmp_path)
    owner.drops(video)
    expect(page.get_by_text("Correct the highlighted options")).to_be_visible()
    expect(owner.upload("talk.mp4")).to_have_count(0)
    assert requested == []
    page.get_by_label("Start at").fill("1")
    page.get_by_label("End at").fill("3")
    owner.drops(video)
    owner.sees_job("talk.mp4", "completed")
    assert len(requested) == 1


def test_the_chosen_options_and_the_preset_are_still_there_after_a_reload(owner, person, tmp_path):
    page = owner.page
    expect(owner.preset("Standard")).to_be_checked()
    owner.preset("Standard").press("ArrowRight")
    expect(owner.preset("Voice")).to_be_checked()
    page.get_by_role("button", name="More options").click()
    page.get_by_label("Title").fill("A talk")
    page.reload()
    expect(owner.preset("Voice")).to_be_checked()
    expect(page.get_by_label("Title")).to_have_value("A talk")
    owner.drops(copy("mp4", "talk.mp4", tmp_path))
    fid = owner.sees_job("talk.mp4", "completed").get_attribute("data-job")
    assert person.job(fid)["options"] == {"bitrate": 64, "channels": "mono", "normalize": True, "title": "A talk"}


def test_a_video_can_be_converted_again_with_a_preset(owner, person):
    fid = person.converts(media.make("mp4"), "talk.mp4", title="A talk")["video_fid"]
    owner.does("talk.mp4", "Convert with other options…")
    dialog = owner.page.get_by_role("dialog")
    dialog.get_by_text("Small", exact=True).click()
    dialog.get_by_role("button", name="Convert", exact=True).click()
    expect(dialog).to_have_count(0)
    assert person.waits_for(fid)["options"] == {"quality": 9, "title": "A talk"}


def test_files_that_are_not_media_are_refused_at_once(owner, tmp_path):
    page = owner.page
    requested = uploads_requested(page)
    owner.drops(text_file("letter.txt", tmp_path), kind="text/plain")
    expect(page.get_by_role("alert").filter(has_text="letter.txt was not added")).to_be_visible()
    assert requested == []
    accepted = page.get_by_label("Videos to upload").get_attribute("accept")
    assert {"video/*", "audio/*", ".mkv", ".ts", ".m2ts", ".flv"} <= set(accepted.split(","))
    # The type of a transport stream is unknown to the browser, or that of TypeScript.
    owner.drops(copy("ts", "recording.ts", tmp_path), kind="text/plain")
    owner.sees_job("recording.ts", "completed")
    expect(page.get_by_role("alert").filter(has_text="letter.txt")).to_have_count(0)


def test_many_uploads_have_a_total_and_those_that_are_finished_can_be_cleared(owner, tmp_path):
    page = owner.page
    small = [copy("mp4", f"clip-{number}.mp4", tmp_path) for number in range(4)]
    large = media.large(12, tmp_path)
    owner.has_a_slow_line(1_500_000)
    owner.chooses(large, *small, media.not_a_video(tmp_path))
    total = page.locator("[data-total]")
    expect(total).to_contain_text(re.compile(r"4 of 5 uploaded · .+ of 1\d MB · \d+ s left"))
    expect(page).to_have_title(re.compile(r"^\d+ % · Your MP3s · Video2MP3$"))
    expect(owner.upload("not_a_video")).to_have_attribute("data-state", "rejected")
    page.get_by_role("button", name="Clear finished").click()
    expect(page.locator("li[data-state]")).to_have_count(1)
    expect(owner.upload(large.name)).to_have_attribute("data-state", "uploading")
    owner.has_a_fast_line()
    expect(owner.upload(large.name)).to_have_attribute("data-state", "done")
    owner.upload(large.name).get_by_role("link").click()
    expect(page.get_by_role("heading", name=large.name)).to_be_visible()
    expect(page).to_have_title(f"{large.name} · Video2MP3")


def test_a_notification_is_shown_when_all_work_has_ended_in_the_background(visit, person, tmp_path):
    visitor = visit(permissions=["notifications"])
    page = visitor.page
    page.add_init_script(_HIDDEN)
    visitor.is_signed_in(person.token)
    visitor.opens("/")
    expect(page.get_by_text("No MP3s yet")).to_be_visible()
    page.wait_for_function(_WORKER)
    expect(page.get_by_label("Notify me when done")).to_have_count(0)
    # Too slow for the large file to be complete before the other's job has ended.
    visitor.has_a_slow_line(200_000)
    visitor.chooses(media.large(12, tmp_path), copy("mp4", "talk.mp4", tmp_path))
    page.get_by_label("Notify me when done").check()
    visitor.sees_job("talk.mp4", "completed")
    assert page.evaluate("window.shown") == []
    visitor.has_a_fast_line()
    page.wait_for_function("() => window.shown.length > 0")
    assert page.evaluate("window.shown") == ["2 MP3s are ready."]


@pytest.mark.parametrize("signed_in", [True, False])
def test_a_file_that_another_app_shares_is_uploaded_after_a_confirmation(visitor, person, signed_in):
    page = visitor.page
    if signed_in:
        visitor.is_signed_in(person.token)
    visitor.opens("/")
    page.wait_for_function(_WORKER)
    visitor.shares(media.make("mp4"), "shared.mp4")
    if not signed_in:
        visitor.signs_in(person.email, person.password)
    question = page.get_by_role("alert").filter(has_text="1 shared file: shared.mp4")
    expect(question).to_be_visible()
    # Another website could have sent it: nothing is uploaded, and a reload asks again.
    page.reload()
    expect(question).to_be_visible()
    expect(page.locator("li[data-state]")).to_have_count(0)
    assert person.login().request("GET", "/jobs").json()["jobs"] == []
    question.get_by_role("button", name="Upload").click()
    expect(question).to_have_count(0)
    visitor.sees_job("shared.mp4", "completed")
    # It is not uploaded a second time.
    page.reload()
    visitor.sees_job("shared.mp4", "completed")
    expect(page.locator("li[data-state]")).to_have_count(0)
    expect(question).to_have_count(0)
    assert page.evaluate(_KEPT) == [0, 0]
    assert len(person.login().request("GET", "/jobs").json()["jobs"]) == 1


def test_shared_files_can_be_discarded(owner, person):
    page = owner.page
    page.wait_for_function(_WORKER)
    owner.shares(media.make("mp4"), "first.mp4")
    owner.shares(media.make("mp4"), "second.mp4")
    question = page.get_by_role("alert").filter(has_text="2 shared files")
    expect(question.get_by_role("listitem")).to_have_count(2)
    expect(question).to_contain_text("first.mp4")
    question.get_by_role("button", name="Discard").click()
    expect(question).to_have_count(0)
    page.wait_for_function(f"async () => String(await {_KEPT}) === '0,0'")
    page.reload()
    expect(page.get_by_text("Drop videos here")).to_be_visible()
    expect(page.get_by_role("alert").filter(has_text="shared file")).to_have_count(0)
    assert person.login().request("GET", "/jobs").json()["jobs"] == []


def test_the_upload_of_a_shared_file_resumes_after_a_reload(owner, person, tmp_path):
    page = owner.page
    page.wait_for_function(_WORKER)
    video = media.large(12, tmp_path)
    owner.has_a_slow_line(1_500_000)
    owner.shares(video, video.name)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(owner.upload(video.name)).to_contain_text("left")
    page.reload()
    owner.has_a_fast_line()
    owner.sees_job(video.name, "completed")
    assert owner.offsets[-1] > 0, "the upload was resumed"


def test_a_file_that_could_not_be_stored_is_explained(owner):
    # Without a service worker, the server answers.
    answer = owner.page.request.post("/app/share", multipart={"file": "x"}, max_redirects=0)
    assert answer.status == 303
    owner.opens(answer.headers["location"])
    expect(owner.page.get_by_role("alert").filter(has_text="The shared file could not be added")).to_be_visible()
    owner.page.get_by_role("button", name="Close this message").click()
    expect(owner.page.get_by_role("alert").filter(has_text="The shared file")).to_have_count(0)
    assert owner.page.url.endswith("/")


def test_the_screens_of_many_uploads(window, person, tmp_path):
    page = window.page
    window.is_signed_in(person.token)
    window.opens("/")
    large = media.large(40, tmp_path).rename(tmp_path / "Concert in the park.mp4")
    text = media.not_a_video(tmp_path).rename(tmp_path / "Shopping list.mp4")
    window.has_a_slow_line(400_000)
    window.chooses(large, copy("mp4", "שיחה עם השכן.mp4", tmp_path), text)
    expect(page.locator("[data-total]")).to_contain_text("1 of 2 uploaded")
    expect(window.upload(text.name)).to_have_attribute("data-state", "rejected")
    window.drops(text_file("letter.txt", tmp_path), kind="text/plain")
    expect(page.get_by_role("alert").filter(has_text="letter.txt")).to_be_visible()
    window.shows("uploads")
    window.ends_upload(large.name, "Cancel")
    window.chooses_preset("Voice")
    page.get_by_role("button", name="More options").click()
    page.get_by_label("Start at").fill("20")
    page.get_by_label("End at").fill("5")
    page.evaluate("window.scrollTo(0, 0)")
    window.shows("presets")


def test_on_a_touch_screen_all_controls_can_be_hit_with_a_finger(visit, person, tmp_path):
    visitor = visit(viewport={"width": 390, "height": 760}, has_touch=True, is_mobile=True)
    page = visitor.page
    visitor.is_signed_in(person.token)
    visitor.opens("/")
    page.get_by_role("button", name="More options").click()
    visitor.has_a_slow_line(300_000)
    visitor.chooses(media.large(12, tmp_path), media.not_a_video(tmp_path))
    expect(visitor.upload("not_a_video")).to_have_attribute("data-state", "rejected")
    small = page.evaluate(_TOO_SMALL)
    assert small == []


def test_only_the_sound_of_a_video_is_sent(owner, person, tmp_path):
    video = copy("webm_vorbis", "talk.webm", tmp_path)
    owner.chooses(video)
    owner.sees_job(video.name, "completed")
    expect(owner.upload(video.name)).to_contain_text("Only the sound was sent")
    person.login()
    [job] = [one for one in person.request("GET", "/jobs").json()["jobs"] if one["filename"] == video.name]
    assert job["original"]["size"] == video.stat().st_size
    assert job["result"]["video_size"] < 0.7 * video.stat().st_size

    owner.page.get_by_label("Send the whole video").check()
    owner.page.reload()
    expect(owner.page.get_by_label("Send the whole video")).to_be_checked()
    again = copy("webm_vorbis", "again.webm", tmp_path)
    owner.chooses(again)
    owner.sees_job(again.name, "completed")
    [job] = [one for one in person.request("GET", "/jobs").json()["jobs"] if one["filename"] == again.name]
    assert job["original"] is None
