"""Runs kubectl, docker, minikube and other programs with a timeout; failures become DeployError."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence

# Seconds, for queries; builds, pushes and loads of images get more.
QUERY_TIMEOUT = 60
# Characters of a failed program's standard error that are shown.
_STDERR_SHOWN = 2000


class DeployError(Exception):
    """A failure that ends the command. str() says what is wrong and what to do; it never holds a secret."""


class ProgramFailed(DeployError):
    """A program ended with a non-zero exit code; `stderr` is what it wrote to standard error."""

    def __init__(self, command: Sequence[str], code: int, stderr: str) -> None:
        self.stderr = stderr.strip()
        shown = self.stderr[-_STDERR_SHOWN:] or "no message on standard error."
        super().__init__(f"{shlex.join(command[:6])} failed with exit code {code}: {shown}")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def as_root(*command: str) -> list[str]:
    """The command, with sudo unless this process is root."""
    return list(command) if os.geteuid() == 0 else ["sudo", *command]


def run(command: Sequence[str], *, stdin: str = "", timeout: float = QUERY_TIMEOUT, capture: bool = True) -> str:
    """Returns the program's standard output; without `capture`, the output goes to the terminal.

    Pass secrets through `stdin`: every user can see arguments. Raises ProgramFailed, or DeployError when the program is
    missing or exceeds the timeout (seconds).
    """
    try:
        # Always with `input`: a program that asks a question would wait for a terminal.
        done = subprocess.run(
            command, input=stdin, capture_output=capture, text=True, errors="replace", timeout=timeout, check=False
        )
    except OSError as error:
        raise DeployError(f"{command[0]} is not installed, or not on the PATH: {error.strerror}.") from None
    except subprocess.TimeoutExpired:
        raise DeployError(f"{shlex.join(command[:6])} did not end within {timeout:.0f} s.") from None
    if done.returncode != 0:
        raise ProgramFailed(command, done.returncode, done.stderr if capture else "see the lines above.")
    return done.stdout or ""
