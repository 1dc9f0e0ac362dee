"""The folder for one job's video and MP3 while they are converted."""

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from common.errors import TransientError

log = logging.getLogger(__name__)

_PREFIX = "video2mp3-"


@contextlib.contextmanager
def work_folder(parent: Path | None) -> Iterator[Path]:
    """A private folder, deleted afterwards; raises TransientError when it cannot be created."""
    try:
        folder = tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent, ignore_cleanup_errors=True)
    except OSError as error:
        raise TransientError(f"the temporary folder cannot be used: {error.strerror}") from error
    with folder as path:
        yield Path(path)


def clear_leftovers(parent: Path | None) -> None:
    """Deletes the folders of workers that were killed.

    Call it before the first job: a container's main process has the same process id each time.
    """
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and (int(pid) == os.getpid() or not Path(f"/proc/{pid}").exists()):
            log.warning("Deleting the folder of a worker that was killed: %s", folder)
            shutil.rmtree(folder, ignore_errors=True)
