"""Ports for a stack's programs."""

import socket
from pathlib import Path

import pytest

from scripts.stack import ports
from scripts.stack.program import StackError


def test_chosen_ports_are_different_and_free() -> None:
    chosen = ports.choose(12)
    assert len(set(chosen)) == 12
    assert all(ports.is_free(port) for port in chosen)


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        assert not ports.is_free(listener.getsockname()[1])


def test_taken_ports_are_not_chosen() -> None:
    taken = set(range(20_000, 32_768, 2))
    assert taken.isdisjoint(ports.choose(30, taken))


def test_ports_lie_below_those_of_outgoing_connections() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    if first <= 20_100:
        first = 32_768
    assert max(ports.choose(50)) < first


def test_too_many_ports_are_refused_with_a_reason() -> None:
    with pytest.raises(StackError, match="free ports"):
        ports.choose(3, range(70_000))
