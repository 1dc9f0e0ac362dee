"""The wire to the process manager: http://supervisord.org/api.html over its Unix socket, each call limited in time."""

import http.client
import socket
import xmlrpc.client
from enum import IntEnum
from pathlib import Path
from typing import Any

from scripts.stack.errors import StackError
from scripts.stack.state import State

# s. One answer of the process manager; it answers from memory.
_CALL_TIMEOUT = 30


class IgnorableFault(IntEnum):
    """Refusals that say that there is nothing to do; the numbers are supervisor's."""

    UNKNOWN = 10
    RUNNING = 60
    NOT_RUNNING = 70
    KNOWN = 90


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_CALL_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _Connection(self._path)
        # Where the base class looks for what it has to close.
        self._connection = host, connection
        return connection


def socket_path(state: State) -> str:
    """Where the process manager listens."""
    return str(Path(state.run) / "supervisor.sock")


def call(state: State, method: str, *arguments: Any, harmless: IgnorableFault | None = None) -> Any:
    """The answer to one call; None for a refusal that is `harmless`. Raises StackError for others and for silence."""
    transport = _Transport(socket_path(state))
    try:
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == harmless:
            return None
        raise StackError(f"The process manager refuses {method} {arguments}: {fault.faultString}.") from None
    except (OSError, http.client.HTTPException) as error:
        raise StackError(
            f"The process manager of the stack {state.name} does not answer ({error}). "
            f"Start the stack: ./scripts/local.sh up --name {state.name}"
        ) from None
