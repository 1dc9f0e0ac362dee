"""The main functions of the page: register, upload, play, download, convert again, delete."""

import hashlib
import re
from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests import media
from tests.waiting import eventually


def copy(kind, name, folder):
    path = folder / name
    path.write_bytes(media.make(kind).read_bytes())
    return path


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def test_two_dropped_videos_become_mp3s_that_play_and_equal_those_of_the_api(visitor, newcomer, tmp_path):
    person = newcomer()
    visitor.opens("/")
    expect(visitor.page).to_have_title("Sign in · Video2MP3")
    visitor.registers(person.email, person.password)
    page = visitor.page
    expect(page.get_by_text("No MP3s yet")).to_be_visible()

    visitor.drops(copy("mp4", "talk.mp4", tmp_path), copy("webm", "Grüße – 音楽.webm", tmp_path))
    for name in ("talk.mp4", "Grüße – 音楽.webm"):
        visitor.sees_job(name, "completed")

    page.get_by_role("button", name="Play talk.mp3").click()
    audio = page.locator("audio")
    expect(page.locator("[data-waveform]")).to_be_visible()
    page.wait_for_function("() => document.querySelector('audio').currentTime > 0.2")
    assert abs(audio.evaluate("a => a.duration") - media.SECONDS) < 0.2

    person.login()
    jobs = {job["filename"]: job for job in person.request("GET", "/jobs").json()["jobs"]}
    for name, mp3 in {"talk.mp4": "talk.mp3", "Grüße – 音楽.webm": "Grüße – 音楽.mp3"}.items():
        saved = visitor.downloads(mp3, tmp_path)
        assert saved.name == mp3
        assert sha256(saved.read_bytes()) == sha256(person.download(jobs[name]["mp3_fid"]).content)


def test_an_upload_shows_its_progress_and_speed_and_can_be_paused(owner, tmp_path):
    video = media.large(12, tmp_path)
    owner.has_a_slow_line(1_000_000)
    owner.chooses(video)
    upload = owner.upload(video.name)
    expect(upload).to_contain_text(re.compile(r"\d+ % · .+ of 12 MB · .+/s · \d+ s left"))
    owner.page.get_by_role("button", name=f"Pause {video.name}").click()
    expect(upload).to_contain_text("Paused")
    owner.has_a_fast_line()
    owner.page.get_by_role("button", name=f"Resume {video.name}").click()
    owner.sees_job(video.name, "completed")
    expect(upload).to_have_attribute("data-state", "done")
    assert owner.offsets[-1] > 0, "the upload was resumed"


def test_a_cancelled_upload_is_deleted_on_the_server(owner, person, tmp_path):
    video = media.large(12, tmp_path)
    owner.has_a_slow_line(500_000)
    owner.chooses(video)
    expect(owner.upload(video.name)).to_contain_text("left")
    with owner.page.expect_response(lambda answer: answer.request.method == "DELETE") as answer:
        owner.page.get_by_role("button", name=f"Cancel {video.name}").click()
    assert answer.value.status == 204
    expect(owner.upload(video.name)).to_have_count(0)
    assert person.request("GET", "/jobs").json()["jobs"] == []


def test_options_reach_the_mp3_and_it_can_be_converted_again_with_others(owner, person, tmp_path):
    page = owner.page
    page.get_by_role("button", name="More options").click()
    page.get_by_label("Start at").fill("half past")
    expect(page.get_by_text("Correct the highlighted options")).to_be_visible()
    page.get_by_label("Start at").fill("0:01")
    page.get_by_label("Title").fill("A talk")
    owner.drops(copy("mp4", "talk.mp4", tmp_path))
    job = owner.sees_job("talk.mp4", "completed")
    fid = job.get_attribute("data-job")
    assert person.job(fid)["options"] == {"start": 1.0, "title": "A talk"}

    first = person.job(fid)["mp3_fid"]
    owner.does("talk.mp4", "Convert with other options…")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Custom", exact=True).click()
    dialog.get_by_label("Audio quality").click()
    page.get_by_role("option", name="64 kbit/s").click()
    dialog.get_by_role("button", name="Convert", exact=True).click()
    expect(dialog).to_have_count(0)
    done = person.waits_for(fid)
    assert done["status"] == "completed"
    assert done["mp3_fid"] != first
    assert done["options"] == {"bitrate": 64, "start": 1.0, "title": "A talk"}
    owner.sees_job("talk.mp4", "completed")


