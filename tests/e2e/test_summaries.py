"""Summaries of the user's own files and texts, requested through the gateway."""

import pytest
import requests
from bson import ObjectId
from pymongo import MongoClient

from tests import media
from tests.person import Person

NOWHERE = "0123456789abcdef01234567"
TEXT = "Bees live together in a hive. They collect nectar from flowers. They dance to tell the others where."


@pytest.fixture(scope="module")
def finished(stack, maildir) -> tuple[Person, dict]:
    """Someone with a completed job."""
    someone = Person(stack.url("gateway"), maildir).joins()
    return someone, someone.converts(media.make("mp4"), name="My talk.mp4")


@pytest.fixture(scope="module")
def summarised(finished) -> tuple[Person, dict, dict]:
    """Someone with a job and its summary."""
    someone, job = finished
    return someone, job, someone.summarises(file_id=job["mp3_fid"])


def error(answer: requests.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert set(answer.json()) <= {"error", "code"}
    return str(answer.json()["error"])


def test_a_short_text_is_summarised_at_once(person):
    answer = person.orders(text=TEXT, filename="bees.txt")
    assert answer.status_code == 201, answer.text
    found = answer.json()
    assert found["summary"].startswith("Bees live together in a hive.")
    assert len(found["category"].split()) <= 3
    assert found["filename"] == "bees.txt"
    assert found["file_id"] is None
    assert found["context_truncated"] is False
    assert person.request("GET", answer.headers["Location"]).json() == found
    assert {"_id", "file_id", "filename", "summary", "category", "context_truncated", "created_at"} <= found.keys()


def test_a_long_text_is_queued(person):
    answer = person.orders(text=TEXT * 500)
    assert answer.status_code == 202
    assert person.waits_for_summary(answer)["summary"].startswith("Bees")


def test_a_file_gets_a_summary_and_a_transcript_in_three_formats(summarised):
    person, job, summary = summarised
    assert (summary["file_id"], summary["mp3_fid"]) == (job["mp3_fid"], job["mp3_fid"])
    assert summary["filename"] == "My talk.mp4"
    for fid in (job["mp3_fid"], job["video_fid"]):
        text = person.request("GET", f"/transcripts/{fid}")
        assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert text.text == "These are the words at second 0.\n"
    srt = person.request("GET", f"/transcripts/{job['mp3_fid']}?format=srt")
    assert srt.headers["Content-Type"].startswith("application/x-subrip")
    assert srt.text.startswith("1\n00:00:00,000 --> 00:00:0")
    vtt = person.request("GET", f"/transcripts/{job['mp3_fid']}", headers={"Accept": "text/vtt"})
    assert vtt.text.startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert "text, srt, vtt" in error(person.request("GET", f"/transcripts/{job['mp3_fid']}?format=pdf"), 400)


def test_a_file_that_has_a_summary_is_not_summarised_again(summarised):
    person, job, summary = summarised
    for fid in (job["mp3_fid"], job["video_fid"]):
        answer = person.orders(file_id=fid)
        assert answer.status_code == 200
        assert answer.json() == summary


def test_the_list_has_only_the_users_own_summaries_and_can_be_of_one_file(summarised, person):
    owner, job, summary = summarised
    found = owner.request("GET", f"/summaries?file_id={job['video_fid']}").json()
    assert found == {"summaries": [summary], "next": None, "available": True}
    assert person.request("GET", "/summaries").json()["summaries"] == []
    error(person.request("GET", f"/summaries?file_id={job['video_fid']}"), 404)


def test_the_list_is_divided_into_pages(person):
    ids = [person.orders(text=f"{TEXT} {number}").json()["_id"] for number in range(3)]
    first = person.request("GET", "/summaries?limit=2").json()
    second = person.request("GET", first["next"]).json()
    assert [one["_id"] for one in first["summaries"] + second["summaries"]] == ids[::-1]
    assert second["next"] is None


def test_the_summaries_of_another_user_are_not_found(summarised, person):
    _, job, summary = summarised
    error(person.orders(file_id=job["mp3_fid"]), 404)
    error(person.request("GET", f"/transcripts/{job['mp3_fid']}"), 404)
    error(person.request("GET", f"/summaries/{summary['_id']}"), 404)
    error(person.request("DELETE", f"/summaries/{summary['_id']}"), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/summaries"),
        ("POST", "/summaries"),
        ("GET", f"/summaries/{NOWHERE}"),
        ("DELETE", f"/summaries/{NOWHERE}"),
        ("GET", f"/transcripts/{NOWHERE}"),
    ],
)
def test_without_a_token_every_route_is_refused(stack, method, path):
    answer = requests.request(method, stack.url("gateway") + path, json={} if method == "POST" else None, timeout=60)
    assert "token" in error(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({}, 422, "text or file_id"),
        ({"text": "a", "file_id": NOWHERE}, 422, "text or file_id"),
        ({"text": " \n.. "}, 422, "no words"),
        ({"text": 7}, 422, "text"),
        ({"file_id": "x"}, 400, "file_id"),
        ({"file_id": NOWHERE}, 404, "file"),
        ({"text": "a", "username": "victim@example.com"}, 422, "username"),
        ([], 400, "JSON object"),
        ({"text": "word " * 500_000}, 413, "2000000 bytes"),
    ],
)
def test_the_error_for_an_invalid_request_names_the_problem(person, body, status, word):
    assert word in error(person.request("POST", "/summaries", json=body), status)


