"""Conversion options, retry and cancel."""

import io
from base64 import b64encode

import pytest
from mutagen.mp3 import MP3

from tests import invariant, media, thinning
from tests.person import Person
from tests.waiting import eventually


def mp3_of(person: Person, job: dict) -> MP3:
    answer = person.download(job["mp3_fid"])
    assert answer.status_code == 200, answer.text
    return MP3(io.BytesIO(answer.content))


def test_options_travel_from_the_form_to_the_mp3(person: Person):
    tags = {"title": "Ünï", "artist": "Somebody", "album": "Talks", "cover": "frame"}
    chosen = {"quality": "5", "channels": "stereo", "sample_rate": "44100", "start": "00:00:01", "end": "3.5",
              "normalize": "true", "track": "1", **tags}  # fmt: skip
    job = person.converts(media.make("mp4"), **chosen)
    assert job["options"]["start"] == 1.0
    found = mp3_of(person, job)
    assert found.info.length == pytest.approx(2.5, abs=0.1)
    assert (found.info.channels, found.info.sample_rate) == (2, 44100)
    assert [str(found[name]) for name in ("TIT2", "TPE1", "TALB")] == ["Ünï", "Somebody", "Talks"]
    assert found.tags.getall("APIC")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"quality": "10"}, "quality: must be from 0"),
        ({"bitrate": "128", "quality": "2"}, "exclude each other"),
        ({"start": "5", "end": "4"}, "end: must be after start"),
        ({"speed": "2"}, "speed: is not an option"),
    ],
)
def test_an_invalid_option_is_named_and_leaves_nothing(person: Person, environment, fields, error):
    answer = person.upload(media.make("mp4"), **fields)
    assert answer.status_code == 422
    assert error in answer.json()["error"]
    assert invariant.violations(environment, person.email) == []


def test_a_finished_video_is_converted_again_and_the_old_mp3_stays_until_then(person: Person, environment):
    job = person.converts(media.make("mp4"))
    person.email_about(job["video_fid"])
    answer = person.request("POST", f"/jobs/{job['video_fid']}/retry", json={"bitrate": 64, "title": "Again"})
    assert answer.status_code == 202, answer.text
    assert answer.json()["options"] == {"bitrate": 64, "title": "Again"}
    assert answer.json()["mp3_fid"] == job["mp3_fid"]
    again = person.waits_for(job["video_fid"])
    assert (again["status"], again["options"]["bitrate"]) == ("completed", 64)
    assert again["mp3_fid"] != job["mp3_fid"]
    assert mp3_of(person, again).info.bitrate == 64_000
    eventually(lambda: person.download(job["mp3_fid"]).status_code == 404, what="the end of the old MP3")
    eventually(lambda: len(person.emails()) == 2, what="the second email")
    assert len({str(email["Message-ID"]) for email in person.emails()}) == 2
    invariant.holds(environment, person.email)


def test_a_retry_with_the_same_options_is_refused(person: Person):
    job = person.converts(media.make("mp4"), bitrate="128")
    for body in ({"json": {"bitrate": 128}}, {}):
        answer = person.request("POST", f"/jobs/{job['video_fid']}/retry", **body)
        assert answer.status_code == 409, answer.text


def test_a_failed_job_can_be_retried_and_fails_again_with_another_email(person: Person, environment):
    fid = person.uploads(media.make("two_tracks"), track="3")
    job = person.waits_for(fid)
    assert (job["status"], "it has 2" in job["error"]) == ("failed", True)
    # Without waiting for its email, there would be none about this run.
    person.email_about(fid)
    assert person.request("POST", f"/jobs/{fid}/retry").status_code == 202
    assert person.waits_for(fid)["status"] == "failed"
    eventually(lambda: len({str(email["Message-ID"]) for email in person.emails()}) == 2, what="two emails")
    assert person.request("POST", f"/jobs/{fid}/retry", json={"track": 2}).status_code == 202
    assert person.waits_for(fid)["status"] == "completed"
    invariant.holds(environment, person.email)


