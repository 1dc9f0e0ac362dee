"""What the fake programs share: a folder with the state of a machine that has a cluster, docker and minikube."""

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ.get("FAKE_WORLD", "."))


@contextmanager
def state() -> Iterator[dict[str, Any]]:
    """The state, saved at the end; one program at a time."""
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = FOLDER / "state.json"
        content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        yield content
        # At once: a test may interrupt the program at any time.
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(content))
        draft.replace(path)


def is_set(name: str) -> str | None:
    """A switch that a test has set: its text."""
    path = FOLDER / "switches" / name
    return path.read_text() if path.exists() else None


def note(program: str) -> None:
    """Remembers the call, for a test to look at."""
    line = json.dumps([program, *sys.argv[1:]])
    with (FOLDER / "calls").open("a") as file:
        file.write(line + "\n")


def fail(sentence: str, code: int = 1) -> None:
    """Ends as a program does that cannot do what it was asked."""
    print(sentence, file=sys.stderr)
    sys.exit(code)
