"""The folder in which one job's video and MP3 lie while they are worked on."""

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
    """A private folder, gone afterwards; raises TransientError when there can be none."""
    try:
        folder = tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=parent)
    except OSError as error:
        raise TransientError(f"the temporary folder cannot be used: {error.strerror}") from error
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_leftovers(parent: Path | None) -> None:
    """Deletes the folders of workers that were killed; those of workers that live stay.

    Call it before the first job: a container's main process has the same number each time.
    """
    for folder in Path(parent or tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        pid = folder.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdigit() and (int(pid) == os.getpid() or not Path(f"/proc/{pid}").exists()):
            log.warning("Deleting what a worker that was killed has left: %s", folder)
            shutil.rmtree(folder, ignore_errors=True)
