"""Waiting for a condition with a deadline: no test sleeps for a fixed time."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def eventually(
    condition: Callable[[], Result], *, seconds: float = 60, pause: float = 0.1, what: str = "the condition"
) -> Result:
    """The condition's first true value; fails with its last one, or last AssertionError, after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        failure: object
        try:
            value = condition()
        except AssertionError as error:
            failure = error
        else:
            if value:
                return value
            failure = value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true in {seconds:g} s: {failure}")
        time.sleep(pause)
