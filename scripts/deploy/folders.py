"""Where the scripts find the project and keep what they must remember."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from scripts.deploy.errors import DeployError

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
MANIFESTS = ROOT / "manifests"
DOTENV = ROOT / ".env"
LOCAL = ROOT / ".local"
FORWARDS = LOCAL / "forwards"


def deployment(namespace: str) -> Path:
    """What a namespace's deployments share; for the owner's eyes only, it may hold generated passwords."""
    return private(LOCAL / "deploy" / namespace)


def private(folder: Path) -> Path:
    """Makes a folder that only its owner can look into."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return folder


def write(path: Path, content: str) -> None:
    """Replaces a file at once, readable for its owner only: an interrupted run leaves the old or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp gives mode 600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any) -> None:
    """The same for JSON, which is also YAML."""
    write(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """What was written, an empty dictionary when nothing was. Raises DeployError when it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        raise DeployError(f"{path} is damaged or cannot be read. Restore it, or move it away and try again.") from None
    if not isinstance(content, dict):
        raise DeployError(f"{path} is damaged. Restore it, or move it away and try again.")
    return content


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """One run at a time. Raises DeployError when another one goes on."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DeployError(f"Another run is working on {what}. Wait for its end, then try again.") from None
        yield
