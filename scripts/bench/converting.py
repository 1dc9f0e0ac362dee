"""`convert`: from the request to the stored MP3, against ffmpeg by itself on a file in the page cache."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bson import ObjectId

from common.domain.options import ConversionOptions
from converter.encoding.transcoder import transcode
from converter.ffmpeg import moviepy_parts
from converter.ffmpeg.cpu_affinity import CpuAffinity
from converter.ffmpeg.limits import Limits
from scripts.bench import samples
from scripts.bench.pairs import interleaved
from scripts.bench.results import Result, Target
from scripts.bench.system import PATIENCE, Scale, System
from scripts.bench.usage import Usage, processor_time, watching


@dataclass(frozen=True)
class Cost:
    """What one conversion took."""

    wall: float
    processor: float


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
        kinds += [samples.mp4(60), samples.mp4(2400), samples.matroska(600), samples.webm(600)]
    for path in kinds:
        yield from _measured(system, scale, path, path.name, wall=Target(most=1.10), processor=Target(most=1.15))


def measure_parallel(system: System, scale: Scale) -> Iterator[Result]:
    """All cores for one job; and of it the encoding, without what MongoDB has to do."""
    _threads(system, None)
    path = samples.mp4(scale.of(600, 120))
    name = f"{path.name} on {os.cpu_count()} cores"
    yield from _measured(system, scale, path, name, wall=Target(most=0.65), processor=Target())
    mine, alone = interleaved(scale.pairs, lambda: _encoded(path), lambda: plain(path).wall)
    yield Result(f"{name}: wall, of a local file", "s", mine, alone, "ffmpeg", Target())


def _encoded(path: Path) -> float:
    """The seconds that the converter takes for a video that it has."""
    limits = Limits(timeout=PATIENCE, stall=PATIENCE, memory_mb=1024, max_output_mb=1024, max_duration=1e5)
    with tempfile.TemporaryDirectory(dir=samples.CACHE) as folder:
        own = Path(shutil.copy(path, folder))
        begin = time.monotonic()
        transcode(
            own,
            Path(folder),
            filename=path.name,
            options=ConversionOptions.model_validate({}),
            limits=limits,
            on_progress=lambda _: None,
            should_stop=lambda: False,
            threads=os.cpu_count() or 1,
            affinity=CpuAffinity(),
        )
        return time.monotonic() - begin


def peaks(system: System, fid: ObjectId) -> Usage:
    """What the converter needs for one more conversion. Apart: who watches takes processor time from who is watched."""
    with watching(system.stack.pid("converter"), system.temporary) as usage:
        system.convert_again(fid)
    return usage


def _measured(
    system: System, scale: Scale, path: Path, name: str, *, wall: Target, processor: Target
) -> Iterator[Result]:
    """The rows of one file, with the targets of two of them."""
    converter = system.stack.pid("converter")

    def ours() -> Cost:
        before = processor_time(converter)
        seconds = system.convert_again(fid)
        return Cost(seconds, processor_time(converter) - before)

    fid = system.upload(path)
    system.wait(fid)
    try:
        mine, peer = interleaved(scale.pairs, ours, lambda: plain(path))
        found = peaks(system, fid)
    finally:
        system.delete(fid)
    yield _row(f"{name}: wall", mine, peer, lambda cost: cost.wall, wall)
    yield _row(f"{name}: processor", mine, peer, lambda cost: cost.processor, processor)
    yield Result(f"{name}: memory", "MB", [found.memory], [], "", Target(most=150))
    yield Result(f"{name}: temporary disk", "MB", [found.disk], [], "", Target())


def _row(name: str, ours: list[Cost], peer: list[Cost], of: Callable[[Cost], float], target: Target) -> Result:
    return Result(name, "s", list(map(of, ours)), list(map(of, peer)), "ffmpeg", target)


def _threads(system: System, number: int | None) -> None:
    system.stack.restart("converter", {} if number is None else {"CONVERTER_THREADS": str(number)})
