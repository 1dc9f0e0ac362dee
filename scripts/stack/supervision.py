"""The process manager: its configuration, its start and calls to it. See docs/decisions/0003."""

import http.client
import json
import os
import shlex
import socket
import sys
import time
import xmlrpc.client
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import Any

import psutil

from scripts.stack import environment
from scripts.stack.program import Program, StackError, run
from scripts.stack.state import ROOT, State

_LAUNCH = Path(__file__).with_name("launch.py")
# Seconds. The process manager answers calls from memory.
_START_TIMEOUT, _CALL_TIMEOUT = 30, 30


class IgnorableFault(IntEnum):
    """Faults that mean that there is nothing to do; the numbers are supervisor's."""

    UNKNOWN = 10
    RUNNING = 60
    NOT_RUNNING = 70
    KNOWN = 90


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(_CALL_TIMEOUT)
        # Where the base class looks for what it has to close.
        self._connection = host, connection
        connection.sock.connect(self._path)
        return connection


def socket_path(state: State) -> str:
    return str(Path(state.run) / "supervisor.sock")


def call(state: State, method: str, *arguments: Any, ignored: IgnorableFault | None = None) -> Any:
    """Calls a method of http://supervisord.org/api.html over the Unix socket; returns None for an ignored fault.

    Raises StackError for other faults, and when there is no answer.
    """
    transport = _Transport(socket_path(state))
    try:
        with xmlrpc.client.ServerProxy("http://localhost", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)
    except xmlrpc.client.Fault as fault:
        if fault.faultCode == ignored:
            return None
        raise StackError(f"The process manager refuses {method} {arguments}: {fault.faultString}.") from None
    except (OSError, http.client.HTTPException) as error:
        raise StackError(
            f"The process manager of the stack {state.name} does not answer ({error}). "
            f"Start the stack: ./scripts/local.sh up --name {state.name}"
        ) from None


def _escape(text: object) -> str:
    return str(text).replace("%", "%%")


def section(state: State, program: Program) -> str:
    """The configuration of one program. It starts on request, and again whenever it ends."""
    command = shlex.join([sys.executable, "-I", str(_LAUNCH), str(specification_path(state, program.name))])
    settings = {
        "command": _escape(command),
        "directory": _escape(ROOT),
        "autostart": "false",
        "autorestart": "true",
        # A program that runs for a second has started; one whose dependency is unavailable may fail many times.
        "startsecs": "1",
        "startretries": "20",
        "stopsignal": "TERM",
        "stopwaitsecs": str(program.stop_seconds),
        # The program ends its children on SIGTERM itself; SIGKILL goes to all of them.
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": _escape(state.logs / f"{program.name}.log"),
        "stdout_logfile_maxbytes": "20MB",
        "stdout_logfile_backups": "3",
        # Servers start first and end last.
        "priority": "100" if program.is_server else "200",
    }
    return f"[program:{program.name}]\n" + "".join(f"{name}={value}\n" for name, value in settings.items())


def configuration(state: State) -> str:
    folder, socket_folder = state.folder, Path(state.run)
    user = "user=root\n" if os.geteuid() == 0 else ""
    return (
        f"[unix_http_server]\nfile={_escape(socket_path(state))}\nchmod=0700\n\n"
        f"[supervisord]\nlogfile={_escape(state.logs / 'supervisord.log')}\nlogfile_maxbytes=5MB\nlogfile_backups=1\n"
        f"pidfile={_escape(socket_folder / 'supervisord.pid')}\nchildlogdir={_escape(state.logs)}\n"
        f"identifier=video2mp3-{_escape(state.name)}\n{user}\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\n"
        f"[include]\nfiles={_escape(folder / 'programs')}/*.conf\n"
    )


def specification_path(state: State, name: str) -> Path:
    """Where the launcher finds the command and the environment of the program `name`."""
    return state.folder / "programs" / f"{name}.json"


def write(state: State, programs: Iterable[Program]) -> list[str]:
    """Writes the programs' configuration and private specifications; returns the names of those that changed."""
    changed = []
    (state.folder / "programs").mkdir(mode=0o700, exist_ok=True)
    (state.folder / "supervisord.conf").write_text(configuration(state))
    for program in programs:
        specification = json.dumps({"command": program.command, "environment": dict(program.environment)})
        path = specification_path(state, program.name)
        if path.exists() and path.read_text() != specification:
            changed.append(program.name)
        path.touch(mode=0o600)
        path.write_text(specification)
        path.with_suffix(".conf").write_text(section(state, program))
    return changed


def process(state: State) -> psutil.Process | None:
    """The running process manager: the pid that was recorded, if it still is the same process."""
    if state.supervisor is None:
        return None
    pid, started = state.supervisor
    try:
        found = psutil.Process(pid)
        alive = found.create_time() == started and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return None
    return found if alive else None


def start(state: State) -> tuple[int, float]:
    """Starts the process manager, which starts nothing yet; returns its pid and start time."""
    for stale in (socket_path(state), Path(state.run) / "supervisord.pid"):
        Path(stale).unlink(missing_ok=True)
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(state.folder / "supervisord.conf")]
    run(command, environment.base(state), cwd=ROOT)
    deadline = time.monotonic() + _START_TIMEOUT
    while time.monotonic() < deadline:
        try:
            manager = psutil.Process(int(call(state, "getPID")))
            return manager.pid, manager.create_time()
        except (StackError, psutil.NoSuchProcess):
            time.sleep(0.1)
    raise StackError(f"The process manager does not answer. Its log is {state.logs / 'supervisord.log'}.")
