"""`sound-only`: the upload of the sound against that of the whole video.

The time to find and read the sound is measured. The times to send bytes are computed from their number and the speed of
the connection, because a link that is slowed down on this machine would show the same.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from scripts.bench import samples
from scripts.bench.results import Result, Target, seconds
from scripts.bench.system import Scale, System
from video2mp3.sound_only.extraction import extract

# Mbit/s: uploads over DSL or cable, and over fibre.
_SPEEDS = (20, 100)
_PART = 1 << 20  # bytes that are sent at a time


def measure(_: System, scale: Scale) -> Iterator[Result]:
    """Bytes, and seconds at each speed."""
    length = scale.of(2400, 60)
    for path in (samples.camera(length), samples.mp4(length), samples.matroska(length)):
        size = path.stat().st_size
        sent = _read(path)
        peer = f"all {size / 1e6:,.0f} MB"
        yield Result(f"{path.name}: sent", "MB", [sent / 1e6], [size / 1e6], peer, Target(most=0.2))
        reading = [seconds(lambda path=path: _read(path)) for _ in range(scale.pairs)]  # type: ignore[misc]
        for speed in _SPEEDS:
            own = [one + sent * 8e-6 / speed for one in reading]
            whole = [size * 8e-6 / speed] * scale.pairs
            name = f"{path.name}: finding, reading, and sending at {speed} Mbit/s (computed)"
            yield Result(name, "s", own, whole, peer, Target(most=0.3))


def _read(path: Path) -> int:
    """Finds the sound and reads all of it, as the command line does; returns its bytes."""
    with path.open("rb") as file:

        def read(at: int, length: int) -> bytes:
            file.seek(at)
            return file.read(length)

        plan = extract(read, os.fstat(file.fileno()).st_size).plan
        for at in range(0, plan.length, _PART):
            plan.read(read, at, _PART)
        return plan.length
