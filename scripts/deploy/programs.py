"""Runs the programs that a deployment needs, with a deadline, and tells their failures in a sentence."""

import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

from scripts.deploy.errors import DeployError

# s. For what only asks; builds, pushes and loads get more.
QUICK = 60
# How much of a failed program's complaint is worth reading.
_COMPLAINT = 2000


class ProgramFailed(DeployError):
    """The program ended with a code that is not 0; `complaint` is what it wrote to standard error."""

    def __init__(self, words: Sequence[str], code: int, complaint: str) -> None:
        self.code = code
        self.complaint = complaint.strip()
        super().__init__(
            f"{shlex.join(words[:6])} failed with code {code}: {self.complaint[-_COMPLAINT:] or 'it said nothing.'}"
        )


def output(
    words: Sequence[str], *, given: str | None = None, seconds: float = QUICK, folder: Path | None = None
) -> str:
    """What the program prints. Secrets go into `given`, its standard input: arguments can be seen by every user.

    Raises ProgramFailed, or DeployError when it is missing or takes too long.
    """
    done = _run(words, given=given, seconds=seconds, folder=folder, quiet=True)
    if done.returncode != 0:
        raise ProgramFailed(words, done.returncode, done.stderr or "")
    return done.stdout or ""


def succeeds(words: Sequence[str], *, seconds: float = QUICK) -> bool:
    """Whether the program ends well, whatever it prints. Raises DeployError when it is missing or takes too long."""
    return _run(words, given=None, seconds=seconds, folder=None, quiet=True).returncode == 0


def show(words: Sequence[str], *, seconds: float, folder: Path | None = None) -> None:
    """Runs a program whose output the operator shall see. Raises as `output` does."""
    done = _run(words, given=None, seconds=seconds, folder=folder, quiet=False)
    if done.returncode != 0:
        raise ProgramFailed(words, done.returncode, "the lines above say why.")


def _run(
    words: Sequence[str], *, given: str | None, seconds: float, folder: Path | None, quiet: bool
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            words,
            # A program that asks a question would wait for ever.
            input=given if given is not None else "",
            capture_output=quiet,
            text=True,
            errors="replace",
            timeout=seconds,
            cwd=folder,
            check=False,
        )
    except FileNotFoundError:
        raise DeployError(f"{words[0]} is not installed, or not on the PATH.") from None
    except PermissionError:
        raise DeployError(f"{words[0]} cannot be run: it is not executable.") from None
    except subprocess.TimeoutExpired:
        raise DeployError(f"{shlex.join(words[:6])} did not end within {seconds:.0f} s.") from None
