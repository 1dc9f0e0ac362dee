"""Accounts: what belongs to them, and what ends their tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import MySQLdb
import pytest
import requests

from tests import media
from tests.person import Person
from tests.waiting import eventually

# s. The longest time for which a replica may accept a token after it was ended.
REVOCATION = 10


@pytest.fixture
def operator(environment: dict[str, str]) -> Iterator[Any]:
    """A cursor of the administrator of the accounts' database."""
    with MySQLdb.connect(
        host=environment["MYSQL_HOST"],
        port=int(environment["MYSQL_PORT"]),
        user="root",
        password=environment["MYSQL_ROOT_PASSWORD"],
        database=environment["MYSQL_DB"],
        connect_timeout=10,
        autocommit=True,
    ) as connection:
        yield connection.cursor()


@contextmanager
def ends_token(person: Person) -> Iterator[None]:
    """Fails unless the person's token is refused soon after the block."""
    assert person.request("GET", "/jobs").status_code == 200
    yield
    eventually(lambda: refused(person), seconds=REVOCATION, what="the end of the token")


def refused(person: Person) -> bool:
    answer = person.request("GET", "/jobs")
    return answer.status_code == 401 and bool(answer.json()["code"] == "invalid_token")


def unfinished_upload(person: Person) -> str:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000", "Upload-Metadata": "filename dGFsay5tcDQ="}
    answer = person.request("POST", "/files", headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def answers(person: Person, job: dict[str, Any], upload: str) -> dict[str, int]:
    """What the person gets for a job, its files and an upload."""
    fid, tus = job["video_fid"], {"Tus-Resumable": "1.0.0"}
    requested = {
        "job": person.request("GET", f"/jobs/{fid}"),
        "events": person.request("GET", f"/jobs/{fid}/events"),
        "link": person.request("GET", f"/jobs/{fid}/link"),
        "retry": person.request("POST", f"/jobs/{fid}/retry", json={"bitrate": 96}),
        "transcript": person.request("GET", f"/transcripts/{job['mp3_fid']}"),
        "MP3": person.download(job["mp3_fid"]),
        "upload": person.request("HEAD", upload, headers=tus),
        "end of upload": person.request("DELETE", upload, headers=tus),
        "deletion": person.request("DELETE", f"/jobs/{fid}"),
    }
    return {name: answer.status_code for name, answer in requested.items()}


def test_a_stranger_who_registers_the_address_of_a_deleted_account_gets_nothing_of_it(newcomer, operator):
    owner = newcomer().joins()
    job = owner.converts(media.make("mp4"))
    upload = unfinished_upload(owner)
    assert owner.request("PATCH", "/account", json={"emails": False}).status_code == 200
    with ends_token(owner):
        operator.execute("DELETE FROM user WHERE email = %s", [owner.email])
    stranger = newcomer()
    stranger.email = owner.email
    stranger.joins()

    assert answers(stranger, job, upload) == dict.fromkeys(answers(stranger, job, upload), 404)
    assert stranger.request("GET", "/jobs").json()["jobs"] == []
    assert stranger.request("GET", f"/summaries?file_id={job['mp3_fid']}").status_code == 404
    assert stranger.request("GET", "/account").json()["emails"] is True
    assert refused(owner)


def test_an_account_keeps_its_files_when_an_operator_changes_its_address(newcomer, operator):
    owner = newcomer().joins()
    job = owner.converts(media.make("mp4"))
    changed = newcomer().email
    operator.execute("UPDATE user SET email = %s WHERE email = %s", [changed, owner.email])
    owner.email = changed
    assert owner.download(job["mp3_fid"]).status_code == 200
    assert owner.login().job(job["video_fid"])["mp3_fid"] == job["mp3_fid"]


def test_an_operator_ends_the_tokens_of_an_account_and_disables_it(newcomer, operator):
    someone = newcomer().joins()
    with ends_token(someone):
        operator.execute("UPDATE user SET token_version = token_version + 1 WHERE email = %s", [someone.email])
    with ends_token(someone.login()):
        operator.execute("UPDATE user SET disabled = TRUE WHERE email = %s", [someone.email])
    answer = requests.post(f"{someone.url}/login", auth=(someone.email, someone.password), timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (403, "account_disabled")
