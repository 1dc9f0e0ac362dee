"""Accounts: what belongs to them, and what ends their tokens."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import jwt
import requests
from pymongo import MongoClient

from common.domain.accounts import Accounts
from common.domain.owners import Owner
from common.runtime.clock import now
from common.runtime.settings import MongoSettings
from common.storage import mongo
from tests import media
from tests.person import Person
from tests.waiting import eventually

TUS = {"Tus-Resumable": "1.0.0"}
# s. The longest time for which a replica may accept a token after it was ended.
REVOCATION = 10


@contextmanager
def ends_token(person: Person) -> Iterator[None]:
    """Fails unless the person's token is refused soon after the block."""
    assert person.request("GET", "/jobs").status_code == 200
    yield
    eventually(lambda: refused(person), seconds=REVOCATION, what="the end of the token")


def refused(person: Person, ended: tuple[int, str] = (401, "invalid_token")) -> bool:
    answer = person.request("GET", "/jobs")
    return answer.status_code == ended[0] and bool(answer.json()["code"] == ended[1])


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

    assert set(answers(stranger, job, upload).values()) == {404}
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


def code(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, str(answer.json()["code"])


def test_an_unconfirmed_account_can_only_ask_for_the_email_whose_link_confirms_it(unconfirmed):
    someone = unconfirmed
    refused = (403, "address_not_verified")
    # It can sign in.
    someone.login()
    assert code(someone.upload(media.make("mp4"))) == refused
    assert code(someone.request("POST", "/summaries", json={"text": "Bees live in a hive."})) == refused
    assert someone.request("GET", "/account").json()["verified"] is False
    assert someone.request("POST", "/account/verification").json() == {"sent": True}
    token = someone.link_token("/verify")
    assert "<form" in requests.get(f"{someone.url}/verify?token={token}", timeout=60).text
    assert someone.request("GET", "/account").json()["verified"] is False
    assert someone.confirms().json() == {"email": someone.email}
    eventually(lambda: someone.request("GET", "/jobs").status_code == 200, seconds=REVOCATION)


def test_a_changed_password_and_signing_out_everywhere_end_all_tokens(newcomer):
    someone, elsewhere = newcomer().joins(), newcomer()
    elsewhere.email, elsewhere.password = someone.email, someone.password
    elsewhere.login()
    with ends_token(elsewhere):
        changed = {"current": someone.password, "new": "another long password"}
        answer = someone.request("POST", "/account/password", json=changed)
        assert answer.status_code == 200, answer.text
    someone.token = answer.json()["token"]
    with ends_token(someone):
        assert someone.request("POST", "/account/sign-out").status_code == 204
    someone.password = "another long password"
    assert someone.login().request("GET", "/jobs").status_code == 200


def test_a_forgotten_password_is_replaced_with_the_link_in_the_email(newcomer):
    someone = newcomer().joins()
    for email in ("nobody@example.com", someone.email):
        answer = requests.post(f"{someone.url}/password-reset", json={"email": email}, timeout=60)
        assert (answer.status_code, answer.json()) == (202, {"sent": True})
    body = {"token": someone.link_token("/reset-password"), "password": "another long password"}
    with ends_token(someone):
        assert requests.post(f"{someone.url}/reset-password", json=body, timeout=60).status_code == 204
    assert code(requests.post(f"{someone.url}/reset-password", json=body, timeout=60)) == (400, "invalid_link")
    someone.password = body["password"]
    someone.login()


def with_key(person: Person, scope: str) -> tuple[Person, str]:
    """The person with a new key in place of the token, and the key's id."""
    answer = person.request("POST", "/account/keys", json={"name": scope, "scope": scope})
    assert answer.status_code == 201, answer.text
    return replace(person, token=answer.json()["key"]), answer.json()["id"]


def test_a_key_works_wherever_a_token_does_as_far_as_its_scope_allows(newcomer):
    owner = newcomer().joins()
    (reader, _), (converter, _), (manager, _) = (with_key(owner, scope) for scope in ("read", "convert", "all"))
    too_small = (403, "insufficient_scope")
    assert code(reader.upload(media.make("mp4"))) == too_small
    assert code(reader.request("POST", "/files", headers=TUS)) == code(reader.orders(text="A text.")) == too_small
    job = converter.converts(media.make("mp4"))
    fid = job["video_fid"]
    upload = unfinished_upload(converter)
    assert converter.request("HEAD", upload, headers=TUS).status_code == 200
    assert reader.download(job["mp3_fid"]).content == owner.download(job["mp3_fid"]).content
    assert "event: job" in reader.request("GET", f"/jobs/{fid}/events").text
    # The summary service checks the key itself.
    assert reader.request("GET", f"/summaries?file_id={fid}").status_code == 200
    assert code(converter.request("DELETE", "/summaries/" + "0" * 24)) == too_small
    assert code(converter.request("DELETE", f"/jobs/{fid}")) == too_small
    assert code(reader.request("GET", "/account/keys")) == too_small
    for method, path in (("POST", "/account/sign-out"), ("DELETE", "/account")):
        assert code(manager.request(method, path, json={"password": owner.password})) == too_small
    assert manager.request("DELETE", f"/jobs/{fid}").status_code == 204


def test_a_key_ends_when_it_is_revoked_or_its_account_ends_and_not_when_all_tokens_do(newcomer):
    owner = newcomer().joins()
    (script, key_id), (other, _) = with_key(owner, "read"), with_key(owner, "read")
    stranger = newcomer().joins()
    assert code(stranger.request("DELETE", f"/account/keys/{key_id}")) == (404, "not_found")
    assert script.request("GET", "/jobs").status_code == other.request("GET", "/jobs").status_code == 200

    def used() -> bool:
        return all(key["last_used_at"] for key in owner.request("GET", "/account/keys").json()["keys"])

    eventually(used, what="the last use of the keys")
    assert owner.request("DELETE", f"/account/keys/{key_id}").status_code == 204
    ended = (401, "invalid_key")
    eventually(lambda: refused(script, ended), seconds=REVOCATION, what="the end of the key")
    with ends_token(owner):
        assert owner.request("POST", "/account/sign-out").status_code == 204
    assert other.request("GET", "/jobs").status_code == 200
    assert owner.login().request("DELETE", "/account", json={"password": owner.password}).status_code == 204
    eventually(lambda: refused(other, ended), seconds=REVOCATION, what="the end of the account's keys")
    assert refused(replace(other, token="v2m_" + "0" * 64), ended)


def test_a_deleted_account_leaves_nothing_and_its_address_can_be_registered_again(newcomer, environment):
    owner = newcomer().joins()
    job = owner.converts(media.make("mp4"))
    upload = unfinished_upload(owner)
    link = owner.request("GET", f"/jobs/{job['video_fid']}/link").json()["url"]
    assert code(owner.request("DELETE", "/account", json={"password": "wrong"})) == (403, "wrong_password")
    with ends_token(owner):
        assert owner.request("DELETE", "/account", json={"password": owner.password}).status_code == 204

    assert requests.get(link, timeout=60).status_code == 404
    with MongoClient(environment["MONGO_URI"]) as client:
        for database in (mongo.VIDEOS, mongo.MP3S):
            assert client[database]["fs.files"].count_documents({"metadata.username": owner.email}) == 0
    stranger = newcomer()
    stranger.email = owner.email
    stranger.joins()
    assert set(answers(stranger, job, upload).values()) == {404}
    assert stranger.request("GET", "/jobs").json()["jobs"] == []
    assert stranger.converts(media.make("mp4"))["mp3_fid"]


def test_a_deletion_that_ended_after_the_auth_service_had_done_its_part_is_completed(newcomer, stack, environment):
    owner = newcomer().joins()
    owner.converts(media.make("mp4"))
    account = jwt.decode(owner.token, options={"verify_signature": False})["sub"]
    with mongo.connect(MongoSettings(mongo_uri=environment["MONGO_URI"])) as client:
        # What the gateway does until it is killed, long ago.
        Accounts(client[mongo.VIDEOS]).request_deletion(Owner(owner.email, account))
        past = {"deletion.requested_at": now() - timedelta(hours=1)}
        client[mongo.VIDEOS]["accounts"].update_one({"_id": account}, {"$set": past})
        headers = {"Authorization": f"Bearer {owner.token}"}
        deleted = f"http://{environment['AUTH_SVC_ADDRESS']}/account/delete"
        assert requests.post(deleted, json={"password": owner.password}, headers=headers, timeout=60).status_code == 204

        def files() -> int:
            owned = {"metadata.username": owner.email}
            return sum(client[name]["fs.files"].count_documents(owned) for name in (mongo.VIDEOS, mongo.MP3S))

        assert files() == 2
        variables = {**os.environ, **stack.program("housekeeping").environment}
        command = [sys.executable, "-m", "gateway.housekeeping"]
        # Its exit code is also about the files of other tests.
        subprocess.run(command, env=variables, check=False, timeout=120)
        assert files() == 0
