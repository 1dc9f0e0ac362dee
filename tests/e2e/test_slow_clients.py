"""Slow and rude clients: they are told so or cut off, and meanwhile other people are served."""

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
import requests
from bson import ObjectId
from pymongo import MongoClient

from common.serving.settings import ServerSettings
from common.storage.bucket import Bucket
from tests import media
from tests.e2e.rude import CROWD, Answer, answer, connect, crowd, rest
from tests.e2e.test_tus import MEGABYTE, begun, half_a_part, locked, patch
from tests.person import Person
from tests.waiting import eventually

# bytes. More than the buffers of both ends take, which is all that a client that reads nothing gets.
LARGE = 16 * 1024 * 1024
HALF_A_HEAD = b"GET /jobs HTTP/1.1\r\nHost: gateway\r\nX-Nothing: "


def own(name: str) -> str:
    """A name that the tests of another process do not use."""
    return f"{name}-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


@pytest.fixture(scope="module")
def narrow(stack) -> Iterator[str]:
    """A gateway with few threads, of which one account may have all."""
    name = own("narrow")
    stack.add(name, like="gateway", env={"WEB_THREADS": "16", "TRANSFERS_PER_ACCOUNT": "1000"})
    yield stack.url(name)
    stack.remove(name)


@pytest.fixture(scope="module")
def fair(stack) -> Iterator[str]:
    """A gateway with few threads and narrow limits for each account, whose clients may be slow."""
    name = own("fair")
    env = {"WEB_THREADS": "4", "TRANSFERS_PER_ACCOUNT": "2", "STREAMS_PER_ACCOUNT": "2", "CLIENT_PATIENCE": "600"}
    stack.add(name, like="gateway", env=env)
    yield stack.url(name)
    stack.remove(name)


@pytest.fixture
def bystander(narrow: str, newcomer) -> Person:
    """Somebody else, at the gateway with few threads."""
    someone = newcomer()
    someone.url = narrow
    return someone


@pytest.fixture
def large(environment, person: Person) -> Iterator[str]:
    """The id of a large MP3 of the person's."""
    with MongoClient(environment["MONGO_URI"]) as client:
        bucket = Bucket(client["mp3s"])
        with bucket.create("large.mp3", "audio/mpeg", {"username": person.email, "video_fid": ObjectId()}) as writer:
            for _ in range(LARGE // 1_048_576):
                writer.write(os.urandom(1_048_576))
            fid = writer.finish()
        yield str(fid)
        bucket.delete(fid)


def is_served(someone: Person) -> None:
    """A registration, a login and an upload still work."""
    someone.joins()
    someone.uploads(media.make("mp4"))


@pytest.mark.parametrize("sent", [b"", b"GET", HALF_A_HEAD], ids=["nothing", "a word", "half a head"])
def test_clients_that_do_not_finish_their_headers_hold_up_nobody(narrow, bystander, sent):
    with crowd(narrow, sent):
        is_served(bystander)


def test_the_login_service_does_not_wait_for_headers_either(stack, newcomer):
    with crowd(stack.url("auth"), HALF_A_HEAD) as socks:
        is_served(newcomer())
        assert "slowly" in rest(socks[0]).error


def test_headers_that_come_byte_by_byte_are_refused(narrow):
    with connect(narrow) as sock:
        sock.sendall(HALF_A_HEAD)
        sock.settimeout(0.2)
        received, deadline = b"", time.monotonic() + 60
        while b"}" not in received:
            assert time.monotonic() < deadline, "still not refused"
            try:
                received += sock.recv(65536)
            except TimeoutError:
                with suppress(ConnectionError):
                    sock.sendall(b"x")
    refused = Answer.parse(received)
    assert refused.status == 408
    assert "slowly" in refused.error


@pytest.mark.parametrize("service", ["gateway", "auth"])
def test_small_bodies_that_do_not_come_hold_up_nobody_and_are_refused(stack, narrow, bystander, newcomer, service):
    url = narrow if service == "gateway" else stack.url("auth")
    head = b"POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    with crowd(url, head) as socks:
        is_served(bystander if service == "gateway" else newcomer())
        for sock in socks:
            refused = rest(sock)
            assert refused.status == 408
            assert refused.headers["Connection"] == "close"
            assert "slowly" in refused.error


def test_downloads_that_nobody_reads_are_ended(narrow, bystander, person, large):
    request = f"GET /download?fid={large} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n\r\n"
    with crowd(narrow, request.encode(), buffer=4096) as socks:
        is_served(bystander)
        # Others may still wait for their turn.
        received = 0
        with suppress(ConnectionResetError):
            while data := socks[0].recv(1_048_576):
                received += len(data)
        assert received < LARGE


def test_a_download_that_is_read_steadily_but_slowly_is_not_ended(narrow, person, large):
    request = f"GET /download?fid={large} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n\r\n"
    with connect(narrow, buffer=65536) as sock:
        sock.sendall(
            request.encode()
            + request.replace("GET", "HEAD").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode()
        )
        received, begun = 0, time.monotonic()
        # Twice as long as the patience, far below what the connection could carry, and well above the least rate.
        while data := sock.recv(65536):
            received += len(data)
            if time.monotonic() - begun < 12:
                time.sleep(0.05)
    assert received > LARGE


def test_clients_that_keep_their_side_open_after_the_answer_hold_up_nobody(narrow, bystander):
    refused = b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000
    with crowd(narrow, refused) as socks:
        is_served(bystander)
        assert rest(socks[0]).status == 401


def test_what_follows_a_refused_body_is_not_taken_for_a_request(narrow):
    inside = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /jobs/0123456789abcdef01234567/cancel HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    refused = answer(narrow, head + inside)
    assert refused.status == 401
    assert refused.headers["Connection"] == "close"
    assert b"HTTP/1.1" not in refused.body


def test_requests_that_come_together_are_answered_in_their_order(narrow):
    asked = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with_body = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    last = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with connect(narrow) as sock:
        sock.sendall(asked + with_body + asked + last[:20])
        sock.sendall(last[20:])
        received = b"".join(iter(lambda: sock.recv(65536), b""))
    assert [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]] == [b"200", b"401", b"200", b"404"]


