"""How long a client is waited for."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from common.serving.sockets import ClientSocket, Pace

PACE = Pace(rate=1000, patience=0.5)


@pytest.fixture
def ends() -> Iterator[tuple[ClientSocket, socket.socket]]:
    """The server's end and the client's."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        with ClientSocket(accepted, PACE) as server:
            yield server, client


def test_silence_is_too_slow_and_reads_like_an_end(ends):
    server, _client = ends
    assert server.recv(10) == b""
    assert server.slow


def test_a_trickle_is_too_slow(ends):
    server, client = ends
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.02):
            client.send(b"x")

    thread = threading.Thread(target=trickle)
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while server.recv(1000):
            assert time.monotonic() < deadline, "still not too slow"
    finally:
        stop.set()
        thread.join()
    assert server.slow


def test_the_end_is_not_slow(ends):
    server, client = ends
    client.sendall(b"all")
    client.shutdown(socket.SHUT_WR)
    assert server.recv(10) == b"all"
    assert server.recv(10) == b""
    assert not server.slow


def test_what_we_do_meanwhile_does_not_count(ends):
    server, client = ends
    for _ in range(3):
        client.sendall(b"x")
        time.sleep(PACE.patience)
        assert server.recv(10) == b"x"
    assert not server.slow


def test_a_client_that_takes_nothing_is_given_up(ends):
    server, _client = ends
    with pytest.raises(BrokenPipeError):
        server.sendall(bytes(50_000_000))
    assert server.stuck


def test_what_was_not_taken_is_dropped(ends):
    server, client = ends
    with pytest.raises(BrokenPipeError):
        server.sendall(bytes(50_000_000))
    server.close()

    def read_on() -> None:
        client.settimeout(60)
        while client.recv(65536):
            pass

    with pytest.raises(ConnectionResetError):
        read_on()


def test_everything_arrives_at_a_client_that_reads(ends):
    server, client = ends
    received = []

    def read() -> None:
        while data := client.recv(65536):
            received.append(len(data))

    thread = threading.Thread(target=read)
    thread.start()
    server.sendall(bytes(3_000_000))
    server.shutdown(socket.SHUT_WR)
    thread.join(60)
    assert sum(received) == 3_000_000
