"""The result of a conversion in the API, the email and the CLI; MP3 sound is copied unless encoding is requested."""

import base64
import io
import subprocess
from pathlib import Path

import pytest
from mutagen.mp3 import MP3

from converter.ffmpeg import binary
from tests import invariant, media
from tests.person import Person

COPIED = {"code": "copied", "text": "Copied without re-encoding: the audio was MP3 already."}


def packets(path: Path) -> bytes:
    """The frames of a file's first audio track."""
    command = [binary(), "-nostdin", "-v", "error", "-i", f"file:{path}", "-map", "0:a:0", "-c", "copy"]
    return subprocess.run([*command, "-f", "data", "-"], check=True, capture_output=True, timeout=60).stdout


def test_a_completed_job_describes_its_mp3(person: Person):
    job = person.converts(media.make("mp4"), channels="stereo")
    content = person.download(job["mp3_fid"]).content
    result = job["result"]
    assert result["duration"] == pytest.approx(media.SECONDS, abs=0.05)
    assert result["size"] == len(content)
    assert result["video_size"] == media.make("mp4").stat().st_size
    assert (result["bitrate"], result["variable"], result["quality"]) == (192, False, None)
    assert (result["sample_rate"], result["channels"], result["notes"]) == (48000, 2, [])
    assert person.request("GET", "/jobs").json()["jobs"][0]["result"] == result


def test_a_variable_bit_rate_is_shown_with_its_quality(person: Person):
    result = person.converts(media.make("mp4"), quality="4")["result"]
    assert (result["variable"], result["quality"]) == (True, 4)


def test_a_job_that_has_not_ended_well_has_no_result(person: Person):
    assert person.waits_for(person.uploads(media.without_audio()))["result"] is None


def test_mp3_sound_is_copied_and_encoded_on_request(person: Person, environment, tmp_path):
    source = media.make("avi")
    job = person.converts(source)
    copy = tmp_path / "copy.mp3"
    copy.write_bytes(person.download(job["mp3_fid"]).content)
    assert packets(copy) == packets(source)
    assert job["result"]["notes"] == [COPIED]
    assert job["options"] == {}

    answer = person.request("POST", f"/jobs/{job['video_fid']}/retry", json={"reencode": True})
    assert answer.status_code == 202, answer.text
    # Until the next MP3 is stored, the result describes the current one.
    assert (answer.json()["mp3_fid"], answer.json()["result"]) == (job["mp3_fid"], job["result"])
    again = person.waits_for(job["video_fid"])
    assert (again["options"], again["result"]["notes"]) == ({"reencode": True}, [])
    assert again["result"]["bitrate"] == 192
    copy.write_bytes(person.download(again["mp3_fid"]).content)
    assert packets(copy) != packets(source)
    invariant.holds(environment, person.email)


@pytest.mark.parametrize("fields", [{"reencode": "true"}, {"bitrate": "192"}])
def test_the_form_requests_encoding(person: Person, fields):
    job = person.converts(media.make("avi"), **fields)
    assert (job["result"]["notes"], job["result"]["bitrate"]) == ([], 192)


def test_a_resumable_upload_requests_encoding(person: Person):
    content = media.make("avi").read_bytes()
    named = {"filename": "talk.avi", "reencode": "true"}
    metadata = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in named.items())
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(content)), "Upload-Metadata": metadata,
               "Content-Type": "application/offset+octet-stream"}  # fmt: skip
    answer = person.request("POST", "/files", headers=headers, data=content)
    assert answer.status_code == 201, answer.text
    job = person.waits_for(answer.headers["Location"].rpartition("/")[2])
    assert (job["options"], job["result"]["notes"]) == ({"reencode": True}, [])


def test_a_deleted_job_keeps_nothing_about_its_mp3(person: Person, environment):
    job = person.converts(media.make("avi"))
    assert person.request("DELETE", f"/jobs/{job['video_fid']}").status_code == 204
    assert person.request("GET", f"/jobs/{job['video_fid']}").status_code == 404
    invariant.holds(environment, person.email)


def test_the_email_describes_the_result(person: Person):
    job = person.converts(media.make("avi"))
    text = person.email_about(job["video_fid"])
    assert text.splitlines()[0] == f"mp3 file_id: {job['mp3_fid']} is now ready!"
    assert "The MP3: 0:04, " in text
    assert COPIED["text"] in text


def test_the_openapi_document_describes_the_result(person: Person):
    schemas = person.request("GET", "/openapi.json").json()["components"]["schemas"]
    job = person.converts(media.make("avi"))
    assert {"$ref": "#/components/schemas/Result"} in schemas["Job"]["properties"]["result"]["anyOf"]
    described = schemas["Result"]
    assert set(job["result"]) == set(described["properties"])
    assert job["result"]["notes"][0]["code"] in described["properties"]["notes"]["items"]["properties"]["code"]["enum"]
    assert "reencode" in schemas["ConversionOptions"]["properties"]
    assert MP3(io.BytesIO(person.download(job["mp3_fid"]).content)).info.sample_rate == job["result"]["sample_rate"]
