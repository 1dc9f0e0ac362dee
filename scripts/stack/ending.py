"""Ends all processes that a stack started, orphaned ones included, and no others."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import psutil

from scripts.stack import environment, supervision
from scripts.stack.program import StackError
from scripts.stack.stack import Stack
from scripts.stack.state import State

# Seconds for the process manager to end after its programs have ended.
_SHUTDOWN_TIMEOUT = 60
# Seconds for processes without a manager; a database writes its memory to the disk first.
_LEFTOVER_GRACE = 30


def processes(state: State) -> list[psutil.Process]:
    """All processes of the stack: those with its mark in their environment. psutil also compares start times.

    nginx overwrites its environment with its titles; its processes are found by their working directory.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            is_nginx = process.name() == "nginx" and Path(process.cwd()).is_relative_to(state.tmp)
            if is_nginx or process.environ().get(environment.MARK) == str(state.folder):
                found.append(process)
    return found


def end(stack: Stack, *, keep_data: bool = True) -> None:
    """Ends services, then servers, then the process manager, and then whatever is left of their children.

    Servers whose data are not kept need no time to save them.
    """
    manager = supervision.process(stack.state)
    if manager is not None:
        # Those that replaced their environment have no mark.
        family = manager.children(recursive=True)
        # A process manager that does not answer is ended too.
        with contextlib.suppress(StackError):
            programs = stack.programs.values()
            stack.stop_all([program.name for program in programs if not program.is_server])
            if keep_data:
                stack.stop_all([program.name for program in programs if program.is_server and program.name != "epmd"])
                # After RabbitMQ, which unregisters there. The manager would take a second for each group.
                stack.stop("epmd")
        if not keep_data:
            _kill(processes(stack.state))
        with contextlib.suppress(psutil.NoSuchProcess):
            manager.terminate()
        with contextlib.suppress(psutil.TimeoutExpired):
            manager.wait(_SHUTDOWN_TIMEOUT)
        _kill([process for process in family if process.is_running()])
    end_leftovers(stack.state)


def end_leftovers(state: State) -> None:
    """Ends the processes whose manager is gone. Raises StackError when one of them does not stop."""
    leftovers = processes(state)
    for process in leftovers:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(leftovers, timeout=_LEFTOVER_GRACE)
    _kill(stubborn)


def _kill(victims: Sequence[psutil.Process]) -> None:
    for process in victims:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _, alive = psutil.wait_procs(victims, timeout=_LEFTOVER_GRACE)
    if alive:
        raise StackError(f"These processes did not stop: {', '.join(str(process.pid) for process in alive)}.")