def test_the_page_shows_the_result_and_mp3_audio_is_copied_unless_asked(owner, person):
    page = owner.page
    fid = person.converts(media.make("avi"), "talk.avi")["video_fid"]
    result = person.job(fid)["result"]
    job = owner.sees_job("talk.avi", "completed")
    expect(job).to_contain_text(f"0:04 · {round(result['size'] / 1000)} kB")

    page.get_by_role("link", name="talk.avi").click()
    expect(page.get_by_text("Copied without re-encoding: the audio was MP3 already.")).to_be_visible()
    shown = dict(zip(page.locator("dt").all_inner_texts(), page.locator("dd").all_inner_texts(), strict=True))
    assert shown["Duration"] == "0:04"
    assert shown["Size"] == f"{round(result['size'] / 1000)} kB (video: {round(result['video_size'] / 1000)} kB)"
    assert shown["Quality"] == f"{result['bitrate']} kbit/s"
    assert shown["Audio"] == "mono, 48 kHz"

    owner.does("talk.avi", "Convert with other options…")
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Custom", exact=True).click()
    dialog.get_by_label("Re-encode MP3 audio").check()
    dialog.get_by_role("button", name="Convert", exact=True).click()
    expect(dialog).to_have_count(0)
    assert person.waits_for(fid)["options"] == {"reencode": True}
    expect(page.locator("dt", has_text="Encoding")).to_be_visible()
    expect(page.get_by_text("Copied without re-encoding")).to_have_count(0)
    expect(page.locator("dd", has_text="192 kbit/s")).to_be_visible()


def test_a_deletion_can_be_undone_and_is_carried_out_when_the_page_is_left(owner, person):
    for name in ("one.mp4", "two.mp4"):
        person.converts(media.make("mp4"), name)
    page = owner.page
    for name in ("one.mp4", "two.mp4"):
        owner.sees_job(name, "completed")
        owner.does(name, "Delete")
        expect(owner.job(name)).to_have_count(0)
    page.keyboard.press("Control+z")
    owner.sees_job("two.mp4", "completed")
    page.reload()
    owner.sees_job("two.mp4", "completed")
    expect(owner.job("one.mp4")).to_have_count(0)

    def left():
        return [job["filename"] for job in person.request("GET", "/jobs").json()["jobs"]]

    eventually(lambda: left() == ["two.mp4"])


def test_the_list_shows_changes_made_elsewhere(owner, person):
    expect(owner.page.get_by_text("No MP3s yet")).to_be_visible()
    fid = person.converts(media.make("mp4"), "elsewhere.mp4")["video_fid"]
    owner.sees_job("elsewhere.mp4", "completed")
    person.request("DELETE", f"/jobs/{fid}")
    expect(owner.job("elsewhere.mp4")).to_have_count(0)


def test_hundreds_of_jobs_are_loaded_in_pages(visitor, person, many_jobs):
    many_jobs(person.email, 180)
    visitor.is_signed_in(person.token)
    visitor.opens("/")
    jobs = visitor.page.locator("li[data-job]")
    expect(jobs.first).to_contain_text("video-180.mp4")
    assert jobs.count() < 180
    for already in range(25, 180, 25):
        jobs.nth(already - 1).scroll_into_view_if_needed()
        expect(jobs.nth(already + 1)).to_be_attached()
    expect(jobs).to_have_count(180)


def test_the_link_of_the_email_opens_the_page_at_the_job(visitor, person):
    job = person.converts(media.make("mp4"), "talk.mp4")
    text = person.email_about(job["video_fid"])
    link = next(line for line in text.splitlines() if "/app/jobs/" in line)
    visitor.opens(link)
    visitor.signs_in(person.email, person.password)
    expect(visitor.page.get_by_role("heading", name="talk.mp4")).to_be_visible()
    assert visitor.page.url == link
    expect(visitor.page.locator("audio")).to_be_visible()
    visitor.page.get_by_role("link", name="All your MP3s").click()
    visitor.sees_job("talk.mp4", "completed")


def test_signing_out_removes_the_token(owner):
    owner.page.get_by_role("button", name="Account of").click()
    owner.page.get_by_role("menuitem", name="Sign out").click()
    expect(owner.page.get_by_role("button", name="Sign in")).to_be_visible()
    assert owner.page.evaluate("localStorage.length") == 0
    owner.opens("/")
    expect(owner.page.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_job_that_was_created_and_ended_before_the_event_stream_opened_is_shown(visitor, person):
    visitor.is_signed_in(person.token)
    page, waiting = visitor.page, []

    def hold(route):
        waiting.append(route)

    def listed():
        return page.expect_response(lambda response: urlsplit(response.url).path == "/jobs")

    page.route("**/jobs/events", hold)
    with listed(), page.expect_request("**/jobs/events"):
        visitor.opens("/")
    person.converts(media.make("mp4"), "talk.mp4")
    # The job is not in the first list, and the event stream reports only later changes.
    with listed():
        waiting[0].continue_()
    visitor.sees_job("talk.mp4", "completed")
