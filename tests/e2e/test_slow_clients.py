"""Slow and misbehaving clients get an error or are disconnected, and do not delay other clients."""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import psutil
import pytest
import requests
from bson import ObjectId
from pymongo import MongoClient

from common.storage.bucket import Bucket
from tests import media
from tests.e2e.raw_clients import answer, connect, crowd, received, rest
from tests.e2e.test_tus import MEGABYTE, begun, half_a_part, locked, patch
from tests.person import Person
from tests.waiting import eventually

# bytes. More than the buffers of both ends, which is all that a client receives that does not read.
LARGE = 16 * 1024 * 1024
HALF_A_HEAD = b"GET /jobs HTTP/1.1\r\nHost: gateway\r\nX-Nothing: "


def own(name: str) -> str:
    """A name that tests of other processes do not use."""
    return f"{name}-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"


@pytest.fixture(scope="module")
def narrow(stack) -> Iterator[str]:
    """A gateway with few threads and without limits for each account."""
    name = own("narrow")
    stack.add(name, like="gateway", env={"WEB_THREADS": "16", "TRANSFERS_PER_ACCOUNT": "1000"})
    yield stack.url(name)
    stack.remove(name)


@pytest.fixture(scope="module")
def fair(stack) -> Iterator[str]:
    """A gateway with few threads, low limits for each account, and a long client timeout."""
    name = own("fair")
    env = {"WEB_THREADS": "8", "TRANSFERS_PER_ACCOUNT": "2", "STREAMS_PER_ACCOUNT": "2", "CLIENT_TIMEOUT": "600"}
    stack.add(name, like="gateway", env=env)
    yield stack.url(name)
    stack.remove(name)


@pytest.fixture
def bystander(narrow: str, newcomer) -> Person:
    """Another client of the gateway with few threads."""
    someone = newcomer()
    someone.url = narrow
    return someone


@pytest.fixture
def large(environment, person: Person) -> Iterator[str]:
    """The id of a large MP3 of the person."""
    with MongoClient(environment["MONGO_URI"]) as client:
        bucket = Bucket(client["mp3s"])
        with bucket.create("large.mp3", "audio/mpeg", {"username": person.email, "video_fid": ObjectId()}) as writer:
            for _ in range(LARGE // 1_048_576):
                writer.write(os.urandom(1_048_576))
            fid = writer.finish()
        yield str(fid)
        bucket.delete(fid)


def is_served(someone: Person) -> None:
    """Checks that a registration, a login and an upload work."""
    someone.joins()
    someone.uploads(media.make("mp4"))


def is_served_in_turn(someone: Person) -> None:
    """As `is_served`, while one account has all transfers: an upload works after some attempts."""
    someone.joins()
    assert someone.request("GET", "/jobs").status_code == 200

    def accepted() -> bool:
        answer = someone.upload(media.make("mp4"))
        assert answer.status_code in {202, 503}, answer.text
        return answer.status_code == 202

    eventually(accepted, what="a free place")


@pytest.mark.parametrize("sent", [b"", b"GET", HALF_A_HEAD], ids=["nothing", "a word", "half a head"])
def test_clients_with_incomplete_headers_do_not_delay_others(narrow, bystander, sent):
    with crowd(narrow, sent):
        is_served(bystander)


def test_headers_that_arrive_byte_by_byte_time_out(narrow):
    with connect(narrow) as sock:
        sock.sendall(HALF_A_HEAD)
        sock.settimeout(0.2)
        deadline = time.monotonic() + 60
        with suppress(ConnectionError):
            while True:
                assert time.monotonic() < deadline, "still not cut off"
                try:
                    assert sock.recv(65536) == b""
                    break
                except TimeoutError:
                    sock.sendall(b"x")


def test_missing_small_bodies_time_out_and_do_not_delay_others(narrow, bystander):
    head = b"POST /register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    with crowd(narrow, head) as socks:
        is_served(bystander)
        # nginx closes such a connection without a response.
        assert [received(sock) for sock in socks] == [b""] * len(socks)


def test_downloads_that_are_not_read_are_ended(narrow, bystander, person, large):
    request = f"GET /download?fid={large} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n\r\n"
    with crowd(narrow, request.encode(), buffer=4096) as socks:
        is_served_in_turn(bystander)
        # The others may still wait for a thread of the gateway.
        eventually(lambda: not served_by_nginx(socks[0]), what="the end of the download")
        assert len(received(socks[0])) < LARGE


def served_by_nginx(sock: socket.socket) -> bool:
    """Whether the server's side of this connection is still open."""
    return any(
        connection.raddr == sock.getsockname() and connection.status == psutil.CONN_ESTABLISHED
        for connection in psutil.net_connections("tcp4")
    )


def test_a_download_that_is_read_steadily_but_slowly_is_not_ended(narrow, person, large):
    request = f"GET /download?fid={large} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n\r\n"
    with connect(narrow, buffer=65536) as sock:
        sock.sendall(
            request.encode()
            + request.replace("GET", "HEAD").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").encode()
        )
        size, begun = 0, time.monotonic()
        # More than twice CLIENT_TIMEOUT, far below what the connection could carry.
        while data := sock.recv(65536):
            size += len(data)
            if time.monotonic() - begun < 12:
                time.sleep(0.05)
    assert size > LARGE


def test_clients_that_keep_the_connection_open_do_not_delay_others(narrow, bystander):
    refused = b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000
    with crowd(narrow, refused) as socks:
        is_served(bystander)
        assert rest(socks[0]).status == 401


@pytest.mark.parametrize(("path", "status"), [("/upload", 401), ("/jobs/0123456789abcdef01234567/cancel", 413)])
def test_bytes_after_a_refused_body_are_not_parsed_as_a_request(narrow, path, status):
    inside = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
    refused = answer(narrow, head.encode() + inside)
    assert refused.status == status
    assert b"HTTP/1.1" not in refused.body


def test_pipelined_requests_are_answered_in_order(narrow):
    asked = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    with_body = b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
    last = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with connect(narrow) as sock:
        sock.sendall(asked + with_body + asked + last[:20])
        sock.sendall(last[20:])
        answers = received(sock)
    assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"200", b"401", b"200", b"404"]


