"""One process that the process manager keeps running."""

import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class StackError(Exception):
    """The stack cannot do what was asked: `str(error)` says why and what to do."""


@dataclass(frozen=True)
class Program:
    """The command of a process, and how to find out whether it is ready."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    # Raises any exception while the program is not ready.
    check: Callable[[], None]
    port: int | None = None
    url: str | None = None
    is_server: bool = False
    # Called before each start of the stack.
    prepare: Callable[[], None] = lambda: None
    # Seconds between SIGTERM and SIGKILL; Kubernetes allows as many.
    stop_seconds: int = 30


def find(name: str, *elsewhere: Path, package: str) -> str:
    """The path of the executable `name`: on PATH or one of `elsewhere`. Raises StackError naming its package."""
    for candidate in (shutil.which(name), *map(str, elsewhere)):
        if candidate is not None and shutil.which(candidate) is not None:
            return candidate
    raise StackError(f"{name} is not on this machine. Install {package}; ./scripts/local.sh up does it.")


def run(command: Sequence[str], variables: Mapping[str, str], cwd: Path | None = None) -> None:
    """Runs a command with these environment variables. Raises StackError with its output when it fails."""
    done = subprocess.run(command, env=variables, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise StackError(f"{Path(command[0]).name} failed:\n{done.stdout}{done.stderr}")
