"""One process that the process manager keeps running."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


class StackError(Exception):
    """The stack cannot do what was asked: `str(error)` says why and what to do."""


@dataclass(frozen=True)
class Program:
    """What is run and how one knows that it is ready."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    # Raises anything at all while the program does not do its work yet.
    check: Callable[[], None]
    port: int | None = None
    url: str | None = None
    is_server: bool = False
    # s. From the polite signal to the hard one; Kubernetes gives as much.
    stop_seconds: int = 30


def find(name: str, *elsewhere: Path, package: str) -> str:
    """The path of the executable `name`: on PATH or one of `elsewhere`. Raises StackError naming its package."""
    for candidate in (shutil.which(name), *map(str, elsewhere)):
        if candidate is not None and shutil.which(candidate) is not None:
            return candidate
    raise StackError(f"{name} is not on this machine. Install {package}; ./scripts/local.sh up does it.")
