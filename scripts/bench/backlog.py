"""`backlog`: whether a job takes as long at the end of a long queue as at its beginning."""

from collections.abc import Iterator

from scripts.bench import samples
from scripts.bench.pairs import progress
from scripts.bench.results import Result, Target
from scripts.bench.system import Scale, System

# The first and the last part of the jobs that are compared, cut into as many slices as there are pairs.
_SHARE = 0.2


def measure(system: System, scale: Scale) -> Iterator[Result]:
    """Seconds a job, from one completion to the next."""
    number = scale.of(2000, 40)
    path = samples.tone()
    system.stack.stop("converter")
    try:
        fids = [system.upload(path) for _ in range(number)]
    finally:
        system.stack.start("converter")
    progress(f"{number} jobs wait")
    for fid in fids:
        system.wait(fid, every=0.25)
    found = system.videos["jobs"].find({"_id": {"$in": fids}}, {"updated_at": 1}).sort("updated_at", 1)
    ends = [row["updated_at"].timestamp() for row in found]
    part = int(number * _SHARE)
    slices = max(1, min(scale.pairs, part // 4))
    # What a job's slice took, without the first job, before which the converter started.
    first, last = _paces(ends[1 : part + 1], slices), _paces(ends[-part:], slices)
    for fid in fids:
        system.delete(fid)
    yield Result(f"{number} jobs, the last against the first", "s", last, first, "the first", Target(most=1.1))


def _paces(ends: list[float], slices: int) -> list[float]:
    size = len(ends) // slices
    parts = [ends[start : start + size] for start in range(0, size * slices, size)]
    return [(one[-1] - one[0]) / (len(one) - 1) for one in parts]
