"""Interleaved pairs: what else the machine does hits both sides alike."""

import sys
from collections.abc import Callable
from typing import TypeVar

Figure = TypeVar("Figure")
Other = TypeVar("Other")


def interleaved(pairs: int, ours: Callable[[], Figure], peer: Callable[[], Other]) -> tuple[list[Figure], list[Other]]:
    """Runs both that often, in turn, each first every other time; once more before that, which does not count."""
    mine: list[Figure] = []
    others: list[Other] = []
    for number in range(-1, pairs):
        if number % 2:
            first, second = ours(), peer()
        else:
            second = peer()
            first = ours()
        if number >= 0:
            mine.append(first)
            others.append(second)
        progress(f"{number + 1}/{pairs}")
    return mine, others


def progress(text: str) -> None:
    """Shows a person that something happens; the table goes to stdout."""
    print(f"  {text}", file=sys.stderr, flush=True)
