"""What a stack keeps between commands: its ports, secrets and programs, in one private file."""

import fcntl
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from scripts.stack import ports
from scripts.stack.program import StackError

ROOT = Path(__file__).resolve().parents[2]
STACKS = ROOT / ".local" / "stack"
# Bytes. A Unix socket's path has room for 107 and a zero (unix(7)); programs append their pid to a name, and
# Python's multiprocessing makes "pymp-xxxxxxxx/listener-xxxxxxxx" below the folder for temporary files.
_SOCKET_FOLDER_LIMIT = 107 - len("/tmp/pymp-xxxxxxxx/listener-xxxxxxxx")

PORTS = (
    "mysql", "epmd", "rabbitmq", "rabbitmq_tls", "rabbitmq_dist", "rabbitmq_management", "mongodb", "mailserver",
    "auth", "auth_health", "gateway", "gateway-nginx", "gateway_gunicorn", "gateway_health", "converter",
    "notification", "summary", "summary_health", "summary-worker", "provider",
)  # fmt: skip
SECRETS = (
    "mysql_root", "mysql", "mysql_migrations", "mongodb", "mongodb_key", "smtp", "jwt", "link", "provider",
    "rabbitmq", "rabbitmq_manager", "rabbitmq_gateway", "rabbitmq_converter", "rabbitmq_notification",
    "rabbitmq_summary", "mongodb_gateway", "mongodb_converter", "mongodb_notification",
    "mongodb_summary", "mongodb_backup",
)  # fmt: skip


@dataclass
class Variant:
    """A program beyond the fixed ones (`like` names what it copies), or other variables for a fixed one."""

    like: str
    env: dict[str, str] = field(default_factory=dict)


@dataclass
class State:
    """The content of `state.json`, which also gets the environment that is derived from it, for other readers."""

    name: str
    run: str
    ports: dict[str, int]
    secrets: dict[str, str]
    overrides: dict[str, str] = field(default_factory=dict)
    variants: dict[str, Variant] = field(default_factory=dict)
    # How many members MongoDB's replica set has.
    mongodb_members: int = 1
    # Whether the services' processes are measured by coverage.
    coverage: bool = False
    # Whether there is a fake provider of summaries.
    provider: bool = False
    # Whether the services restart when their code changes.
    reload: bool = False
    # The process manager's pid and start time: a recycled pid has another.
    supervisor: tuple[int, float] | None = None
    path: Path = field(default=Path(), repr=False)

    @classmethod
    def create(cls, path: Path) -> Self:
        """A new stack's state for the file `path`, with free ports and fresh secrets; not yet saved."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(
            name=path.parent.name,
            run=str(socket_folder(path.parent)),
            ports=dict(zip(PORTS, ports.choose(len(PORTS)), strict=True)),
            secrets={name: secrets.token_urlsafe(32) for name in SECRETS},
            path=path,
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads the file. Raises StackError when there is no such stack."""
        try:
            content: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            raise StackError(f"There is no stack at {path.parent}. Start one: ./scripts/local.sh up") from None
        content.pop("environment", None)
        # The state of an older version may lack some.
        missing = [name for name in PORTS if name not in content["ports"]]
        content["ports"].update(zip(missing, ports.choose(len(missing), content["ports"].values()), strict=True))
        content["secrets"] = {**{name: secrets.token_urlsafe(32) for name in SECRETS}, **content["secrets"]}
        content["variants"] = {name: Variant(**values) for name, values in content["variants"].items()}
        if content["supervisor"] is not None:
            content["supervisor"] = tuple(content["supervisor"])
        return cls(**content, path=path)

    @property
    def mongodb_names(self) -> list[str]:
        """The programs that are members of MongoDB's replica set; the names of their ports too."""
        return ["mongodb", *(f"mongodb-{number}" for number in range(2, self.mongodb_members + 1))]

    @property
    def folder(self) -> Path:
        """Everything that the stack writes is below it."""
        return self.path.parent

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def tmp(self) -> Path:
        return Path(self.run) / "tmp"

    def save(self, environment: dict[str, str]) -> None:
        """Writes the file, readable by its owner only, in one step."""
        content = asdict(self)
        del content["path"]
        content["environment"] = environment
        draft = self.path.with_suffix(".new")
        with open(draft, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            json.dump(content, file, indent=2)
        draft.replace(self.path)


def socket_folder(folder: Path) -> Path:
    """Makes a folder for the sockets of the stack in `folder`: inside it, or in the system's when that is too deep."""
    inside = folder / "run"
    if len(os.fsencode(inside)) <= _SOCKET_FOLDER_LIMIT:
        inside.mkdir(mode=0o700, parents=True, exist_ok=True)
        return inside
    return Path(tempfile.mkdtemp(prefix="video2mp3-"))


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Only one command at a time changes the stack of the file `path`; the others wait."""
    path.parent.parent.mkdir(parents=True, exist_ok=True)
    with path.parent.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
