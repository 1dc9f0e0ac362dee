"""Chooses TCP ports that stay free while a server restarts."""

import contextlib
import itertools
import random
import socket
from collections.abc import Collection
from pathlib import Path

from scripts.stack.program import StackError

_FIRST = 20_000
# Ports of outgoing connections begin here by default on Linux (ip(7)). Servers have lower ports, because an outgoing
# connection could take the port of a server that is down.
_EPHEMERAL_FIRST = 32_768


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(1)
        except OSError:
            return False
    return True


def choose(count: int, taken: Collection[int] = ()) -> list[int]:
    """Returns `count` different free ports, none of them in `taken`.

    The order is random, so that stacks of different checkouts, which may be down at present, do not collide. Raises
    StackError when there are not enough.
    """
    last = _EPHEMERAL_FIRST
    with contextlib.suppress(OSError):
        last = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    if last <= _FIRST + 100:
        last = _EPHEMERAL_FIRST
    candidates = random.sample(range(_FIRST, last), last - _FIRST)
    free = (port for port in candidates if port not in taken and is_free(port))
    chosen = list(itertools.islice(free, count))
    if len(chosen) < count:
        raise StackError(
            f"There are not {count} free ports in {_FIRST}-{_EPHEMERAL_FIRST}. Stop the programs that use these ports."
        )
    return chosen
