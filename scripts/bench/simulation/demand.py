"""What a day's jobs ask of each server, in its busiest minute, against what one server can do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from scripts.bench.costs import FILE
from scripts.bench.simulation.model import Outcome
from scripts.bench.simulation.uploads import DAY, Habits, Times, Uploads

_MINUTE = 60


@dataclass(frozen=True)
class Cost:
    """A straight line over the length of the video."""

    fixed: float
    per_second: float

    def of(self, lengths: Times) -> Times:
        return self.fixed + self.per_second * lengths


@dataclass(frozen=True)
class Costs:
    """costs.json: measured costs, and assumptions about people, servers and the cluster."""

    measured: Mapping[str, Cost]
    capacity: Mapping[str, float]
    """Of one server, by the name of the measured cost, in its unit per second."""
    habits: Habits
    pod_start: float
    """s from the creation of a converter's pod to its first message."""
    utilisation: float
    """The share of a server's capacity that may be used in the busiest minute."""
    secondaries: int
    """Members of MongoDB's replica set that copy from the primary."""
    keep_videos_days: float
    retention_days: float

    @classmethod
    def read(cls, path: Path = FILE) -> Self:
        content: dict[str, Any] = json.loads(path.read_text())
        assumed = {name: entry["value"] for name, entry in content["assumed"].items()}
        return cls(
            measured={name: Cost(each["fixed"], each["per_second"]) for name, each in content["measured"].items()},
            capacity={name: entry["value"] for name, entry in content["capacity"].items()},
            habits=Habits(
                accounts=assumed["accounts"], hours=assumed["hours"], activity=assumed["activity"],
                videos_at_once=assumed["videos_at_once"], median_length=assumed["median_length"],
                spread=assumed["length_spread"], longest=assumed["longest"],
            ),
            pod_start=assumed["pod_start"],
            utilisation=assumed["utilisation"],
            secondaries=assumed["secondaries"],
            keep_videos_days=assumed["keep_videos_days"],
            retention_days=assumed["retention_days"],
        )  # fmt: skip

    def durations(self, uploads: Uploads) -> Times:
        """s of each conversion."""
        return self.measured["converter_time"].of(uploads.lengths)


@dataclass(frozen=True)
class Demand:
    """Of one resource."""

    name: str
    peak: float
    """Per second in the busiest minute."""
    day: float
    """In the whole day."""
    capacity: float | None
    """Of one server, per second; None for servers whose number simply follows the load."""

    @property
    def share(self) -> float:
        """Of one server's capacity."""
        return self.peak / self.capacity if self.capacity else 0.0


# What is paid when a video is uploaded; everything else is when it is converted.
_AT_UPLOAD = {"gateway_processor", "auth_processor", "mongodb_received", "mongodb_oplog", "mongodb_disk"}


def demands(costs: Costs, uploads: Uploads, outcome: Outcome) -> list[Demand]:
    """Of everything that has been measured."""
    found = []
    for name, cost in costs.measured.items():
        each = cost.of(uploads.lengths)
        if name == "mongodb_sent":
            each += costs.secondaries * costs.measured["mongodb_oplog"].of(uploads.lengths)
        if name in _AT_UPLOAD:
            peak = busiest(uploads.times, each)
        else:
            # A conversion asks for its share in each second that it takes.
            peak = busiest_span(outcome.started, outcome.ended, each)
        found.append(Demand(name, peak, float(each.sum()), costs.capacity.get(name)))
    return found


def bottleneck(found: list[Demand]) -> Demand:
    """The server that is closest to the limit of what one of its kind can do."""
    return max(found, key=lambda demand: demand.share)


def storage(costs: Costs, uploads: Uploads) -> tuple[float, float]:
    """Terabytes of videos and of MP3s that are kept when as many are deleted as are uploaded."""
    total = float(costs.measured["mongodb_received"].of(uploads.lengths).sum()) / 1e6
    mp3s = float(uploads.lengths.sum()) * _MP3_RATE / 1e12
    return (total - mp3s) * costs.keep_videos_days, mp3s * costs.retention_days


# Bytes of MP3 for each second at 192 kbit/s, the default.
_MP3_RATE = 24_000


def busiest(times: Times, amounts: Times) -> float:
    """Per second, in the busiest minute."""
    if not len(times):
        return 0.0
    minutes = (times // _MINUTE).astype(np.int64)
    return float(np.bincount(minutes, weights=amounts).max()) / _MINUTE


def busiest_span(begins: Times, ends: Times, amounts: Times) -> float:
    """As `busiest`, for amounts that are spread evenly over the time from begin to end."""
    if not len(begins):
        return 0.0
    # The cumulative amount is piecewise linear: its slope changes at each begin and end.
    rates = amounts / np.maximum(ends - begins, 1e-9)
    moments = np.concatenate([begins, ends])
    changes = np.concatenate([rates, -rates])
    order = np.argsort(moments, kind="stable")
    moments, slopes = moments[order], np.cumsum(changes[order])
    done = np.concatenate([[0.0], np.cumsum(slopes[:-1] * np.diff(moments))])
    edges = np.arange(0, max(DAY, moments[-1]) + _MINUTE, _MINUTE)
    return float(np.diff(np.interp(edges, moments, done)).max()) / _MINUTE
