"""The gateway reuses its connections to the auth service."""

from collections.abc import Callable

import psutil

from scripts.stack import Stack
from tests.person import Person


def connections(stack: Stack) -> set[int]:
    """The local ports of the gateway's connections to the auth service."""
    gateway = psutil.Process(stack.pid("gateway"))
    port = stack.state.ports["auth"]
    return {
        connection.laddr.port
        for process in [gateway, *gateway.children()]
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_ESTABLISHED and connection.raddr and connection.raddr.port == port
    }


def test_many_requests_use_one_connection(stack: Stack, newcomer: Callable[[], Person]) -> None:
    person = newcomer().joins()
    assert person.request("GET", "/jobs").status_code == 200
    before = connections(stack)
    assert before
    for _ in range(20):
        assert person.request("GET", "/jobs").status_code == 200
    after = connections(stack)
    # The connection of the first request is still open. Other tests may have opened more.
    assert before & after
