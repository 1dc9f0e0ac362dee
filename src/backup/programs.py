"""Runs the programs that backups need: restic and MariaDB's clients."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from common.errors import Video2MP3Error

# The end of a program's error output that is part of an error.
_LAST_LINES = 8


class BackupError(Video2MP3Error):
    """The backup or restore failed; the text says why, and what to do."""


def run(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    timeout: float,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
    cwd: Path | None = None,
) -> str:
    """Returns the standard output, unless `stdout` is given. `variables` are added to the environment.

    Raises BackupError with the program's last lines when it fails, and after `timeout` seconds.
    """
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **variables},
            stdin=stdin or subprocess.DEVNULL,
            stdout=stdout or subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise BackupError(f"{command[0]} is not installed.") from None
    except subprocess.TimeoutExpired:
        raise BackupError(f"{command[0]} did not end within {timeout:.0f} s (BACKUP_STEP_TIMEOUT).") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
        raise BackupError(f"{command[0]} failed with exit code {done.returncode}: {' '.join(lines)}")
    return (done.stdout or b"").decode()
