"""Quotas of an account, at a gateway with low ones."""

import os
from collections.abc import Iterator

import pytest

from tests import media
from tests.e2e.test_tus import begin, begun, patch, tus
from tests.person import Person
from tests.waiting import eventually

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def strict(stack) -> Iterator[str]:
    name = f"strict-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    env = {"QUOTA_STORED_MB": "20", "QUOTA_UNFINISHED_UPLOADS": "2", "QUOTA_CONVERSIONS": "4"}
    stack.add(name, like="gateway", env=env)
    yield stack.url(name)
    stack.remove(name)


@pytest.fixture
def someone(strict: str, person: Person) -> Person:
    person.url = strict
    return person


def used(person: Person, name: str) -> int:
    return int(person.request("GET", "/account").json()["usage"][name]["used"])


def test_unfinished_uploads_reserve_their_length_and_give_it_back(someone):
    first = begun(someone, 8 * MEGABYTE)
    second = begun(someone, 8 * MEGABYTE)
    assert used(someone, "stored_bytes") == 16 * MEGABYTE
    refused = begin(someone, MEGABYTE)
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_unfinished")
    assert int(refused.headers["Retry-After"]) > 0
    assert tus(someone, "DELETE", first).status_code == 204
    refused = begin(someone, 13 * MEGABYTE)
    assert (refused.status_code, refused.json()["code"]) == (413, "quota_stored")
    # A file that is no video.
    assert patch(someone, second, 0, b"%PDF-" + bytes(4096)).status_code == 415
    assert used(someone, "stored_bytes") == used(someone, "unfinished_uploads") == 0


def test_an_upload_counts_with_its_mp3_until_it_is_deleted(someone):
    video = media.make("mp4")
    fid = someone.uploads(video)
    size = someone.waits_for(fid)["result"]["size"]
    eventually(lambda: used(someone, "stored_bytes") == video.stat().st_size + size, what="the MP3")
    assert used(someone, "seconds_of_sound_today") > 0
    assert someone.request("DELETE", f"/jobs/{fid}").status_code == 204
    assert used(someone, "stored_bytes") == 0
    for _ in range(3):
        someone.uploads(video)
    refused = someone.upload(video)
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_conversions")
    assert 0 < int(refused.headers["Retry-After"]) <= 24 * 3600 + 1
    retried = someone.request("POST", f"/jobs/{someone.request('GET', '/jobs').json()['jobs'][0]['video_fid']}/retry")
    assert retried.status_code in {409, 429}


def test_an_upload_that_fails_counts_for_nothing(someone):
    answer = someone.request("POST", "/upload", files={"file": ("a.mp4", b"%PDF-" + bytes(5000))})
    assert answer.status_code == 415
    large = someone.request("POST", "/upload", files={"file": ("a.mp4", bytes(21 * MEGABYTE))})
    assert (large.status_code, large.json()["code"]) == (413, "quota_stored")
    assert used(someone, "stored_bytes") == used(someone, "conversions_today") == 0
