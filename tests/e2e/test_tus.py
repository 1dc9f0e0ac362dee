"""Resumable uploads by tus 1.0.0: the protocol, a client of its authors, and interruptions."""

import base64
import hashlib
import http.client
import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

import pytest
import requests
from bson import ObjectId
from tusclient.client import TusClient

from common.runtime.settings import MongoSettings
from common.storage import mongo
from scripts.stack import Stack
from tests import invariant, media, stored
from tests.person import Person
from tests.waiting import eventually

BODY = "application/offset+octet-stream"
MEGABYTE = 1024 * 1024
CHUNK = 255 * 1024


def metadata(**fields: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in fields.items())


def tus(person: Person, method: str, path: str = "/files", **more) -> requests.Response:
    headers = {"Tus-Resumable": "1.0.0", **more.pop("headers", {})}
    return person.request(method, path, headers=headers, **more)


def begin(person: Person, length: int, data: bytes | None = None, **fields: str) -> requests.Response:
    headers = {"Upload-Length": str(length), "Upload-Metadata": metadata(**{"filename": "talk.mp4", **fields})}
    if data is not None:
        headers["Content-Type"] = BODY
    return tus(person, "POST", data=data, headers=headers)


def begun(person: Person, length: int, **fields: str) -> str:
    answer = begin(person, length, **fields)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Upload-Offset"] == "0"
    return answer.headers["Location"]


def patch(person: Person, path: str, offset: int, data: bytes, **headers: str) -> requests.Response:
    headers = {"Upload-Offset": str(offset), "Content-Type": BODY, **headers}
    return tus(person, "PATCH", path, data=data, headers=headers)


def offset_of(person: Person, path: str) -> int:
    answer = tus(person, "HEAD", path)
    assert answer.status_code == 200
    return int(answer.headers["Upload-Offset"])


def test_options_lists_the_extensions(stack):
    answer = requests.options(f"{stack.url('gateway')}/files", timeout=30)
    assert answer.status_code == 204
    assert answer.headers["Tus-Version"] == answer.headers["Tus-Resumable"] == "1.0.0"
    assert set(answer.headers["Tus-Extension"].split(",")) == {
        "creation", "creation-with-upload", "termination", "expiration", "checksum"
    }  # fmt: skip
    assert int(answer.headers["Tus-Max-Size"]) == 64 * MEGABYTE
    assert "sha256" in answer.headers["Tus-Checksum-Algorithm"]


@pytest.mark.parametrize(
    "sizes", [[10**9], [1, 4095, 1, 10**9], [CHUNK, 1, CHUNK - 1, CHUNK + 1, 10**9], [100] * 30 + [10**9]]
)
def test_parts_of_any_size_become_the_same_video(person: Person, environment, sizes):
    data = media.make("mkv").read_bytes() + os.urandom(3 * CHUNK)
    path = begun(person, len(data), title="In parts", start="1")
    offset = 0
    for size in sizes:
        answer = patch(person, path, offset, data[offset : offset + size])
        assert answer.status_code == 204, answer.text
        offset = int(answer.headers["Upload-Offset"])
        assert ("Upload-Expires" in answer.headers) == (offset < len(data))
    assert offset == len(data)
    fid = path.rpartition("/")[2]
    job = person.waits_for(fid)
    assert job["options"] == {"title": "In parts", "start": 1.0}
    assert stored.sha256(environment, fid) == hashlib.sha256(data).hexdigest()
    assert offset_of(person, path) == len(data)
    invariant.holds(environment, person.email)


def test_an_upload_may_be_created_with_its_bytes(person: Person):
    data = media.make("mp4").read_bytes()
    answer = begin(person, len(data), data)
    assert (answer.status_code, answer.headers["Upload-Offset"]) == (201, str(len(data)))
    assert person.waits_for(answer.headers["Location"].rpartition("/")[2])["status"] == "completed"


