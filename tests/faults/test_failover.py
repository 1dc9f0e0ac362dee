"""The primary of a replica set is lost while the system is in use: nothing that was accepted is."""

import contextlib
import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests
from pymongo import MongoClient

from common.runtime.checkpoints import Point
from common.runtime.settings import MongoSettings
from common.storage import mongo
from common.storage.bucket import Bucket
from common.storage.mongo import StorageUnavailable
from scripts.stack import Stack
from tests import media, stored
from tests.e2e.test_events import following
from tests.e2e.test_tus import begun, patch, tus
from tests.faults.breaking import RECOVERY, Faults, converting, uploading
from tests.faults.failover import lose_primary, replication_stopped, stack_of_three
from tests.faults.test_workers import LONG, completes
from tests.person import ENDED
from tests.waiting import eventually

MEGABYTE = 1024 * 1024
# MB of a file, of which a third is stored in less than the election timeout.
SIZE = 36
HOW = ["kill", "suspend"]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Instead of the stack of the other faults."""
    with stack_of_three() as started:
        yield started


@pytest.fixture(scope="module")
def environment(stack: Stack) -> dict[str, str]:
    return stack.environment


@pytest.fixture(scope="module")
def maildir(environment: dict[str, str]) -> Path:
    return Path(environment["MAILDIR"])


@pytest.fixture
def bucket(environment: dict[str, str]) -> Iterator[Bucket]:
    """The videos, as a service accesses them."""
    with mongo.connect(MongoSettings(mongo_uri=environment["MONGO_URI"])) as client:
        made = Bucket(client[mongo.VIDEOS])
        made.ensure_indexes()
        yield made


def content(megabytes: int) -> bytes:
    return random.Random(megabytes).randbytes(megabytes * MEGABYTE)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_whose_chunks_are_lost_before_its_record_is_written_is_not_published(bucket, faults, stack):
    data = content(33)
    with bucket.create("name", "video/mp4", {}) as writer:
        with replication_stopped(stack, faults):
            writer.write(data)
        with pytest.raises(StorageUnavailable):
            writer.finish()
    assert bucket.find(writer.id) is None


def test_a_file_is_read_on_when_the_primary_is_lost(bucket, faults, stack):
    data = content(64)
    with bucket.create("name", "video/mp4", {}) as writer:
        writer.write(data)
        fid = writer.finish()
    for how in ("kill", "suspend"):
        chunks = bucket.read(bucket.find(fid))
        received = next(chunks)
        lose_primary(stack, faults, how)
        assert received + b"".join(chunks) == data
        faults.thaw()
    bucket.delete(fid)


class InPieces:
    """The body of a request, which knows its length; before the second and third piece, something happens."""

    def __init__(self, data: bytes, *happens: Callable[[], object]) -> None:
        third = len(data) // 3
        self._pieces = [data[:third], data[third : 2 * third], data[2 * third :]]
        self._happens = happens

    def __len__(self) -> int:
        return sum(map(len, self._pieces))

    def __iter__(self) -> Iterator[bytes]:
        yield self._pieces[0]
        for happens, piece in zip(self._happens, self._pieces[1:], strict=True):
            happens()
            yield piece


def losing(data: bytes, faults: Faults, stack: Stack) -> InPieces:
    """The body, of which the second piece is stored on the primary only; before the third, the primary is lost."""
    lonely = replication_stopped(stack, faults)
    with_first = [0]

    def begin() -> None:
        with_first[0] = chunks()
        lonely.__enter__()

    def chunks() -> int:
        with MongoClient(stack.environment["MONGO_URI"]) as client:
            return client["videos"]["fs.chunks"].count_documents({})

    def lose() -> None:
        eventually(lambda: chunks() > with_first[0] + 20, pause=0.02, what="the chunks of the second piece")
        lonely.__exit__(None, None, None)

    return InPieces(data, begin, lose)


def test_an_upload_that_loses_chunks_is_refused_and_can_be_repeated(person, faults, stack, environment):
    path = media.large(SIZE, media.CACHE)
    start = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    body = losing(start + path.read_bytes() + b"\r\n--x--\r\n", faults, stack)
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Accept": "application/json"}
    answer = person.request("POST", "/upload", data=body, headers=headers)
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"]
    faults.thaw()
    fid = person.uploads(path)
    assert stored.sha256(environment, fid) == sha256(path)
    completes(person, fid)
    assert [job["video_fid"] for job in person.request("GET", "/jobs").json()["jobs"]] == [fid]


def test_a_resumable_upload_that_loses_chunks_is_resumed_before_them(person, faults, stack, environment):
    path = media.large(SIZE, media.CACHE)
    location = begun(person, path.stat().st_size)
    answer = patch(person, location, 0, losing(path.read_bytes(), faults, stack))
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"]
    faults.thaw()
    resumes(person, location, path)
    fid = location.rpartition("/")[2]
    assert stored.sha256(environment, fid) == sha256(path)
    completes(person, fid)


@pytest.mark.parametrize("how", HOW)
def test_a_lost_primary_during_an_upload_loses_nothing(person, faults, stack, environment, how):
    path = media.large(200, media.CACHE)
    upload = uploading(stack, person, 200)
    lose_primary(stack, faults, how)
    status = upload.result(RECOVERY)
    assert status in {202, 503, None}
    faults.thaw()
    if status != 202:
        eventually(lambda: person.upload(path).status_code == 202, seconds=RECOVERY, what="the repeated upload")
    for job in eventually(lambda: person.request("GET", "/jobs").json()["jobs"]):
        assert stored.sha256(environment, job["video_fid"]) == sha256(path)
        completes(person, job["video_fid"])


@pytest.mark.parametrize("how", HOW)
def test_a_lost_primary_during_a_resumable_upload_loses_nothing(person, faults, stack, environment, how):
    path = media.large(200, media.CACHE)
    location = begun(person, path.stat().st_size)
    data = InPieces(path.read_bytes(), lambda: lose_primary(stack, faults, how), lambda: None)
    with contextlib.suppress(requests.RequestException):
        patch(person, location, 0, data)
    faults.thaw()
    resumes(person, location, path)
    fid = location.rpartition("/")[2]
    assert stored.sha256(environment, fid) == sha256(path)
    completes(person, fid)


def resumes(person, location: str, path: Path) -> None:
    """Sends what the server does not have, as a client of tus does, until all of it is accepted."""

    def all_sent() -> bool:
        try:
            state = tus(person, "HEAD", location)
            if not state.ok:
                return False
            offset = int(state.headers["Upload-Offset"])
            return patch(person, location, offset, path.read_bytes()[offset:]).ok
        except requests.RequestException:
            return False

    eventually(all_sent, seconds=RECOVERY, pause=0.5, what="the whole upload")


@pytest.mark.parametrize("how", HOW)
def test_a_lost_primary_during_a_conversion_delays_it_and_its_events_arrive(person, faults, stack, how):
    with following(person) as stream:
        fid = person.uploads(media.long(LONG))
        eventually(converting(person, fid), pause=0.02)
        lose_primary(stack, faults, how)
        faults.thaw()
        last = eventually(lambda: [job for job in stream.of(fid) if job["status"] in ENDED], seconds=RECOVERY)
        assert last[0]["status"] == "completed"
    completes(person, fid)


@pytest.mark.parametrize("point", [Point.CONVERTER_CONVERTED, Point.CONVERTER_STORED, Point.CONVERTER_COMPLETED])
def test_a_lost_primary_during_a_completion_leaves_one_mp3(person, faults, stack, point):
    faults.restart("converter", STOP_AT=point.value)
    try:
        fid = person.uploads(media.make("mp4"))
        converter = psutil.Process(stack.pid("converter"))
        eventually(lambda: converter.status() == psutil.STATUS_STOPPED, what="the converter at its point")
        lose_primary(stack, faults, "suspend")
        converter.resume()
        completes(person, fid)
    finally:
        faults.restart("converter")


@pytest.mark.parametrize("how", HOW)
def test_a_lost_primary_during_a_download_does_not_change_its_bytes(person, faults, stack, how):
    job = person.converts(media.long(LONG))
    whole = person.download(job["mp3_fid"]).content
    with person.download(job["mp3_fid"], stream=True) as answer:
        received = answer.raw.read(100_000)
        lose_primary(stack, faults, how)
        received += answer.raw.read()
    faults.thaw()
    assert received == whole
    eventually(lambda: person.download(job["mp3_fid"]).content == whole, seconds=RECOVERY, what="the next download")
    person.email_about(job["video_fid"])
