"""The processes that fail: programs of the stack with all their processes, or some of their children."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from scripts.chaos.plan import Action
from scripts.stack import Stack

_SIGNALS = (Action.KILL, Action.TERMINATE, Action.SUSPEND)


@dataclass(frozen=True)
class Target:
    programs: str
    """A pattern of the names of programs."""
    children: str = ""
    """A pattern of the names of single child processes; empty: the program with all its processes."""
    actions: tuple[Action, ...] = _SIGNALS


# By their names in the report. epmd, which only local stacks have, and the fake provider of summaries are left out.
TARGETS: Mapping[str, Target] = {
    "gateway": Target("gateway"),
    "gateway worker": Target("gateway", "."),
    "nginx": Target("gateway-nginx"),
    "nginx worker": Target("gateway-nginx", "."),
    "auth": Target("auth"),
    "auth worker": Target("auth", "."),
    "converter": Target(r"converter(-\d+)?"),
    "ffmpeg": Target(r"converter(-\d+)?", "ffmpeg"),
    "notification": Target("notification"),
    "summary": Target("summary"),
    "summary worker": Target("summary-worker"),
    "housekeeping": Target("housekeeping"),
    "RabbitMQ": Target("rabbitmq"),
    "MariaDB": Target("mysql"),
    "mail server": Target("mailserver"),
    "MongoDB": Target(r"mongodb(-\d+)?"),
    "MongoDB primary": Target(r"mongodb(-\d+)?", actions=(Action.STEP_DOWN,)),
}


def available(stack: Stack) -> dict[str, Sequence[Action]]:
    """The targets of this stack with their actions: a single MongoDB has no elections."""
    names = list(stack.programs)
    found: dict[str, Sequence[Action]] = {}
    for name, target in TARGETS.items():
        programs = [each for each in names if re.fullmatch(target.programs, each)]
        if programs and (Action.STEP_DOWN not in target.actions or len(programs) > 1):
            found[name] = target.actions
    return found


def candidates(target: Target, pids: Mapping[str, int]) -> list[tuple[str, psutil.Process]]:
    """The running processes of a target with the names of their programs."""
    found = []
    for program in sorted(name for name in pids if re.fullmatch(target.programs, name)):
        with suppress(psutil.NoSuchProcess):
            main = psutil.Process(pids[program])
            single = [child for child in main.children(recursive=True) if _matches(child, target.children)]
            found += [(program, process) for process in (single if target.children else [main])]
    return found


def _matches(process: psutil.Process, pattern: str) -> bool:
    try:
        return re.search(pattern, process.name()) is not None and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(process: psutil.Process, *, alone: bool) -> list[psutil.Process]:
    """The process, and unless it is meant `alone`, all that it started."""
    if alone:
        return [process]
    with suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []
