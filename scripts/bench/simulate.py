"""`python -m scripts.bench.simulate`: what a number of videos a day needs, by simulation. Needs no server.

Prints the operator's table; `--write` puts it and the charts into docs/scaling.md. The costs are in costs.json.
"""

import argparse
import dataclasses
import sys
import time
from pathlib import Path

import numpy as np

from scripts.bench.costs import FILE
from scripts.bench.report import replace_between
from scripts.bench.simulation.autoscaler import Autoscaler, Fixed, Policy
from scripts.bench.simulation.demand import Costs, demands, storage
from scripts.bench.simulation.model import Model, Outcome
from scripts.bench.simulation.tables import Day, charts, limits, table
from scripts.bench.simulation.uploads import DAY, Uploads
from scripts.stack.state import ROOT

PAGE = ROOT / "docs" / "scaling.md"
CHARTS = ROOT / "docs" / "charts"
_SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
_SEED = 1
# More converters than any of these days needs.
_UNLIMITED = 100_000


def simulate(costs: Costs, videos: int, *, seed: int = _SEED, policy: Policy | None = None, fixed: int = 0) -> Day:
    """A day with `fixed` converters, or with those of the policy: by default that of components/keda, unlimited."""
    uploads = Uploads.of_a_day(costs.habits, videos, seed)
    policy = policy or Policy.read(most=_UNLIMITED)
    scaling = Fixed(fixed) if fixed else Autoscaler(policy)
    model = Model(
        uploads, costs.durations(uploads), scaling, policy=None if fixed else policy, start=costs.pod_start, seed=seed
    )
    return _summary(costs, uploads, model.run())


def _summary(costs: Costs, uploads: Uploads, outcome: Outcome) -> Day:
    return Day(
        videos=len(uploads),
        waits=np.sort(outcome.started - uploads.times),
        converters=max(number for _, number in outcome.converters),
        paid=outcome.paid / DAY,
        used=outcome.busy / outcome.paid,
        demands=demands(costs, uploads, outcome),
        storage=storage(costs, uploads),
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulate.sh", description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("videos", nargs="*", type=int, default=_SIZES, help="videos a day (default: 100 to 1,000,000)")
    parser.add_argument("--costs", type=Path, default=FILE, metavar="FILE", help="other figures than costs.json")
    parser.add_argument("--seed", type=int, default=_SEED, help=f"default: {_SEED}")
    parser.add_argument("--pod-start", type=float, metavar="S", help="instead of that in the file")
    parser.add_argument("--converters", type=int, default=0, metavar="N", help="as many all day, instead of KEDA")
    parser.add_argument("--write", action="store_true", help="update docs/scaling.md and its charts")
    arguments = parser.parse_args()
    if any(videos < 1 for videos in arguments.videos):
        parser.error("videos: at least 1")
    costs = Costs.read(arguments.costs)
    if arguments.pod_start is not None:
        costs = dataclasses.replace(costs, pod_start=arguments.pod_start)
    days = []
    for videos in sorted(arguments.videos):
        begin = time.monotonic()
        days.append(simulate(costs, videos, seed=arguments.seed, fixed=arguments.converters))
        print(f"{videos:,} videos: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    text = f"{table(costs, days)}\n\n{limits(costs, days[-1])}"
    print(text)
    if arguments.write:
        replace_between(PAGE, "simulated", text)
        CHARTS.mkdir(exist_ok=True)
        for name, drawn in charts(days).items():
            (CHARTS / name).write_text(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
