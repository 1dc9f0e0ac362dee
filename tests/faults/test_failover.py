"""The primary of a replica set is lost while the system is in use: nothing that was accepted is."""

import contextlib
import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests
from gridfs import DEFAULT_CHUNK_SIZE
from pymongo import MongoClient

from common.runtime.checkpoints import Point
from common.runtime.settings import MongoSettings
from common.storage import mongo
from common.storage.bucket import Bucket
from common.storage.mongo import Db, StorageUnavailable
from common.storage.writer import BATCH
from scripts.stack import Stack
from tests import media, stored
from tests.e2e.test_events import following
from tests.e2e.test_tus import begun, patch, tus
from tests.faults.breaking import RECOVERY, Faults, converting, uploading
from tests.faults.failover import lose_primary, stack_of_three, without_replication
from tests.faults.test_workers import LONG, completes
from tests.person import ENDED
from tests.waiting import eventually

MEGABYTE = 1024 * 1024
# MB.
SIZE = 36
HOW = ["kill", "suspend"]
# Every run ends the primary; a suspended one takes longer, until its clients time out.
KILLED_OR_WITH_ALL = [HOW[0], pytest.param(HOW[1], marks=pytest.mark.slow)]


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
def videos(stack: Stack) -> Iterator[Db]:
    """The database of the videos, as a service accesses it."""
    timeout = float(stack.state.overrides["MONGODB_TIMEOUT"])
    with mongo.connect(MongoSettings(mongo_uri=stack.environment["MONGO_URI"], mongodb_timeout=timeout)) as client:
        yield client[mongo.VIDEOS]


@pytest.fixture
def bucket(videos: Db) -> Bucket:
    made = Bucket(videos)
    made.ensure_indexes()
    return made


def content(megabytes: int) -> bytes:
    return random.Random(megabytes).randbytes(megabytes * MEGABYTE)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_whose_chunks_are_lost_before_its_record_is_written_is_not_published(bucket, videos, faults, stack):
    data = content(33)
    batches = len(data) // DEFAULT_CHUNK_SIZE // BATCH
    with without_replication(stack, faults) as lose, bucket.create("name", "video/mp4", {}) as writer:
        writer.write(data)
        stored = {"files_id": writer.id}
        # Acknowledged: a batch that was not would be inserted again.
        eventually(lambda: videos["fs.chunks"].count_documents(stored) == batches * BATCH, pause=0.02)
        lose()
        with pytest.raises(StorageUnavailable, match=f"lost {batches * BATCH} chunks"):
            writer.finish()
    assert bucket.find(writer.id) is None


def test_a_file_is_read_on_when_the_primary_is_lost(bucket, faults, stack):
    data = content(64)
    with bucket.create("name", "video/mp4", {}) as writer:
        writer.write(data)
        fid = writer.finish()
    for how in HOW:
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


@contextlib.contextmanager
def losing(data: bytes, faults: Faults, stack: Stack) -> Iterator[InPieces]:
    """The body, of which only the primary has the second piece; before the third, the primary ends."""
    with contextlib.ExitStack() as opened:
        before = 0
        end_primary: Callable[[], None]

        def begin() -> None:
            nonlocal before, end_primary
            end_primary = opened.enter_context(without_replication(stack, faults))
            before = chunks()

        def chunks() -> int:
            with MongoClient(stack.environment["MONGO_URI"]) as client:
                return client["videos"]["fs.chunks"].estimated_document_count()

        def lose() -> None:
            # Two batches may not be acknowledged yet: they are inserted again.
            eventually(lambda: chunks() > before + 2 * BATCH, pause=0.02, what="the chunks of the second piece")
            end_primary()

        yield InPieces(data, begin, lose)


def test_an_upload_that_loses_chunks_is_refused_and_can_be_repeated(person, faults, stack, environment):
    path = media.large(SIZE, media.CACHE)
    start = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Accept": "application/json"}
    with losing(start + path.read_bytes() + b"\r\n--x--\r\n", faults, stack) as body:
        answer = person.request("POST", "/upload", data=body, headers=headers)
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"]
    fid = person.uploads(path)
    assert stored.sha256(environment, fid) == sha256(path)
    completes(person, fid)
    assert [job["video_fid"] for job in person.request("GET", "/jobs").json()["jobs"]] == [fid]


def test_a_resumable_upload_that_loses_chunks_is_resumed_before_them(person, faults, stack, environment):
    path = media.large(SIZE, media.CACHE)
    location = begun(person, path.stat().st_size)
    with losing(path.read_bytes(), faults, stack) as body:
        answer = patch(person, location, 0, body)
    assert answer.status_code == 503, answer.text
    assert answer.headers["Retry-After"]
    resumes(person, location, path)
    fid = location.rpartition("/")[2]
    assert stored.sha256(environment, fid) == sha256(path)
    completes(person, fid)


@pytest.mark.parametrize("how", KILLED_OR_WITH_ALL)
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


@pytest.mark.parametrize("how", KILLED_OR_WITH_ALL)
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


@pytest.mark.parametrize("how", KILLED_OR_WITH_ALL)
def test_a_lost_primary_during_a_conversion_delays_it_and_its_events_arrive(person, faults, stack, how):
    with following(person) as stream:
        fid = person.uploads(media.long(LONG))
        eventually(converting(person, fid), pause=0.02)
        lose_primary(stack, faults, how)
        faults.thaw()
        last = eventually(lambda: [job for job in stream.of(fid) if job["status"] in ENDED], seconds=RECOVERY)
        assert last[0]["status"] == "completed"
    completes(person, fid)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param(Point.CONVERTER_CONVERTED, marks=pytest.mark.slow),
        Point.CONVERTER_STORED,
        pytest.param(Point.CONVERTER_COMPLETED, marks=pytest.mark.slow),
    ],
)
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


def test_a_lost_primary_during_a_download_does_not_change_its_bytes(person, faults, stack):
    job = person.converts(media.long(LONG))
    whole = person.download(job["mp3_fid"]).content
    for how in HOW:
        with person.download(job["mp3_fid"], stream=True) as answer:
            received = answer.raw.read(100_000)
            lose_primary(stack, faults, how)
            received += answer.raw.read()
        faults.thaw()
        assert received == whole
        eventually(lambda: person.download(job["mp3_fid"]).content == whole, seconds=RECOVERY, what="the next download")
    person.email_about(job["video_fid"])
