"""Ends what a stack started: exactly that, whatever became of the parents, and nothing else."""

import contextlib

import psutil

from scripts.stack import environment, supervision
from scripts.stack.errors import StackError
from scripts.stack.state import State

# s. The process manager stops the services and then the servers, each within its own time.
_SHUTDOWN_TIMEOUT = 120
_LEFTOVER_GRACE = 15


def processes(state: State) -> list[psutil.Process]:
    """All processes of the stack: those that carry its mark. Each remembers its start time, so none is mistaken."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(environment.MARK) == str(state.folder):
                found.append(process)
    return found


def end(state: State) -> None:
    """Ends the process manager, which ends its programs in order, and then whatever is left."""
    manager = supervision.process(state)
    if manager is not None:
        manager.terminate()
        with contextlib.suppress(psutil.TimeoutExpired):
            manager.wait(_SHUTDOWN_TIMEOUT)
    end_leftovers(state)


def end_leftovers(state: State) -> None:
    """Ends the processes whose manager is gone. Raises StackError when one of them cannot be ended."""
    leftovers = processes(state)
    for process in leftovers:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(leftovers, timeout=_LEFTOVER_GRACE)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _, alive = psutil.wait_procs(stubborn, timeout=_LEFTOVER_GRACE)
    if alive:
        raise StackError(f"These processes cannot be ended: {', '.join(str(process.pid) for process in alive)}")
