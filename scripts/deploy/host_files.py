"""Files of the system that ./setup-host.sh changes: each is saved first, and replaced at once."""

import os
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from scripts.deploy import programs
from scripts.deploy.errors import DeployError


def as_root(*words: str) -> list[str]:
    """A command line that root runs."""
    return list(words) if os.geteuid() == 0 else ["sudo", *words]


@dataclass(frozen=True)
class FileChange:
    """A file as it shall be."""

    path: Path
    content: str
    why: str

    @property
    def is_done(self) -> bool:
        """Whether it is so already."""
        return read(self.path) == self.content

    def describe(self) -> str:
        """For the operator, who is asked about it."""
        lines = "\n".join(f"      {line}" for line in self.content.splitlines())
        return f"{self.path}: {self.why}\n{lines}"

    def apply(self) -> None:
        """Saves what is there beside it, and replaces it."""
        script = "set -eu; umask 022; "
        if read(self.path) is not None:
            saved = f"{self.path}.{datetime.now(UTC):%Y%m%d-%H%M%S}.video2mp3-backup"
            script += f"cp -p {shlex.quote(str(self.path))} {shlex.quote(saved)}; "
        new = shlex.quote(f"{self.path}.video2mp3-new")
        path = shlex.quote(str(self.path))
        # The permissions of what is there, if anything is.
        script += f"[ ! -e {path} ] || cp -p {path} {new}; cat >{new}; mv -f {new} {path}"
        programs.output(as_root("sh", "-c", script), given=self.content)


def read(path: Path) -> str | None:
    """A file's text, None when there is no such file. Raises DeployError."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except PermissionError:
        return programs.output(as_root("cat", str(path)))
    except (OSError, UnicodeDecodeError) as error:
        raise DeployError(f"{path} cannot be read: {error}") from None


def restart(*services: str) -> None:
    """Restarts the first of these services that there is. Raises DeployError."""
    for service in services:
        if programs.succeeds(["systemctl", "cat", f"{service}.service"]):
            programs.output(as_root("systemctl", "restart", f"{service}.service"), seconds=180)
            return
    raise DeployError(f"systemctl knows none of {', '.join(services)}. Restart the server by hand, then try again.")


def load_kernel_settings(path: Path) -> None:
    """Makes the settings of a file in sysctl.d hold now, not only after the next start."""
    programs.output(as_root("sysctl", "--quiet", "--load", str(path)))