def test_a_retry_that_fails_keeps_the_mp3(person: Person, environment):
    job = person.converts(media.make("mp4"))
    assert person.request("POST", f"/jobs/{job['video_fid']}/retry", json={"track": 9}).status_code == 202
    failed = person.waits_for(job["video_fid"])
    assert (failed["status"], failed["mp3_fid"]) == ("failed", job["mp3_fid"])
    assert person.download(job["mp3_fid"]).status_code == 200
    invariant.holds(environment, person.email)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"json": []}, 400),
        ({"data": b"bitrate=64"}, 415),
        ({"json": {"title": "x" * 20_000}}, 413),
        ({"json": {"bitrate": 1}}, 422),
    ],
)
def test_a_retry_with_a_bad_body_is_refused(person: Person, sent, status):
    job = person.converts(media.make("mp4"))
    answer = person.request("POST", f"/jobs/{job['video_fid']}/retry", **sent)
    assert answer.status_code == status, answer.text
    assert person.job(job["video_fid"]) == job


def test_a_conversion_is_cancelled_while_it_runs(person: Person, environment):
    fid = person.uploads(media.long(3000), normalize="true")
    eventually(lambda: person.job(fid)["status"] == "converting", what="the conversion")
    busy = person.request("POST", f"/jobs/{fid}/retry")
    assert busy.status_code == 409
    answer = person.request("POST", f"/jobs/{fid}/cancel")
    assert answer.status_code == 202, answer.text
    assert (answer.json()["status"], answer.json()["error"]) == ("failed", "Cancelled by you.")
    assert person.request("POST", f"/jobs/{fid}/cancel").status_code == 409
    # The worker is free for the next job, and no email is sent about a cancellation.
    person.email_about(person.converts(media.make("mp4"))["video_fid"])
    assert person.job(fid)["status"] == "failed"
    assert not [email for email in person.emails() if fid in str(email["Message-ID"])]
    invariant.holds(environment, person.email)


def test_a_cancelled_job_can_be_retried(person: Person):
    fid = person.uploads(media.long(600))
    assert person.request("POST", f"/jobs/{fid}/cancel").status_code == 202
    assert person.request("POST", f"/jobs/{fid}/retry", json={"end": 2}).status_code == 202
    assert person.waits_for(fid)["status"] == "completed"


def test_a_job_of_which_only_the_sound_was_sent_shows_the_video_and_has_no_pictures(person, tmp_path):
    video = media.make("late_sound")
    sound, start = thinning.thin(video, tmp_path)
    fields = {"sound_only": "true", "original_size": str(video.stat().st_size), "original_start": str(start)}
    values = {"filename": "talk.mp4", "end": "3", **fields}
    header = ",".join(f"{name} {b64encode(value.encode()).decode()}" for name, value in values.items())
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": str(sound.stat().st_size)}

    refused = header + ",cover " + b64encode(b"frame").decode()
    answer = person.request("POST", "/files", headers={**tus, "Upload-Metadata": refused})
    assert (answer.status_code, answer.json()["code"]) == (422, "pictures_not_uploaded")

    whole = {**tus, "Upload-Metadata": header, "Content-Type": "application/offset+octet-stream"}
    answer = person.request("POST", "/files", headers=whole, data=sound.read_bytes())
    job = person.waits_for(answer.headers["Location"].rpartition("/")[2])

    assert job["original"] == {"size": video.stat().st_size, "start": start, "duration": None}
    # The sound begins 2 s after the pictures, from which the end counts.
    assert job["result"]["duration"] == pytest.approx(1.0, abs=0.1)
    answer = person.request("POST", f"/jobs/{job['video_fid']}/retry", json={"cover": "frame"})
    assert (answer.status_code, answer.json()["code"]) == (422, "pictures_not_uploaded")
