"""Many at once: people, messages, and clients that mean no good."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from bson import ObjectId

from common.messaging.connection import BrokerConnection
from common.messaging.message import Message
from common.messaging.publisher import Publisher
from common.runtime.settings import RabbitSettings
from tests import invariant, media
from tests.waiting import eventually


@pytest.mark.parametrize("uploads", [80, pytest.param(200, marks=pytest.mark.slow)])
def test_many_uploads_at_once_from_20_people(newcomer, faults, environment, uploads):
    people = [newcomer().joins() for _ in range(20)]
    video = media.ffmpeg([*media.picture(1), *media.sound(seconds=1), *media.MPEG4, *media.AAC], "mp4")
    with ThreadPoolExecutor(uploads) as pool:
        answers = list(pool.map(lambda i: people[i % 20].upload(video), range(uploads)))
    # Each is accepted, or refused with a clear answer; nothing in between.
    assert {answer.status_code for answer in answers} <= {202, 503}
    accepted = [answer for answer in answers if answer.status_code == 202]
    assert len(accepted) >= 0.75 * uploads
    for person in people:
        invariant.holds(environment, person.email, seconds=300)
        jobs = person.request("GET", "/jobs?limit=200").json()["jobs"]
        assert {job["status"] for job in jobs} == {"completed"}
        assert len(person.emails()) == len(jobs)


@pytest.fixture
def publisher(environment):
    settings = RabbitSettings(rabbitmq_uri=environment["RABBITMQ_URI"], retry_delays="0.5,1,2,4,8")
    stop = threading.Event()
    connection = BrokerConnection(settings, "test")
    thread = connection.start(stop)
    eventually(lambda: connected(connection))
    yield Publisher(connection)
    stop.set()
    thread.join(30)


def connected(connection) -> bool:
    try:
        connection.check()
    except Exception as error:
        raise AssertionError(str(error)) from error
    return True


@pytest.mark.parametrize("messages", [500, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_backlog_of_messages_is_processed_and_invalid_ones_dead_lettered(
    person, faults, publisher, environment, messages
):
    done = [person.converts(media.make("mp4")) for _ in range(3)]
    faults.stop("converter")
    fids = [person.uploads(media.make("mp4")) for _ in range(20)]
    for i in range(messages - len(fids)):
        if i % 100 == 0:
            publisher.publish_raw("video", b"not a message")
        elif i % 100 == 1:
            publisher.publish("video", Message(video_fid=ObjectId(), mp3_fid=None, username=person.email))
        else:
            job = done[i % len(done)]
            publisher.publish("video", Message(ObjectId(job["video_fid"]), None, person.email))
    dead = invariant.depth(environment, "video.dead")
    faults.start("converter")
    for fid in fids:
        assert person.waits_for(fid, seconds=300)["status"] == "completed"
    eventually(lambda: invariant.depth(environment, "video") == 0, seconds=300)
    eventually(lambda: invariant.depth(environment, "video.dead") == dead + messages // 50)
    assert {job["mp3_fid"] for job in done} == {person.job(job["video_fid"])["mp3_fid"] for job in done}
    assert len(person.emails()) == len(done) + len(fids)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_backlog_of_2000_jobs(newcomer, faults, environment):
    people = [newcomer().joins() for _ in range(20)]
    video = media.ffmpeg([*media.picture(1), *media.sound(seconds=1), *media.MPEG4, *media.AAC], "mp4")
    faults.stop("converter")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: people[i % 20].uploads(video), range(2000)))
    faults.start("converter")
    for person in people:
        invariant.holds(environment, person.email, seconds=3000)


def trickle(socks: list[socket.socket]) -> None:
    """A byte a second on each, until they are closed."""
    while socks:
        for sock in list(socks):
            try:
                sock.sendall(b"0")
            except OSError:
                socks.remove(sock)
        time.sleep(1)


def test_slow_clients_do_not_block_others(person, newcomer, faults):
    """Of 100 clients half say nothing after the beginning, and half a byte a second."""
    url = urlsplit(person.url)
    slow = [newcomer().joins() for _ in range(5)]
    heads = [
        f"POST /upload HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: Bearer {client.token}\r\n"
        "Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 1000000\r\n\r\n"
        '--B\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n'
        for client in slow
    ]
    socks = [socket.create_connection((url.hostname, url.port), timeout=60) for _ in range(100)]
    try:
        for i, sock in enumerate(socks):
            sock.sendall(heads[i % len(heads)].encode())
        threading.Thread(target=trickle, args=(socks[::2],), daemon=True).start()
        job = person.converts(media.make("mp4"))
        assert job["status"] == "completed"
        refused = [sock.recv(12) for sock in socks[:20]]
        assert refused == [b"HTTP/1.1 408"] * 20
    finally:
        for sock in socks:
            sock.close()


def peak(stack, program: str) -> int:
    """Bytes of memory that the program's processes have held at most, together."""
    process = psutil.Process(stack.pid(program))
    total = 0
    for one in [process, *process.children(recursive=True)]:
        lines = Path(f"/proc/{one.pid}/status").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024
    return total


@pytest.mark.parametrize("megabytes", [400, pytest.param(2000, marks=pytest.mark.slow)])
def test_memory_stays_flat_from_small_to_large_files(person, faults, stack, megabytes):
    def run(megabytes: int) -> None:
        job = person.converts(media.large(megabytes, media.CACHE))
        assert person.download(job["mp3_fid"]).status_code == 200

    run(24)
    run(100)
    before = {name: peak(stack, name) for name in ("gateway", "converter")}
    run(megabytes)
    grown = {name: peak(stack, name) - before[name] for name in before}
    # Neither holds a file, or a fifth of one: 300 MB more of video, and more, are less than 60 MB more of memory.
    assert all(bytes_more < 60_000_000 for bytes_more in grown.values()), grown
