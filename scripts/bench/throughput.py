"""`throughput` and `backlog`: many videos through the whole system."""

import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bson import ObjectId
from gridfs import GridFS

from scripts.bench import samples
from scripts.bench.converting import ffmpeg
from scripts.bench.results import Result, Target, interleaved, progress, seconds
from scripts.bench.system import TIMEOUT, Scale, System

# The first and the last part of the jobs that are compared, cut into as many slices as there are pairs.
_SHARE = 0.2


def measure(system: System, scale: Scale) -> Iterator[Result]:
    """From the first upload to the last MP3 with two converters, against ffmpeg two at a time.

    ffmpeg's videos are on the disk already. The other peer includes storing and fetching them: the same in a script
    without a network, a queue or an account.
    """
    path = samples.mp4(scale.of(60, 5))
    number = scale.of(20, 4)

    def convert(fids: list[ObjectId]) -> None:
        fids += [system.upload(path) for _ in range(number)]
        for fid in fids:
            # Rarely: polling takes processor time that the converters need.
            system.wait(fid, every=0.25)

    def own() -> float:
        fids: list[ObjectId] = []
        found = seconds(lambda: convert(fids))
        for fid in fids:
            system.delete(fid)
        return found

    # Each to its own file, which the next run overwrites (`-y`).
    command = ffmpeg(path)
    command[-1] = str(samples.CACHE / "peer-{}.mp3")
    words = ["xargs", "-P2", "-I{}", *command]
    numbers = "".join(f"{one}\n" for one in range(number))

    def peer() -> float:
        return seconds(lambda: subprocess.run(words, input=numbers, text=True, check=True, timeout=TIMEOUT))

    def script() -> float:
        with ThreadPoolExecutor(2) as pool:
            found = seconds(lambda: list(pool.map(lambda one: _stored(system, path, one), range(number))))
        system.client.drop_database("bench")
        return found

    name = f"{number} videos, 2 converters"
    with two_converters(system):
        yield Result(name, "s", *interleaved(scale.pairs, own, peer), "xargs -P2 ffmpeg", Target(most=1.2))
        pairs = interleaved(scale.pairs, own, script)
        yield Result(name, "s", *pairs, "a script: GridFS, ffmpeg, GridFS", Target())


def measure_backlog(system: System, scale: Scale) -> Iterator[Result]:
    """Seconds from one completion to the next: as few at the end of a long queue as at its beginning?"""
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
    # The first job is left out: the converter started before it.
    first, last = _paces(ends[1 : part + 1], slices), _paces(ends[-part:], slices)
    for fid in fids:
        system.delete(fid)
    yield Result(f"{number} jobs, the last against the first", "s", last, first, "the first", Target(most=1.1))


def _paces(ends: list[float], slices: int) -> list[float]:
    size = len(ends) // slices
    parts = [ends[start : start + size] for start in range(0, size * slices, size)]
    return [(one[-1] - one[0]) / (len(one) - 1) for one in parts]


def _stored(system: System, path: Path, number: int) -> None:
    """Puts a video into GridFS, gets it, converts it and puts the MP3, each as a file."""
    files = GridFS(system.client["bench"])
    copy, mp3 = samples.CACHE / f"peer-{number}.mp4", samples.CACHE / f"peer-{number}.mp3"
    with path.open("rb") as video:
        fid = files.put(video)
    with copy.open("wb") as target:
        shutil.copyfileobj(files.get(fid), target, 1 << 20)
    subprocess.run([*ffmpeg(copy)[:-1], str(mp3)], check=True, timeout=TIMEOUT)
    with mp3.open("rb") as result:
        files.put(result)
    copy.unlink()


@contextmanager
def two_converters(system: System) -> Iterator[None]:
    system.stack.restart("converter", {})
    system.stack.add("converter-2")
    try:
        yield
    finally:
        system.stack.remove("converter-2")