def test_a_body_that_is_not_json_is_refused(person):
    error(person.request("POST", "/summaries", data=b"{", headers={"Content-Type": "application/json"}), 400)
    error(person.request("POST", "/summaries", data=b"text=a"), 415)


def test_an_invalid_id_cannot_change_the_address_of_the_internal_request(person):
    error(person.request("GET", "/summaries/%2e%2e%3fx"), 400)
    error(person.request("GET", "/summaries/123"), 400)


def test_a_file_without_sound_cannot_be_summarised(person):
    job = person.waits_for(person.uploads(media.without_audio()))
    assert "failed" in error(person.orders(file_id=job["video_fid"]), 409)


def test_a_deleted_summary_can_be_made_again_from_the_same_transcript(person, environment):
    job = person.converts(media.make("mp4"))
    first = person.summarises(file_id=job["video_fid"])
    assert person.request("DELETE", f"/summaries/{first['_id']}").status_code == 204
    error(person.request("GET", f"/summaries/{first['_id']}"), 404)
    with MongoClient(environment["MONGO_URI"]) as client:
        transcripts = client["videos"]["transcripts"]
        before = transcripts.find_one({"_id": ObjectId(job["mp3_fid"])})
        assert before is not None
        second = person.summarises(file_id=job["video_fid"])
        assert second["summary"] == first["summary"]
        # Another transcription would have changed `updated_at`.
        assert transcripts.find_one({"_id": ObjectId(job["mp3_fid"])}) == before


def test_a_deleted_job_takes_its_summary_and_transcript_with_it(person, environment):
    job = person.converts(media.make("mp4"))
    summary = person.summarises(file_id=job["mp3_fid"])
    assert person.request("DELETE", f"/jobs/{job['video_fid']}").status_code == 204
    error(person.request("GET", f"/summaries/{summary['_id']}"), 404)
    error(person.request("GET", f"/transcripts/{job['mp3_fid']}"), 404)
    with MongoClient(environment["MONGO_URI"]) as client:
        assert client["videos"]["transcripts"].find_one({"_id": ObjectId(job["mp3_fid"])}) is None


def test_the_logs_contain_neither_the_key_nor_the_text(summarised, stack, environment):
    for program in ("summary", "summary-worker", "gateway", "provider"):
        log = stack.log(program)
        assert environment["AI_SUMMARY_API_KEY"] not in log, program
        assert "the words at second" not in log, program


def test_the_rate_limit_of_an_account_applies_to_all_replicas(stack, newcomer):
    limit = {"SUMMARY_LIMIT": "3/hour"}
    replicas = ("thrifty-1", "thrifty-2")
    for name in replicas:
        stack.add(name, like="gateway", env=limit)
    try:
        someone, other = newcomer().joins(), newcomer().joins()

        def at(name: str, person: Person) -> requests.Response:
            headers = {"Authorization": f"Bearer {person.token}"}
            return requests.post(f"{stack.url(name)}/summaries", json={"text": TEXT}, headers=headers, timeout=60)

        assert [at(name, someone).status_code for name in (*replicas, *replicas)] == [201, 201, 201, 429]
        answer = at(replicas[0], someone)
        assert "Wait" in error(answer, 429)
        assert int(answer.headers["Retry-After"]) > 0
        assert at(replicas[0], other).status_code == 201
        # Existing summaries can still be read.
        assert len(someone.request("GET", "/summaries").json()["summaries"]) == 3
    finally:
        for name in replicas:
            stack.remove(name)
