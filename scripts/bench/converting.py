"""`convert`: from the request to the stored MP3, against ffmpeg by itself on a file in the page cache."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from converter import moviepy_parts
from scripts.bench import samples
from scripts.bench.pairs import interleaved
from scripts.bench.results import Result, Target
from scripts.bench.system import Scale, System
from scripts.bench.usage import watching


@dataclass(frozen=True)
class Cost:
    """What one conversion took."""

    wall: float
    processor: float
    memory: float = 0.0
    disk: float = 0.0


def ffmpeg(source: Path) -> list[str]:
    """The command of a person who wants the same MP3."""
    quiet = ["-nostdin", "-v", "error", "-y"]
    target = str(samples.CACHE / "peer.mp3")
    return [moviepy_parts.binary(), *quiet, "-i", str(source), "-vn", "-c:a", "libmp3lame", "-b:a", "192k", target]


def plain(source: Path) -> Cost:
    """ffmpeg by itself."""
    begin = time.monotonic()
    process = subprocess.Popen(ffmpeg(source))
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"ffmpeg ended with {process.returncode}")
    return Cost(time.monotonic() - begin, used.ru_utime + used.ru_stime)


def measure(system: System, scale: Scale) -> Iterator[Result]:
    """One core: wall time, processor time, memory and temporary disk."""
    _threads(system, 1)
    kinds = [samples.mp4(scale.of(600, 5))]
    if not scale.quick:
        kinds += [samples.mp4(60), samples.matroska(600), samples.webm(600)]
    for path in kinds:
        name = f"convert {path.name}"
        ours, peer = _pairs(system, scale, path)
        yield _row(f"{name}: wall", ours, peer, lambda cost: cost.wall, Target(most=1.10))
        yield _row(f"{name}: processor", ours, peer, lambda cost: cost.processor, Target(most=1.15))
        yield Result(f"{name}: memory", "MB", [cost.memory for cost in ours], [], "", Target(most=150))
        yield Result(f"{name}: temporary disk", "MB", [cost.disk for cost in ours], [], "", Target())


def measure_parallel(system: System, scale: Scale) -> Iterator[Result]:
    """All cores for one job."""
    _threads(system, None)
    for path in [samples.mp4(scale.of(600, 120))] + ([] if scale.quick else [samples.mp4(2400)]):
        name = f"convert {path.name} on {os.cpu_count()} cores"
        ours, peer = _pairs(system, scale, path)
        yield _row(f"{name}: wall", ours, peer, lambda cost: cost.wall, Target(most=0.65))
        yield _row(f"{name}: processor", ours, peer, lambda cost: cost.processor, Target())
        yield Result(f"{name}: memory", "MB", [cost.memory for cost in ours], [], "", Target(most=150))
        yield Result(f"{name}: temporary disk", "MB", [cost.disk for cost in ours], [], "", Target())


def convert(system: System, upload: Callable[[], float]) -> Cost:
    """What the converter uses while `upload` (or a retry) has it at work; that returns the seconds it took."""
    with watching(system.stack.pid("converter"), system.temporary) as usage:
        wall = upload()
    return Cost(wall, usage.processor, usage.memory, usage.disk)


def _pairs(system: System, scale: Scale, path: Path) -> tuple[list[Cost], list[Cost]]:
    fid = system.upload(path)
    system.wait(fid)
    try:
        return interleaved(scale.pairs, lambda: convert(system, lambda: system.convert_again(fid)), lambda: plain(path))
    finally:
        system.delete(fid)


def _row(name: str, ours: list[Cost], peer: list[Cost], of: Callable[[Cost], float], target: Target) -> Result:
    return Result(name, "s", list(map(of, ours)), list(map(of, peer)), "ffmpeg", target)


def _threads(system: System, number: int | None) -> None:
    system.stack.restart("converter", {} if number is None else {"CONVERTER_THREADS": str(number)})