@pytest.mark.parametrize("service", ["gateway", "auth"])
def test_a_body_that_is_shorter_than_announced_is_refused(stack, service):
    head = b"POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    with connect(stack.url(service)) as sock:
        sock.sendall(head)
        sock.shutdown(1)
        refused = rest(sock)
    assert refused.status == 400
    assert "broke off" in refused.error


@pytest.mark.parametrize("service", ["gateway", "auth"])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: x\n\n", 400),
        (b"GET / HTTP/9.9\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /" + b"x" * 40_000, 414),
        (b"GET / HTTP/1.1\r\nX-Large: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X-Many: x\r\n" * 101 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X-Many: xxxxxxxxxxxxxxxxxxxxxx\r\n" * 2000, 431),
        (b"POST /login HTTP/1.1\r\nExpect: miracles\r\n\r\n", 417),
        (b"POST /login HTTP/1.1\r\nTransfer-Encoding: invented\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nX-Half: ", 408),
    ],
)
def test_what_never_becomes_a_request_is_refused_like_all_others(stack, service, sent, status):
    refused = answer(stack.url(service), sent)
    assert refused.status == status
    assert refused.error
    assert refused.headers["Connection"] == "close"
    assert b"gunicorn" not in refused.body.lower()


def upload_begun(person: Person):
    """An upload of which half has come."""
    sock = connect(person.url)
    head = (
        f"POST /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n"
        "Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 1000000\r\n\r\n"
        '--B\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    )
    sock.sendall(head.encode())
    return sock


def refused_for_now(answer: requests.Response) -> bool:
    """Whether it is the refusal of one thing too many; fails when that is not told well."""
    if answer.status_code != 429:
        return False
    assert int(answer.headers["Retry-After"]) > 0
    assert "as one account may" in answer.json()["error"]
    return True


def at(url: str, someone: Person) -> Person:
    someone.url = url
    return someone.joins()


def test_an_account_has_a_share_of_the_transfers(fair, newcomer, large, person, environment):
    person.url, other = fair, at(fair, newcomer())
    paths = [begun(person, 10 * MEGABYTE) for _ in range(3)]
    with (
        person.request("GET", f"/download?fid={large}", stream=True),
        person.request("GET", f"/download?fid={large}", stream=True),
    ):
        assert refused_for_now(person.request("GET", f"/download?fid={large}"))
        assert refused_for_now(person.upload(media.make("mp4")))
        assert refused_for_now(patch(person, paths[0], 0, b"x"))
        other.uploads(media.make("mp4"))
        # What is no transfer goes on.
        assert person.request("HEAD", f"/download?fid={large}").status_code == 200
        assert person.request("GET", "/jobs").status_code == 200
    eventually(lambda: person.download(large).status_code == 200, what="the next download")
    with (
        contextlib.closing(half_a_part(person, paths[1], 0, MEGABYTE, b"x")),
        contextlib.closing(half_a_part(person, paths[2], 0, MEGABYTE, b"x")),
    ):
        eventually(lambda: all(locked(environment, path) for path in paths[1:]), what="two uploads")
        assert refused_for_now(person.upload(media.make("mp4")))
        assert refused_for_now(person.request("GET", f"/download?fid={large}"))
    eventually(lambda: person.upload(media.make("mp4")).status_code == 202, what="the next upload")


def test_an_account_has_a_share_of_the_streams(fair, newcomer):
    first, second = at(fair, newcomer()), at(fair, newcomer())
    with ExitStack() as streams:
        for _ in range(2):
            stream = first.request("GET", "/jobs/events", stream=True)
            assert stream.status_code == 200
            streams.callback(stream.close)
        assert refused_for_now(first.request("GET", "/jobs/events", stream=True))
        with second.request("GET", "/jobs/events", stream=True) as other:
            assert other.status_code == 200


def test_probes_are_answered_while_every_thread_is_held(stack, fair, newcomer):
    health = f"http://127.0.0.1:{stack.state.ports[own('fair') + '_health']}"
    people = [at(fair, newcomer()) for _ in range(2)]
    with ExitStack() as held:
        for person in people * 2:
            held.enter_context(upload_begun(person))

        def nobody_is_served() -> bool:
            try:
                requests.get(f"{fair}/healthz", timeout=2)
            except requests.Timeout:
                return True
            return False

        eventually(nobody_is_served, what="the last thread to be held")
        assert requests.get(f"{health}/healthz", timeout=60).json() == {"status": "ok"}
        assert requests.get(f"{health}/readyz", timeout=60).status_code == 200
        assert "video2mp3_http_request_seconds" in requests.get(f"{health}/metrics", timeout=60).text
    eventually(lambda: requests.get(f"{fair}/healthz", timeout=60).ok, what="the threads' return")


def test_a_crowd_is_larger_than_the_login_service():
    assert ServerSettings.model_fields["web_threads"].default < CROWD