def test_a_wrong_offset_is_refused_with_the_right_one(person: Person):
    path = begun(person, 1000)
    assert patch(person, path, 0, os.urandom(100)).status_code == 204
    for offset in (0, 99, 101, 1000):
        answer = patch(person, path, offset, os.urandom(10))
        assert (answer.status_code, answer.headers["Upload-Offset"]) == (409, "100"), answer.text
    assert offset_of(person, path) == 100


def test_a_body_that_is_too_large_is_refused(person: Person):
    assert begin(person, 65 * MEGABYTE).status_code == 413
    path = begun(person, 1000)
    assert patch(person, path, 0, os.urandom(1001)).status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(20):
            yield os.urandom(100)

    assert patch(person, path, 0, endless()).status_code == 413
    assert offset_of(person, path) == 0


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_part_must_match_its_checksum(person: Person, environment, algorithm):
    data = media.make("mp4").read_bytes()
    half = len(data) // 2

    def checksum(part: bytes) -> str:
        return f"{algorithm} {base64.b64encode(hashlib.new(algorithm, part).digest()).decode()}"

    path = begun(person, len(data))
    assert patch(person, path, 0, data[:half], **{"Upload-Checksum": checksum(data[:half])}).status_code == 204
    broken = patch(person, path, half, os.urandom(len(data) - half), **{"Upload-Checksum": checksum(data[half:])})
    assert broken.status_code == 460, broken.text
    assert offset_of(person, path) == half
    assert patch(person, path, half, data[half:], **{"Upload-Checksum": checksum(data[half:])}).status_code == 204
    assert stored.sha256(environment, path.rpartition("/")[2]) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("value", ["sha512 AAAA", "sha1", "sha1 !!!", "sha1 AAAA", ""])
