"""What happens when in a run: the same for the same seed and sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Action(StrEnum):
    KILL = "kill"
    TERMINATE = "terminate"
    SUSPEND = "suspend"
    STEP_DOWN = "step down"


class Way(StrEnum):
    FORM = "form"
    TUS = "tus"


# s. The shortest suspension.
_SHORTEST = 2.0
# The part of the time in which uploads begin: the last ones meet faults too.
_UPLOADING = 0.95
# Of all accounts, so that a digest can list all files of one account (notification.emails.MAX_ROWS).
_UPLOADS_PER_ACCOUNT = 40
# Every how many-th accepted file is followed, downloaded and summarised.
_FOLLOWED_EVERY, _SUMMARISED_EVERY = 5, 25


@dataclass(frozen=True)
class Fault:
    at: float
    """Seconds after the beginning of the run."""
    action: Action
    target: str
    pick: float
    """From 0 to 1: which one of the target's processes, whose number is known only when the fault happens."""
    seconds: float = 0.0
    """Of a suspension."""


@dataclass(frozen=True)
class Sending:
    number: int
    at: float
    """Seconds after the beginning of the run."""
    kind: str
    way: Way
    account: int
    followed: bool
    summarised: bool


def plan_faults(
    seed: int, seconds: float, every: float, targets: Mapping[str, Sequence[Action]], longest: float
) -> list[Fault]:
    """A fault every `every` s until `seconds`; suspensions last up to `longest` s."""
    random = Random(f"faults {seed}")
    names = sorted(targets)
    faults = []
    for number in range(1, int(seconds / every) + 1):
        target = random.choice(names)
        action = random.choice(list(targets[target]))
        pick, length = random.random(), random.uniform(_SHORTEST, longest)
        faults.append(Fault(number * every, action, target, pick, length if action is Action.SUSPEND else 0.0))
    return faults


def plan_uploads(seed: int, seconds: float, count: int, kinds: Mapping[str, int]) -> list[Sending]:
    """`count` uploads at equal distances; `kinds` are the files with their weights."""
    random = Random(f"uploads {seed}")
    chosen = random.choices(list(kinds), list(kinds.values()), k=count)
    people = accounts(count)
    return [
        Sending(
            number, number * seconds * _UPLOADING / count, kind, random.choice(list(Way)), random.randrange(people),
            followed=number % _FOLLOWED_EVERY == 0, summarised=number % _SUMMARISED_EVERY == 0,
        )
        for number, kind in enumerate(chosen)
    ]  # fmt: skip


def accounts(uploads: int) -> int:
    """How many accounts share so many uploads."""
    return -(-uploads // _UPLOADS_PER_ACCOUNT) + 2
