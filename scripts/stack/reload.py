"""Restarts the services of a stack when their code changes: a program of the stack after `up --reload`.

`python -m scripts.stack.reload STATE [SOURCE]`
"""

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.stack import services
from scripts.stack.program import StackError
from scripts.stack.stack import Stack
from scripts.stack.state import ROOT

# Seconds between two looks at the files.
_INTERVAL = 1
# Service → its package, where the names differ.
_PACKAGES = {"housekeeping": "gateway", "summary-worker": "summary"}


def watch(stack: Stack, source: Path) -> None:
    """Does not return. A service that does not start with the new code is started again after the next change."""
    before = _modified(source)
    while True:
        time.sleep(_INTERVAL)
        after = _modified(source)
        packages = {path.relative_to(source).parts[0] for path, _ in before.items() ^ after.items()}
        before = after
        for name in _affected(Stack.open(stack.state.path), packages) if packages else ():
            print(f"Restarting {name}: the code of {', '.join(sorted(packages))} changed", flush=True)
            with contextlib.suppress(StackError):
                stack.stop(name)
                stack.start(name)


def _modified(source: Path) -> dict[Path, int]:
    found = {}
    for package in {"common", *services.COMMANDS}:
        for path in (source / package).rglob("*.py"):
            with contextlib.suppress(FileNotFoundError):  # editors replace files
                found[path] = path.stat().st_mtime_ns
    return found


def _affected(stack: Stack, packages: set[str]) -> Iterator[str]:
    for name, like in services.names(stack.state).items():
        if {"common", _PACKAGES.get(like, like)} & packages:
            yield name


if __name__ == "__main__":
    watch(Stack.open(sys.argv[1]), Path(sys.argv[2]) if sys.argv[2:] else ROOT / "src")
