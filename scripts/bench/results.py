"""Measures interleaved pairs of this project's figure and its peer's, and says whether the target is met."""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Figure = TypeVar("Figure")
Other = TypeVar("Other")


@dataclass(frozen=True)
class Target:
    """A bound of the median: of the ratio where there is a peer, else of the figure itself."""

    most: float | None = None
    least: float | None = None

    def met(self, value: float) -> bool:
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    def __str__(self) -> str:
        return f"≤ {self.most:g}" if self.most is not None else f"≥ {self.least:g}" if self.least is not None else "–"


@dataclass(frozen=True)
class Result:
    name: str
    unit: str
    own: Sequence[float]
    peer: Sequence[float]
    """One figure for each of `own`, taken right before or after it; empty where the target is about `own`."""
    against: str
    """What the peer is."""
    target: Target

    @property
    def ratios(self) -> list[float]:
        return [mine / other for mine, other in zip(self.own, self.peer, strict=True)] if self.peer else []

    @property
    def value(self) -> float:
        """What the target is about."""
        return statistics.median(self.ratios or self.own)

    @property
    def met(self) -> bool:
        return self.target.met(self.value)

    def cells(self) -> list[str]:
        """The row as the table shows it, behind its benchmark: medians, and the least and the greatest of them."""
        peer = f"{_figure(statistics.median(self.peer))} {self.unit}" if self.peer else "–"
        spread = self.ratios or self.own
        value = f"{_figure(self.value)} ({_figure(min(spread))}–{_figure(max(spread))})"
        unit = "" if self.peer else f" {self.unit}"
        return [
            self.name,
            f"{_figure(statistics.median(self.own))} {self.unit}",
            f"{peer}{f' ({self.against})' if self.against else ''}",
            f"{value}{unit}",
            "–" if self.target == Target() else f"{self.target}{unit}",
            "–" if self.target == Target() else "yes" if self.met else "NO",
        ]


HEADINGS = ["benchmark", "what", "this project", "peer", "ratio, or figure (spread)", "target", "met"]


def _figure(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}" if abs(number) < 1 else f"{number:.2f}"


def seconds(action: Callable[[], object]) -> float:
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


def interleaved(pairs: int, own: Callable[[], Figure], peer: Callable[[], Other]) -> tuple[list[Figure], list[Other]]:
    """Runs both `pairs` times, in turn, so that other load on the machine affects both alike.

    Each is first every other time. One more pair before these does not count.
    """
    mine: list[Figure] = []
    others: list[Other] = []
    for number in range(-1, pairs):
        if number % 2:
            first, second = own(), peer()
        else:
            second = peer()
            first = own()
        if number >= 0:
            mine.append(first)
            others.append(second)
        progress(f"{number + 1}/{pairs}")
    return mine, others


def progress(text: str) -> None:
    """Shows progress on standard error; the table goes to standard output."""
    print(f"  {text}", file=sys.stderr, flush=True)
