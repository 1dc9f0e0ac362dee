"""Deletes much in batches with pauses, so that it does not slow down uploads and downloads."""

import itertools
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

# Jobs whose files are deleted together. A batch of 10 videos of 100 MB are 4,000 chunks.
BATCH = 10
# s. How long a pass of housekeeping deletes one kind of thing. The next pass continues.
BUDGET = 120.0
# s
_LONGEST_PAUSE = 5.0


def paced(items: Iterable[T], budget: float = BUDGET) -> Iterator[list[T]]:
    """Yields batches until `budget` seconds have passed, and pauses after each for as long as the caller needed.

    So the deletion uses at most half of what MongoDB can do.
    """
    rest = iter(items)
    deadline = time.monotonic() + budget
    while time.monotonic() < deadline and (batch := list(itertools.islice(rest, BATCH))):
        begin = time.monotonic()
        yield batch
        time.sleep(min(time.monotonic() - begin, _LONGEST_PAUSE))
