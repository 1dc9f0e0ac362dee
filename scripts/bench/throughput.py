"""`throughput`: many videos through the whole system with two converters, against ffmpeg two at a time."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from scripts.bench import samples
from scripts.bench.converting import ffmpeg
from scripts.bench.pairs import interleaved
from scripts.bench.results import Result, Target
from scripts.bench.system import PATIENCE, Scale, System


def measure(system: System, scale: Scale) -> Iterator[Result]:
    """From the first upload to the last MP3."""
    path = samples.mp4(scale.of(60, 5))
    number = scale.of(20, 4)

    def ours() -> float:
        begin = time.monotonic()
        fids = [system.upload(path) for _ in range(number)]
        for fid in fids:
            # Seldom: looking takes processor time that the converters need.
            system.wait(fid, every=0.25)
        found = time.monotonic() - begin
        for fid in fids:
            system.delete(fid)
        return found

    # Each to a file of its own: what is written is deleted with the next one's `-y`.
    command = ffmpeg(path)
    command[-1] = str(samples.CACHE / "peer-{}.mp3")
    words = ["xargs", "-P2", "-I{}", *command]
    numbers = "".join(f"{one}\n" for one in range(number))

    def peer() -> float:
        begin = time.monotonic()
        subprocess.run(words, input=numbers, text=True, check=True, timeout=PATIENCE)
        return time.monotonic() - begin

    with two_converters(system):
        pairs = interleaved(scale.pairs, ours, peer)
    yield Result(f"throughput: {number} videos, 2 converters", "s", *pairs, "xargs -P2 ffmpeg", Target(most=1.2))


@contextmanager
def two_converters(system: System) -> Iterator[None]:
    """A second converter while the block runs."""
    system.stack.restart("converter", {})
    system.stack.add("converter-2")
    try:
        yield
    finally:
        system.stack.remove("converter-2")