@pytest.mark.parametrize("path", [b"/register", b"/upload"])
def test_a_body_shorter_than_its_content_length_ends_the_connection(stack, path):
    head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    with connect(stack.url("gateway")) as sock:
        sock.sendall(head)
        sock.shutdown(1)
        # The gateway may have refused the upload before.
        assert received(sock)[:12] in {b"", b"HTTP/1.1 401"}


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400, "bad_request"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, "bad_request"),
        (
            b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "bad_request",
        ),
        (b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", 413, "too_large"),
        (b"GET /" + b"x" * 17_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "uri_too_long"),
        (b"GET /" + b"x" * 40_000, 414, "uri_too_long"),
        (b"GET / HTTP/1.1\r\nX-Large: " + b"x" * 20_000 + b"\r\n\r\n", 431, "headers_too_large"),
        (b"GET / HTTP/1.1\r\n" + b"X-Many: xxxxxxxxxxxxxxxxxxxxxx\r\n" * 2000, 431, "headers_too_large"),
        (b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: invented\r\n\r\n", 501, "not_implemented"),
    ],
)
def test_an_invalid_request_gets_a_json_error(stack, sent, status, code):
    refused = answer(stack.url("gateway"), sent)
    assert (refused.status, refused.code) == (status, code)
    assert refused.error
    assert refused.headers["Connection"] == "close"


def test_a_request_at_the_limits_is_served(stack):
    """gunicorn must accept what nginx accepts, because its own errors are not JSON."""
    headers = [b"Host: x", b"Connection: close", b"Upload-Metadata: " + b"x" * 16_000, *[b"X-Many: x"] * 500]
    sent = b"GET /jobs?" + b"x" * 16_000 + b" HTTP/1.1\r\n" + b"\r\n".join(headers) + b"\r\n\r\n"
    assert answer(stack.url("gateway"), sent).status == 401


def test_a_refused_upload_does_not_break_the_next_request(person):
    """nginx sends the next request on the same connection to gunicorn, and cannot repeat one with a body."""
    for _ in range(60):
        assert person.request("POST", "/upload", data=b"x" * 150_000).status_code == 415
        assert patch(person, f"/files/{ObjectId()}", 0, b"x").status_code == 404


