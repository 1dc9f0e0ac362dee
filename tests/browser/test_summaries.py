"""Summaries in the page."""

from bson import ObjectId
from playwright.sync_api import expect

from common.domain.summaries import Recording
from tests import media


def summary_of(visitor, name):
    return visitor.job(name).locator("[data-summary]")


def test_a_completed_job_is_summarised_and_its_transcript_can_be_read_and_downloaded(owner, person, tmp_path):
    person.converts(media.make("mp4"), "talk.mp4")
    page = owner.page
    page.get_by_role("button", name="Summarise talk.mp4").click()
    expect(summary_of(owner, "talk.mp4")).to_have_attribute("data-summary", "completed")
    expect(owner.job("talk.mp4")).to_contain_text("These are the words at second 0.")
    expect(page.get_by_role("status").filter(has_text="The summary of talk.mp4 is ready.")).to_be_attached()

    page.get_by_role("button", name="Transcript of talk.mp4").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("These are the words at second 0.")
    kept = {}
    for label, ending in (("Text", "txt"), ("Subtitles (SRT)", "srt"), ("Subtitles (WebVTT)", "vtt")):
        with page.expect_download() as download:
            dialog.get_by_role("button", name=f"Download the transcript: {label}").click()
        assert download.value.suggested_filename == f"talk.{ending}"
        download.value.save_as(tmp_path / ending)
        kept[ending] = (tmp_path / ending).read_text()
    assert kept["txt"] == "These are the words at second 0.\n"
    assert kept["srt"].startswith("1\n00:00:00,000 --> ")
    assert kept["vtt"].startswith("WEBVTT\n")

    # The summary is still there after a reload, in the list and on the page of the job.
    page.reload()
    expect(owner.job("talk.mp4")).to_contain_text("These are the words at second 0.")
    owner.job("talk.mp4").get_by_role("link").click()
    expect(page.get_by_text("These are the words at second 0.")).to_be_visible()


def test_a_summary_shows_its_progress_and_its_error_and_can_be_retried(owner, person, summaries):
    job = person.converts(media.make("mp4"), "talk.mp4")
    mp3, video = ObjectId(job["mp3_fid"]), ObjectId(job["video_fid"])
    made = summaries.create(person.email, "talk.mp4", Recording(mp3, mp3, video), status="transcribing", progress=40)
    owner.page.reload()
    expect(summary_of(owner, "talk.mp4")).to_contain_text("Transcribing · 40 %")
    expect(owner.page.get_by_role("progressbar", name="Summary of talk.mp4")).to_be_visible()
    summaries.update(made.id, {}, {"status": "summarising", "progress": 90})
    expect(summary_of(owner, "talk.mp4")).to_contain_text("Summarising · 90 %")
    summaries.fail(made.id, "There is no speech in this recording.")
    expect(summary_of(owner, "talk.mp4")).to_contain_text("There is no speech in this recording.")
    owner.page.get_by_role("button", name="Try to summarise talk.mp4 again").click()
    expect(summary_of(owner, "talk.mp4")).to_have_attribute("data-summary", "completed")


def test_another_conversion_may_have_another_summary(owner, person):
    job = person.converts(media.make("mp4"), "talk.mp4")
    owner.page.get_by_role("button", name="Summarise talk.mp4").click()
    expect(summary_of(owner, "talk.mp4")).to_have_attribute("data-summary", "completed")
    person.request("POST", f"/jobs/{job['video_fid']}/retry", json={"start": 1})
    person.waits_for(job["video_fid"])
    expect(owner.page.get_by_role("button", name="Summarise talk.mp4")).to_be_visible()


def test_without_a_provider_the_page_does_not_offer_summaries(visit, stack, person):
    person.converts(media.make("mp4"), "talk.mp4")
    stack.add("without", like="gateway", env={"SUMMARY_SVC_ADDRESS": ""})
    try:
        visitor = visit(base_url=stack.url("without"))
        visitor.is_signed_in(person.token)
        with visitor.page.expect_response(lambda answer: "/summaries" in answer.url) as answer:
            visitor.opens("/")
        assert answer.value.status == 503
        visitor.sees_job("talk.mp4", "completed")
        expect(visitor.page.get_by_role("button", name="Download talk.mp3")).to_be_visible()
        expect(visitor.page.get_by_role("button", name="Summarise")).to_have_count(0)
    finally:
        stack.remove("without")
