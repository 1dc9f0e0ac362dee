"""What a process and its descendants use: memory, processor time, temporary disk; read from /proc."""

import contextlib
import os
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

# Seconds between two looks.
_EVERY = 0.05
_MEGABYTE = 1e6


@dataclass
class Usage:
    memory: float = 0.0
    """Megabytes: the highest sum of the processes' proportional set sizes (PSS: what several share counts once)."""
    disk: float = 0.0
    """Megabytes of blocks in the folder, and in deleted files that are still open (as unnamed temporary files are)."""


@contextlib.contextmanager
def watching(pid: int, folder: Path) -> Iterator[Usage]:
    """Watches the process and its descendants while the block runs, and the folder of their temporary files."""
    process = psutil.Process(pid)
    found = Usage()
    done = threading.Event()
    empty = _disk([process], folder)

    def look() -> None:
        while not done.wait(_EVERY):
            tree = _tree(process)
            found.memory = max(found.memory, sum(map(_memory, tree)) / _MEGABYTE)
            found.disk = max(found.disk, (_disk(tree, folder) - empty) / _MEGABYTE)

    thread = threading.Thread(target=look, name="usage", daemon=True)
    thread.start()
    try:
        yield found
    finally:
        done.set()
        thread.join()


def _tree(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []


def processor_time(pid: int) -> float:
    """Seconds, user and system, of the process, its descendants, and those of them that have ended."""
    # A server's workers are children that live: their own times are not in their parent's.
    total = 0.0
    for one in _tree(psutil.Process(pid)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _memory(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0


def _disk(tree: list[psutil.Process], folder: Path) -> int:
    files: dict[tuple[int, int], int] = {}
    for path in (Path(parent, name) for parent, _, names in os.walk(folder) for name in names):
        with contextlib.suppress(OSError):
            _note(path.lstat(), files)
    for process in tree:
        with contextlib.suppress(OSError):
            for link in Path(f"/proc/{process.pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(link.readlink()).endswith(" (deleted)"):
                        _note(link.stat(), files)
    return sum(files.values())


def _note(status: os.stat_result, files: dict[tuple[int, int], int]) -> None:
    if stat.S_ISREG(status.st_mode):
        files[status.st_dev, status.st_ino] = status.st_blocks * 512