def upload_begun(person: Person):
    """An upload of which half is sent."""
    sock = connect(person.url)
    head = (
        f"POST /upload HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {person.token}\r\n"
        "Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 1000000\r\n\r\n"
        '--B\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
    )
    sock.sendall(head.encode())
    return sock


def refused_for_now(answer: requests.Response) -> bool:
    """Whether a concurrency limit refused the request; checks the error."""
    if answer.status_code != 429:
        return False
    assert int(answer.headers["Retry-After"]) > 0
    assert "an account may have at most" in answer.json()["error"]
    return True


def at(url: str, someone: Person) -> Person:
    someone.url = url
    return someone.joins()


def test_the_transfers_of_an_account_are_limited(fair, newcomer, large, person, environment):
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
        # Other requests are not limited.
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


def test_the_streams_of_an_account_are_limited(fair, newcomer):
    first, second = at(fair, newcomer()), at(fair, newcomer())
    with ExitStack() as streams:
        for _ in range(2):
            stream = first.request("GET", "/jobs/events", stream=True)
            assert stream.status_code == 200
            streams.callback(stream.close)
        assert refused_for_now(first.request("GET", "/jobs/events", stream=True))
        with second.request("GET", "/jobs/events", stream=True) as other:
            assert other.status_code == 200


def test_all_accounts_together_leave_threads_for_short_requests(stack, fair, newcomer):
    health = f"http://127.0.0.1:{stack.state.ports[own('fair') + '_health']}"
    people = [at(fair, newcomer()) for _ in range(5)]
    last = people[-1]
    with ExitStack() as held:
        # Seven eighths of the threads.
        for person in [*people[:3] * 2, people[3]]:
            held.enter_context(upload_begun(person))

        def refused_now() -> bool:
            answer = last.request("GET", "/jobs/events", stream=True)
            answer.close()
            return answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0

        eventually(refused_now, what="the last transfer")
        refused = last.upload(media.make("mp4"))
        assert refused.status_code == 503
        assert refused.json()["code"] == "unavailable"
        at(fair, newcomer())
        assert last.request("GET", "/jobs").status_code == 200
        for path in ("/healthz", "/readyz"):
            assert requests.get(f"{health}{path}", timeout=60).json()["status"] == "ok"
        assert "video2mp3_http_request_seconds" in requests.get(f"{health}/metrics", timeout=60).text
    eventually(lambda: last.upload(media.make("mp4")).status_code == 202, what="the threads' return")


def test_four_accounts_with_all_their_transfers_leave_some_to_others(narrow, newcomer):
    people = [at(narrow, newcomer()) for _ in range(4)]
    other = at(narrow, newcomer())
    # Together more than there are threads.
    with ExitStack() as held:
        for person in people * 5:
            held.enter_context(upload_begun(person))
        eventually(lambda: refused_for_now(people[0].upload(media.make("mp4"))), what="the limit of an account")
        at(narrow, newcomer())
        assert other.request("GET", "/jobs").status_code == 200
        other.uploads(media.make("mp4"))


def test_probes_are_answered_while_every_thread_is_held(stack, person):
    name = own("single")
    stack.add(name, like="gateway", env={"WEB_THREADS": "1", "CLIENT_TIMEOUT": "600"})
    try:
        person.url, health = stack.url(name), f"http://127.0.0.1:{stack.state.ports[f'{name}_health']}"
        with upload_begun(person):

            def nobody_is_served() -> bool:
                try:
                    requests.get(f"{person.url}/healthz", timeout=2)
                except requests.Timeout:
                    return True
                return False

            eventually(nobody_is_served, what="the only thread to be held")
            assert requests.get(f"{health}/healthz", timeout=60).json() == {"status": "ok"}
            assert requests.get(f"{health}/readyz", timeout=60).status_code == 200
            assert "video2mp3_http_request_seconds" in requests.get(f"{health}/metrics", timeout=60).text
        eventually(lambda: requests.get(f"{person.url}/healthz", timeout=60).ok, what="the thread's return")
    finally:
        stack.remove(name)
