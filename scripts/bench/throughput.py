"""`throughput`: many videos through the whole system with two converters, against ffmpeg two at a time.

ffmpeg's videos are on the disk already. What it costs to store them first, and to fetch them again, is in the other
peer: the same in a script without a network, a queue or an account.
"""

import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from gridfs import GridFS

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

    def script() -> float:
        begin = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            for _ in pool.map(lambda one: _stored(system, path, one), range(number)):
                pass
        found = time.monotonic() - begin
        system.client.drop_database("bench")
        return found

    name = f"{number} videos, 2 converters"
    with two_converters(system):
        yield Result(name, "s", *interleaved(scale.pairs, ours, peer), "xargs -P2 ffmpeg", Target(most=1.2))
        pairs = interleaved(scale.pairs, ours, script)
        yield Result(name, "s", *pairs, "a script: GridFS, ffmpeg, GridFS", Target())


def _stored(system: System, path: Path, number: int) -> None:
    """Puts a video into GridFS, gets it, converts it and puts the MP3, each as a file."""
    files = GridFS(system.client["bench"])
    copy, mp3 = samples.CACHE / f"peer-{number}.mp4", samples.CACHE / f"peer-{number}.mp3"
    with path.open("rb") as video:
        fid = files.put(video)
    with copy.open("wb") as target:
        shutil.copyfileobj(files.get(fid), target, 1 << 20)
    subprocess.run([*ffmpeg(copy)[:-1], str(mp3)], check=True, timeout=PATIENCE)
    with mp3.open("rb") as result:
        files.put(result)
    copy.unlink()


@contextmanager
def two_converters(system: System) -> Iterator[None]:
    """A second converter while the block runs."""
    system.stack.restart("converter", {})
    system.stack.add("converter-2")
    try:
        yield
    finally:
        system.stack.remove("converter-2")
