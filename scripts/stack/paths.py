"""Where a stack keeps what: everything in one folder, sockets in a short one."""

import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STACKS = ROOT / ".local" / "stack"

# bytes. A Unix socket's path has room for 107 and a zero (unix(7)); programs append their pid to a name, and
# Python's multiprocessing makes "pymp-xxxxxxxx/listener-xxxxxxxx" below the folder for temporary files.
_SOCKET_FOLDER_LIMIT = 107 - len("/tmp/pymp-xxxxxxxx/listener-xxxxxxxx")


def socket_folder(folder: Path) -> Path:
    """Makes a folder for the sockets of the stack in `folder`: inside it, or in the system's when that is too deep."""
    inside = folder / "run"
    if len(os.fsencode(inside)) <= _SOCKET_FOLDER_LIMIT:
        inside.mkdir(mode=0o700, parents=True, exist_ok=True)
        return inside
    return Path(tempfile.mkdtemp(prefix="video2mp3-"))
