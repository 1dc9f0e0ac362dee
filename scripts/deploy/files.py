"""Paths of the checkout, and the private files that the scripts keep in .local."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.deploy.programs import DeployError

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
MANIFESTS = ROOT / "manifests"
DOTENV = ROOT / ".env"
FORWARDS = ROOT / ".local" / "forwards"


def deployment(namespace: str) -> Path:
    """The folder of a namespace's deployment. Only the owner can read it: it holds generated passwords."""
    return private(ROOT / ".local" / "deploy" / namespace)


def private(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def write_json(path: Path, content: Any) -> None:
    """Replaces a file atomically, with mode 600."""
    draft = path.with_name(f".{path.name}.new")
    with open(draft, "w", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(content, file, indent=2, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """The content of a file of `write_json`; empty when there is none. Raises DeployError when it is damaged."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise DeployError(f"{path} is damaged or unreadable. Restore it, or move it away, then try again.") from None
    return content


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Holds the folder's lock while the block runs. Raises DeployError when another run holds it."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DeployError(f"Another run is using {what}. Wait until it has ended, then try again.") from None
        yield
