"""`flat`: whether memory and temporary disk stay what they are from small to huge videos."""

import os
from collections.abc import Iterator

from scripts.bench import samples
from scripts.bench.converting import peaks
from scripts.bench.pairs import progress
from scripts.bench.results import Result, Target
from scripts.bench.system import Scale, System
from scripts.bench.usage import Usage, watching

# How much larger the peak of the largest may be than that of the smallest.
_FLAT = Target(most=1.25)


def measure(system: System, scale: Scale) -> Iterator[Result]:
    """20 MB, 200 MB and 2 GB: the gateway's peaks for the upload, the converter's for the conversion."""
    system.stack.restart("gateway", {})
    uploads, sizes = [], []
    # By the encoders that may work on one video.
    conversions: dict[int, list[Usage]] = {1: [], os.cpu_count() or 1: []}
    for seconds in (5, 60) if scale.quick else (60, 600, 6000):
        path = samples.mp4(seconds)
        sizes.append(path.stat().st_size / 1e6)
        progress(f"{sizes[-1]:.0f} MB")
        with watching(system.stack.pid("gateway"), system.temporary / "nothing") as usage:
            fid = system.upload(path)
        uploads.append(usage)
        system.wait(fid)
        for threads, found in conversions.items():
            system.stack.restart("converter", {"CONVERTER_THREADS": str(threads)})
            found.append(peaks(system, fid))
        system.delete(fid)
    span = f"{sizes[0]:.0f} MB to {sizes[-1]:.0f} MB"
    small = f"at {sizes[0]:.0f} MB"
    yield Result(f"upload, memory, {span}", "MB", [uploads[-1].memory], [uploads[0].memory], small, _FLAT)
    yield Result(f"upload, temporary disk, {span}", "MB", [uploads[-1].disk], [], "", Target(most=1))
    for threads, found in conversions.items():
        name = f"conversion, {threads} encoder{'s' if threads > 1 else ''}"
        memory = [cost.memory for cost in found]
        yield Result(f"{name}, memory, {span}", "MB", memory[-1:], memory[:1], small, _FLAT)
        yield Result(f"{name}, memory at {sizes[-1]:.0f} MB", "MB", memory[-1:], [], "", Target(most=150))
        # The video itself has to be there as a whole, or its sound; the MP3 and its parts are beside it.
        beside = max(0.0, found[-1].disk - sizes[-1])
        yield Result(f"{name}, disk beside {sizes[-1]:.0f} MB", "MB", [beside], [], "", Target(most=300))
