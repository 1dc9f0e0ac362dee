"""The end of a run: waits until nothing is under way any more, and lets housekeeping delete what is orphaned."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from common.domain.jobs import ENDED, NOTIFIED, UNDER_WAY
from scripts.stack import Stack, StackError
from tests import invariant
from tests.faults.breaking import RECOVERY, housekeeping

# s between two looks, and for the deletion of orphaned files by housekeeping without its grace periods.
_PAUSE = 5.0
_CLEANING = 120.0


@dataclass(frozen=True)
class Settled:
    seconds: float
    """From the end of the faults until nothing was under way any more."""
    orphaned: int
    """Files and chunks that housekeeping had to delete afterwards."""
    violations: list[str]
    """Processes that do not run, work that has not ended, and what contradicts the invariant after that."""


def settle(stack: Stack, limit: float) -> Settled:
    """Waits for up to `limit` s for what is under way."""
    begin = time.monotonic()
    down = []
    for name in stack.programs:
        try:
            stack.wait_ready(name, RECOVERY)
        except StackError as error:
            down.append(str(error))
    remaining = _until_none(lambda: _under_way(stack.environment), begin + limit)
    seconds = time.monotonic() - begin
    orphaned: list[int] = []

    def clean() -> list[str]:
        found = invariant.violations(stack.environment)
        orphaned.append(len(found))
        if found:
            housekeeping(stack)
        return found

    violations = _until_none(clean, time.monotonic() + _CLEANING)
    return Settled(seconds, orphaned[0] if orphaned else 0, [*down, *remaining, *violations])


def _under_way(environment: Mapping[str, str]) -> list[str]:
    """Jobs that have not ended, owners who are not notified, and messages in queues."""
    client: MongoClient[dict[str, Any]] = MongoClient(environment["MONGO_URI"], serverSelectionTimeoutMS=10_000)
    with client:
        jobs = client["videos"]["jobs"]
        counts = {
            "jobs that have not ended": jobs.count_documents({"status": {"$in": UNDER_WAY}}),
            "ended jobs whose owners are not notified": jobs.count_documents(
                {"status": {"$in": ENDED}, NOTIFIED: False}
            ),
        }
    counts |= {f"messages in the queue {name}": count for name, count in invariant.unsettled(environment).items()}
    return [f"{count} {what}" for what, count in counts.items() if count]


def _until_none(look: Callable[[], list[str]], deadline: float) -> list[str]:
    """What was found at last: nothing, unless the deadline has passed."""
    while True:
        try:
            found = look()
        except (PyMongoError, requests.RequestException, subprocess.SubprocessError) as error:
            found = [f"{type(error).__name__}: {error}"]
        if not found or time.monotonic() > deadline:
            return found
        print(f"waiting for: {', '.join(found[:3])}", file=sys.stderr)
        time.sleep(_PAUSE)