def test_an_invalid_checksum_is_refused(person: Person, value):
    assert patch(person, begun(person, 10), 0, b"\x00" * 10, **{"Upload-Checksum": value}).status_code == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Metadata": metadata(filename="a.mp4")}, 400),
        ({"Upload-Length": "-1", "Upload-Metadata": metadata(filename="a.mp4")}, 400),
        ({"Upload-Length": "0", "Upload-Metadata": metadata(filename="a.mp4")}, 400),
        ({"Upload-Defer-Length": "1", "Upload-Metadata": metadata(filename="a.mp4")}, 400),
        ({"Upload-Length": "10", "Upload-Concat": "partial", "Upload-Metadata": metadata(filename="a.mp4")}, 400),
        ({"Upload-Length": "10"}, 422),
        ({"Upload-Length": "10", "Upload-Metadata": "filename !!!"}, 400),
        ({"Upload-Length": "10", "Upload-Metadata": metadata(filename="a.mp4", bitrate="1")}, 422),
        ({"Upload-Length": "10", "Upload-Metadata": metadata(filename="a.mp4"), "Tus-Resumable": "0.2.2"}, 412),
    ],
)
def test_an_invalid_creation_is_refused(person: Person, headers, status):
    answer = tus(person, "POST", headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["Tus-Resumable"] == "1.0.0"


def test_another_type_of_body_is_refused(person: Person):
    answer = patch(person, begun(person, 10), 0, b"\x00" * 10, **{"Content-Type": "application/octet-stream"})
    assert answer.status_code == 415


def test_a_file_that_is_no_video_ends_the_upload(person: Person, environment):
    path = begun(person, 10_000)
    assert patch(person, path, 0, b"This is ").status_code == 204
    answer = patch(person, path, 8, b"plain text. " * 600)
    assert (answer.status_code, "text" in answer.json()["error"]) == (415, True)
    assert tus(person, "HEAD", path).status_code == 404
    assert begin(person, 9, b"%PDF-1.7 ").status_code == 415
    assert person.request("GET", "/jobs").json()["jobs"] == []
    invariant.holds(environment, person.email)


def test_other_users_cannot_see_continue_or_end_an_upload(person: Person, newcomer):
    path = begun(person, 1000)
    other = newcomer().joins()
    assert tus(other, "HEAD", path).status_code == 404
    assert patch(other, path, 0, b"\x00").status_code == 404
    assert tus(other, "DELETE", path).status_code == 404
    other.token = "x"
    assert tus(other, "HEAD", path).status_code == 401
    assert offset_of(person, path) == 0


def test_a_terminated_upload_leaves_nothing(person: Person, environment):
    path = begun(person, 5 * MEGABYTE)
    assert patch(person, path, 0, os.urandom(MEGABYTE)).status_code == 204
    assert tus(person, "DELETE", path).status_code == 204
    assert tus(person, "HEAD", path).status_code == 404
    assert patch(person, path, MEGABYTE, b"\x00").status_code == 404
    with mongo.connect(MongoSettings(mongo_uri=environment["MONGO_URI"])) as client:
        fid = ObjectId(path.rpartition("/")[2])
        assert client[mongo.VIDEOS]["fs.chunks"].count_documents({"files_id": fid}) == 0


def test_a_client_that_can_only_post_overrides_the_method(person: Person):
    path = begun(person, 1000)
    headers = {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0", "Content-Type": BODY}
    assert tus(person, "POST", path, data=os.urandom(10), headers=headers).status_code == 204
    assert tus(person, "POST", path).status_code == 400


def half_a_part(person: Person, path: str, offset: int, length: int, sent: bytes) -> http.client.HTTPConnection:
    """A PATCH of which only the beginning is sent, on an open connection."""
    url = urlsplit(person.url)
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.putrequest("PATCH", path)
    for name, value in {
        "Authorization": f"Bearer {person.token}", "Tus-Resumable": "1.0.0", "Content-Type": BODY,
        "Upload-Offset": str(offset), "Content-Length": str(length),
    }.items():  # fmt: skip
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(sent)
    return connection


def locked(environment: dict[str, str], path: str) -> bool:
    upload = {"_id": ObjectId(path.rpartition("/")[2]), "lock": {"$ne": None}}
    with mongo.connect(MongoSettings(mongo_uri=environment["MONGO_URI"])) as client:
        return client[mongo.VIDEOS]["uploads"].find_one(upload) is not None


def sends_in_small_pieces(connection: http.client.HTTPConnection, ended: threading.Event) -> None:
    """Stays above the minimum rate, so that the request is not ended."""
    while not ended.wait(0.2):
        connection.send(bytes(4096))


def test_a_second_request_is_refused_while_the_first_sends(person: Person, environment):
    path = begun(person, 10 * MEGABYTE)
    connection = half_a_part(person, path, 0, 10 * MEGABYTE, os.urandom(1000))
    ended = threading.Event()
    sender = threading.Thread(target=sends_in_small_pieces, args=(connection, ended))
    sender.start()
    try:
        eventually(lambda: locked(environment, path), pause=0.01, what="the lock")
        assert patch(person, path, 0, b"\x00").status_code == 423
    finally:
        ended.set()
        sender.join(60)
        connection.close()
    # Every byte of the broken request counts.
    eventually(lambda: offset_of(person, path) >= 1000, what="the flush")


@pytest.fixture
def roomy(stack, person: Person) -> Iterator[tuple[Person, str]]:
    """A gateway of the test's own that takes larger files and may be killed."""
    name = f"gateway-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    stack.add(name, like="gateway", env={"MAX_UPLOAD_MB": "600"})
    person.url = stack.url(name)
    yield person, name
    stack.remove(name)


def test_half_a_gigabyte_survives_a_cut_connection_and_a_killed_gateway(roomy, stack, environment, tmp_path: Path):
    person, gateway = roomy
    video = media.large(500, tmp_path)
    with video.open("rb") as file:
        survives(person, gateway, stack, environment, file)


def sends_slowly(connection: http.client.HTTPConnection, file: BinaryIO) -> None:
    """At most 20 MB/s, so that the server is killed before the end."""
    with suppress(OSError):
        while piece := file.read(2 * MEGABYTE):
            connection.send(piece)
            time.sleep(0.1)


def survives(person: Person, gateway: str, stack: Stack, environment: dict[str, str], file: BinaryIO) -> None:
    client = TusClient(f"{person.url}/files", headers={"Authorization": f"Bearer {person.token}"})
    named = {"filename": "large.mp4", "bitrate": "64"}
    # tuspy does not close files that it opens itself.
    uploader = client.uploader(file_stream=file, chunk_size=50 * MEGABYTE, metadata=named)
    uploader.upload_chunk()
    path = urlsplit(uploader.url).path

    file.seek(uploader.offset)
    with closing(half_a_part(person, path, uploader.offset, 100 * MEGABYTE, file.read(20 * MEGABYTE))):
        # At the end of the connection, nginx drops what it has not forwarded yet.
        eventually(lambda: offset_of(person, path) > 60 * MEGABYTE, what="half of what was sent")
    eventually(lambda: not locked(environment, path), what="the end of the request")
    cut_at = offset_of(person, path)
    assert 60 * MEGABYTE < cut_at <= 70 * MEGABYTE
    file.seek(cut_at)

    # The gateway is killed in the middle of one long request.
    sender = half_a_part(person, path, cut_at, 400 * MEGABYTE, b"")
    trickle = threading.Thread(target=sends_slowly, args=(sender, file))
    trickle.start()
    eventually(lambda: offset_of(person, path) > cut_at + 8 * MEGABYTE, pause=0.02, what="some of the long request")
    stack.kill(gateway)
    trickle.join(120)
    assert not trickle.is_alive()
    sender.close()
    stack.wait_ready(gateway, 120)
    resumed_at = offset_of(person, path)
    length = file.seek(0, os.SEEK_END)
    assert cut_at < resumed_at < length

    resumed = client.uploader(file_stream=file, url=uploader.url, chunk_size=128 * MEGABYTE, retries=20, retry_delay=1)
    assert resumed.offset == resumed_at
    resumed.upload()
    fid = path.rpartition("/")[2]
    file.seek(0)
    assert stored.sha256(environment, fid) == hashlib.file_digest(file, "sha256").hexdigest()
    assert person.waits_for(fid)["status"] == "completed"
    assert person.request("DELETE", f"/jobs/{fid}").status_code == 204


METADATA = [
    metadata(filename="talk.mp4"),
    # Keys of the client's own, as tus-js-client, Uppy and others send them; some without a value, some not text.
    metadata(filename="talk.mp4", filetype="video/mp4", relativePath="null", uid="uppy-talk") + ",is_confidential",
    f"{metadata(caption='Ein Vortrag – über 音楽')} ,\t{metadata(filename='talk.mp4', title='Talk')} , empty",
    metadata(name="talk.mp4", type="video/mp4") + ",raw " + base64.b64encode(bytes(range(256))).decode(),
]


@pytest.mark.parametrize("value", METADATA)
def test_the_metadata_is_returned_as_it_was_sent(person: Person, value: str):
    data = media.make("mp4").read_bytes()
    created = tus(person, "POST", headers={"Upload-Length": str(len(data)), "Upload-Metadata": value})
    assert created.status_code == 201, created.text
    path = created.headers["Location"]
    assert tus(person, "HEAD", path).headers["Upload-Metadata"] == value
    assert patch(person, path, 0, data[:100]).status_code == 204
    assert tus(person, "HEAD", path).headers["Upload-Metadata"] == value
    assert patch(person, path, 100, data[100:]).status_code == 204
    ended = tus(person, "HEAD", path)
    assert ended.headers["Upload-Metadata"] == value
    assert ended.headers["Upload-Offset"] == str(len(data))
    job = person.waits_for(path.rpartition("/")[2])
    assert (job["status"], job["filename"]) == ("completed", "talk.mp4")
    assert tus(person, "HEAD", path).headers["Upload-Metadata"] == value
