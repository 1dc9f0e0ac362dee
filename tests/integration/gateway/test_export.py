"""The archive of an account: complete, readable by other programs, and never silently incomplete."""

import io
import json
import os
import shutil
import subprocess
import tracemalloc
import zipfile

import pytest
from bson import ObjectId
from flask.testing import FlaskClient
from gridfs import DEFAULT_CHUNK_SIZE

from common.domain.owners import Owner
from common.domain.scopes import Scope
from common.domain.transcripts import Segment
from common.errors import TooManyRequests
from common.http import app as http
from common.runtime.clock import now
from common.runtime.concurrency_limiter import ConcurrencyLimiter
from common.runtime.settings import LinkSettings
from common.storage.bucket import DamagedFile
from gateway.export import routes
from gateway.export.archive import Archive
from gateway.export.links import ExportLinks

ME, OTHER = Owner("me@example.com", "my-id"), Owner("other@example.com", "other-id")
LINKS = ExportLinks(LinkSettings(link_secret="0123456789abcdef0123456789abcdef"))


class Identity:
    def owner(self, _scope: Scope) -> Owner:
        return ME


def completed(store, filename: str, data: bytes | None, owner: Owner = ME, **fields: object) -> ObjectId:
    """A job with an MP3; None is one that is no longer stored."""
    fid, mp3_fid = ObjectId(), ObjectId()
    if data is not None:
        with store.mp3s.create("audio.mp3", "audio/mpeg", {"video_fid": fid}) as writer:
            writer.write(data)
            mp3_fid = writer.finish()
    store.jobs.create(fid, owner.username, filename, {}, account=owner.account)
    store.jobs.update(fid, {}, {"status": "completed", "progress": 100, "mp3_fid": mp3_fid, **fields})
    return fid


def unpacked(data: bytes) -> tuple[dict[str, bytes], dict]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        files = {info.filename: archive.read(info) for info in archive.infolist()}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert len(files) == len(archive.infolist())
    return files, json.loads(files.pop("account.json"))


@pytest.fixture
def web(store) -> FlaskClient:
    app = http.create_app("test")
    transfers = ConcurrencyLimiter(1, lambda: TooManyRequests("Too many concurrent transfers."))
    app.register_blueprint(routes.blueprint(Identity(), store, LINKS, transfers))
    return app.test_client()


def test_an_archive_has_all_of_the_account_and_nothing_of_others(store, web, tmp_path):
    audio = [os.urandom(3 * DEFAULT_CHUNK_SIZE + 7), b"", b"x"]
    names = ("talk.mp4", "TALK.webm", "音楽/CON.mp4")
    first, second, third = (completed(store, *each) for each in zip(names, audio, strict=True))
    failed = ObjectId()
    store.jobs.create(failed, ME.username, "silent.mp4", {}, account=ME.account)
    store.jobs.fail(failed, "This video has no audio track.")
    completed(store, "secret.mp4", b"secret", OTHER)
    store.jobs.mark_deleted(completed(store, "deleted.mp4", b"deleted"))
    mp3_fid = store.jobs.get(first).mp3_fid
    transcript = store.transcripts.begin(mp3_fid, first, ME.username)
    store.transcripts.append(transcript, [Segment(0, 1, "Bees live in a hive.")], offset=1, seconds=1, complete=True)
    store.summaries.create(ME.username, None, "A text.", account=ME.account, summary="About bees.", status="completed")
    store.summaries.create(OTHER.username, None, "A secret.", account=OTHER.account)

    answer = web.get("/account/export")

    assert answer.status_code == 200
    assert answer.mimetype == "application/zip"
    assert f'filename="video2mp3-{now().date()}.zip"' in answer.headers["Content-Disposition"]
    files, account = unpacked(answer.data)
    assert files == {
        "mp3s/_CON.mp3": b"x",
        "mp3s/TALK.mp3": b"",
        "mp3s/talk (2).mp3": audio[0],
        "transcripts/talk (2).txt": b"Bees live in a hive.\n",
    }
    assert account["email"] == ME.username
    assert [(job["video_fid"], job["mp3"]) for job in account["jobs"]] == [
        (str(failed), None), (str(third), "mp3s/_CON.mp3"), (str(second), "mp3s/TALK.mp3"),
        (str(first), "mp3s/talk (2).mp3"),
    ]  # fmt: skip
    assert account["jobs"][3]["transcript"] == "transcripts/talk (2).txt"
    assert [summary["summary"] for summary in account["summaries"]] == ["About bees."]
    assert account["missing"] == []
    assert "secret" not in json.dumps(account)
    (tmp_path / "export.zip").write_bytes(answer.data)
    for command in (["unzip", "-tq"], ["7z", "t"], ["bsdtar", "-tf"]):
        if shutil.which(command[0]):
            subprocess.run([*command, tmp_path / "export.zip"], check=True, stdout=subprocess.DEVNULL, timeout=60)


