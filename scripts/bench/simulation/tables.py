"""The operator's tables in Markdown, and the charts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scripts.bench.chart import chart
from scripts.bench.simulation.demand import Costs, Demand, bottleneck
from scripts.bench.simulation.uploads import Times

_NAMES = {
    "mongodb_processor": "MongoDB's processors",
    "mongodb_received": "MongoDB's network, inwards",
    "mongodb_sent": "MongoDB's network, outwards",
    "mongodb_disk": "MongoDB's disk",
    "mongodb_operations": "MongoDB's operations",
    "rabbitmq_processor": "RabbitMQ's processors",
    "rabbitmq_messages": "RabbitMQ's messages",
}
_UNITS = {
    "mongodb_processor": "processors",
    "mongodb_received": "MB/s",
    "mongodb_sent": "MB/s",
    "mongodb_disk": "MB/s",
    "mongodb_operations": "per s",
    "rabbitmq_processor": "processors",
    "rabbitmq_messages": "per s",
}


@dataclass(frozen=True)
class Day:
    """What a simulated day needs."""

    videos: int
    waits: Times
    """s from the upload to the start of the conversion, sorted."""
    converters: float
    """The most at the same time."""
    paid: float
    """The average number of converters, with those that start, wait or finish their last job."""
    used: float
    """The share of it in which they convert."""
    demands: Sequence[Demand]
    storage: tuple[float, float]

    def wait(self, share: float) -> float:
        """s within which this share of all videos is started."""
        return float(np.quantile(self.waits, share))

    def of(self, name: str) -> Demand:
        return next(demand for demand in self.demands if demand.name == name)


def table(costs: Costs, days: Sequence[Day]) -> str:
    """The operator's table in Markdown: a column for each number of videos a day."""

    def servers(day: Day) -> str:
        shares = [demand.share for demand in day.demands if demand.name.startswith("mongodb")]
        return f"{max(1, math.ceil(max(shares) / costs.utilisation)):,}"

    def peak(name: str, unit: str) -> list[str]:
        return [f"{_figure(day.of(name).peak)} {unit}" for day in days]

    def first(day: Day) -> str:
        closest = bottleneck(list(day.demands))
        return f"{_NAMES[closest.name]}: {_percent(closest.share)} of one server"

    rows = [
        ["videos a day", *(f"{day.videos:,}" for day in days)],
        ["converters, most at the same time", *(f"{day.converters:,.0f}" for day in days)],
        ["converters, average", *(_figure(day.paid) for day in days)],
        ["– share of it that converts", *(_percent(day.used) for day in days)],
        ["wait for a converter: median", *(f"{_figure(day.wait(0.5))} s" for day in days)],
        ["– 95 % of all videos within", *(f"{_figure(day.wait(0.95))} s" for day in days)],
        ["– longest", *(f"{_figure(day.wait(1))} s" for day in days)],
        ["gateway, processors", *(_figure(day.of("gateway_processor").peak) for day in days)],
        ["MongoDB, received", *peak("mongodb_received", "MB/s")],
        ["MongoDB, sent, with copies to the other members", *peak("mongodb_sent", "MB/s")],
        ["MongoDB, written to its disk", *peak("mongodb_disk", "MB/s")],
        ["MongoDB, processors", *(_figure(day.of("mongodb_processor").peak) for day in days)],
        ["MongoDB, operations", *peak("mongodb_operations", "per s")],
        ["MongoDB, primaries (shards)", *map(servers, days)],
        ["RabbitMQ, messages", *peak("rabbitmq_messages", "per s")],
        ["stored videos", *(_terabytes(day.storage[0]) for day in days)],
        ["stored MP3s", *(_terabytes(day.storage[1]) for day in days)],
        ["closest to its limit", *map(first, days)],
    ]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---" * (len(days) + 1) + "|")
    return "\n".join(lines)


def limits(costs: Costs, day: Day) -> str:
    """How many videos a day bring one server of each kind to the permitted share of its capacity, fewest first."""
    found = sorted((day.videos * costs.utilisation / each.share, each) for each in day.demands if each.share)
    rows = ["| one server's | capacity | reached at |", "|---|---|---|"]
    for videos, each in sorted(found, key=lambda pair: pair[0]):
        unit = _UNITS[each.name]
        rows.append(f"| {_NAMES[each.name]} | {_figure(each.capacity or 0)} {unit} | {_round(videos)} videos a day |")
    return "\n".join(rows)


def charts(days: Sequence[Day]) -> dict[str, str]:
    """SVG documents by file name."""
    quantiles = {"median": 0.5, "95 % of all videos": 0.95, "longest": 1.0}
    waits = {
        name: [(float(day.videos), max(day.wait(share), 0.1)) for day in days] for name, share in quantiles.items()
    }
    needs = {
        "converters, most": [(float(day.videos), day.converters) for day in days],
        "converters, average": [(float(day.videos), day.paid) for day in days],
        "MongoDB, MB/s written": [(float(day.videos), day.of("mongodb_disk").peak) for day in days],
    }
    return {
        "waiting.svg": chart("Wait for a converter (simulated)", "videos a day", "seconds", waits),
        "resources.svg": chart("Converters and disk (simulated)", "videos a day", "number, MB/s", needs),
    }


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.2g}"


def _percent(share: float) -> str:
    return f"{share * 100:,.0f} %" if share >= 0.01 else f"{share * 100:.1g} %"


def _terabytes(number: float) -> str:
    return f"{_figure(number)} TB" if number >= 1 else f"{_figure(number * 1000)} GB"


def _round(number: float) -> str:
    """To two digits."""
    return f"{float(f'{number:.1e}'):,.0f}"