def test_an_account_without_jobs_gets_an_archive(web):
    files, account = unpacked(web.get("/account/export").data)
    assert files == {}
    assert (account["jobs"], account["summaries"], account["missing"]) == ([], [], [])


def test_an_mp3_that_is_not_stored_or_damaged_is_listed_as_missing(store, web, other_db):
    gone, kept = completed(store, "gone.mp4", None), completed(store, "kept.mp4", b"kept")
    damaged = completed(store, "damaged.mp4", os.urandom(3 * DEFAULT_CHUNK_SIZE))
    other_db["fs.chunks"].delete_one({"files_id": store.jobs.get(damaged).mp3_fid, "n": 1})
    files, account = unpacked(web.get("/account/export").data)
    assert files == {"mp3s/kept.mp3": b"kept"}
    assert account["missing"] == [str(damaged), str(gone)]
    assert [job["mp3"] for job in account["jobs"]] == [None, "mp3s/kept.mp3", None]
    assert str(kept) == account["jobs"][1]["video_fid"]


def test_an_mp3_that_is_deleted_while_it_is_sent_ends_the_archive(store):
    fid = completed(store, "talk.mp4", os.urandom(40 * DEFAULT_CHUNK_SIZE))
    data = Archive(store, ME).stream()
    received = b"".join(next(data) for _ in range(3))
    store.delete(fid)
    with pytest.raises(DamagedFile):
        for part in data:
            received += part
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(received))


def test_a_job_that_is_converted_again_or_deleted_during_an_export_is_as_it_is_then(store):
    deleted, changed = completed(store, "deleted.mp4", b"deleted"), completed(store, "changed.mp4", b"old")
    completed(store, "first.mp4", os.urandom(2 * DEFAULT_CHUNK_SIZE))
    data = Archive(store, ME).stream()
    received = next(data)
    store.delete(deleted)
    with store.mp3s.create("audio.mp3", "audio/mpeg", {"video_fid": changed}) as writer:
        writer.write(b"new")
        new = writer.finish()
    old = store.jobs.get(changed).mp3_fid
    store.jobs.update(changed, {}, {"mp3_fid": new})
    store.mp3s.delete(old)
    files, account = unpacked(received + b"".join(data))
    assert files.keys() == {"mp3s/first.mp3", "mp3s/changed.mp3"}
    assert files["mp3s/changed.mp3"] == b"new"
    assert account["missing"] == []


def test_an_export_needs_little_memory_and_more_than_one_page_of_jobs(store):
    for number in range(2):
        completed(store, f"{number}.mp4", bytes(12 * 1024 * 1024))
    for number in range(100):
        completed(store, f"small {number}.mp4", b"x")
    tracemalloc.start()
    size = sum(map(len, Archive(store, ME).stream()))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 24 * 1024 * 1024
    assert most < 8 * 1024 * 1024


def test_an_export_is_a_transfer_of_the_account(store, web):
    completed(store, "talk.mp4", os.urandom(8 * DEFAULT_CHUNK_SIZE))
    first = web.get("/account/export", buffered=False)
    assert web.get("/account/export").status_code == 429
    assert web.head("/account/export").status_code == 200
    first.close()
    assert web.get("/account/export").status_code == 200


def test_a_browser_downloads_the_archive_with_a_link(store, web):
    completed(store, "talk.mp4", b"sound")
    url = web.get("/account/export/link").get_json()["url"]
    path = url[url.index("/account/export?") :]
    files, _ = unpacked(web.get(path).data)
    assert files == {"mp3s/talk.mp3": b"sound"}
    answer = web.get(f"{path}x")
    assert (answer.status_code, answer.get_json()["code"]) == (401, "invalid_link")
