"""`convert`, `convert-parallel`, `fetch` and `flat`: what one conversion costs.

The time is from the request to the stored MP3, against ffmpeg alone on a file in the page cache.
"""

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
from converter.ffmpeg import binary
from converter.ffmpeg.cpu_affinity import CpuAffinity
from converter.ffmpeg.limits import Limits
from converter.sandbox.confinement import Sandbox
from scripts.bench import samples
from scripts.bench.results import Result, Target, interleaved, progress, seconds
from scripts.bench.system import TIMEOUT, Scale, System
from scripts.bench.usage import Usage, processor_time, watching

# The greatest ratio of the peak of the largest video to that of the smallest.
_FLAT = Target(most=1.25)


@dataclass(frozen=True)
class Cost:
    """What one conversion took."""

    wall: float
    processor: float


def ffmpeg(source: Path) -> list[str]:
    """The command that makes the same MP3."""
    quiet = ["-nostdin", "-v", "error", "-y"]
    target = str(samples.CACHE / "peer.mp3")
    return [binary(), *quiet, "-i", str(source), "-vn", "-c:a", "libmp3lame", "-b:a", "192k", target]


def plain(source: Path) -> Cost:
    begin = time.monotonic()
    process = subprocess.Popen(ffmpeg(source))
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"ffmpeg exited with {process.returncode}")
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
    """All cores for one job; and the encoding alone, without MongoDB."""
    _threads(system, None)
    path = samples.mp4(scale.of(600, 120))
    name = f"{path.name} on {os.cpu_count()} cores"
    yield from _measured(system, scale, path, name, wall=Target(most=0.65), processor=Target())
    mine, alone = interleaved(scale.pairs, lambda: _encoded(path), lambda: plain(path).wall)
    yield Result(f"{name}: wall, of a local file", "s", mine, alone, "ffmpeg", Target())


def measure_fetch(system: System, scale: Scale) -> Iterator[Result]:
    """How much of a video the converter reads from MongoDB for its sound, against the file's size."""
    length = scale.of(60, 5)
    for path, target in (
        (samples.camera(length), Target(most=0.4)),
        (samples.mp4(length), Target(most=1.05)),
        (samples.matroska(length), Target(most=1.05)),
    ):
        fid = system.upload(path)
        system.wait(fid)
        sent = []
        for _ in range(scale.pairs):
            before = _bytes_sent(system)
            system.convert_again(fid)
            sent.append((_bytes_sent(system) - before) / 1e6)
        system.delete(fid)
        size = path.stat().st_size / 1e6
        yield Result(path.name, "MB", sent, [size] * len(sent), "the file's size", target)


def _bytes_sent(system: System) -> int:
    return int(system.client.admin.command("serverStatus")["network"]["bytesOut"])


def measure_flat(system: System, scale: Scale) -> Iterator[Result]:
    """Whether memory and temporary disk stay the same from small to huge videos: 20 MB, 200 MB and 2 GB.

    The gateway's peaks during the upload, and the converter's during the conversion.
    """
    system.stack.restart("gateway", {})
    uploads, sizes = [], []
    # By the encoders that may work on one video.
    conversions: dict[int, list[Usage]] = {1: [], os.cpu_count() or 1: []}
    for length in (5, 60) if scale.quick else (60, 600, 6000):
        path = samples.mp4(length)
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
        # Without the video itself, which has to be on the disk as a whole.
        beside = max(0.0, found[-1].disk - sizes[-1])
        yield Result(f"{name}, disk beside {sizes[-1]:.0f} MB", "MB", [beside], [], "", Target(most=300))


def _encoded(path: Path) -> float:
    """The seconds that the converter takes for a local file."""
    limits = Limits(timeout=TIMEOUT, stall=TIMEOUT, memory_mb=1024, max_output_mb=1024, max_duration=1e5)
    with tempfile.TemporaryDirectory(dir=samples.CACHE) as folder:
        own = Path(shutil.copy(path, folder))
        return seconds(
            lambda: transcode(
                own,
                Path(folder),
                filename=path.name,
                options=ConversionOptions.model_validate({}),
                limits=limits,
                on_progress=lambda _: None,
                should_stop=lambda: False,
                threads=os.cpu_count() or 1,
                affinity=CpuAffinity(),
                sandbox=Sandbox.detect(),
            )
        )


def peaks(system: System, fid: ObjectId) -> Usage:
    """What one more conversion needs; only that is measured, because watching takes processor time."""
    with watching(system.stack.pid("converter"), system.temporary) as usage:
        system.convert_again(fid)
    return usage


def _measured(
    system: System, scale: Scale, path: Path, name: str, *, wall: Target, processor: Target
) -> Iterator[Result]:
    """The rows of one file, with the targets of two of them."""
    converter = system.stack.pid("converter")

    def own() -> Cost:
        before = processor_time(converter)
        seconds = system.convert_again(fid)
        return Cost(seconds, processor_time(converter) - before)

    fid = system.upload(path)
    system.wait(fid)
    try:
        mine, peer = interleaved(scale.pairs, own, lambda: plain(path))
        found = peaks(system, fid)
    finally:
        system.delete(fid)
    yield _row(f"{name}: wall", mine, peer, lambda cost: cost.wall, wall)
    yield _row(f"{name}: processor", mine, peer, lambda cost: cost.processor, processor)
    yield Result(f"{name}: memory", "MB", [found.memory], [], "", Target(most=150))
    yield Result(f"{name}: temporary disk", "MB", [found.disk], [], "", Target())


def _row(name: str, own: list[Cost], peer: list[Cost], of: Callable[[Cost], float], target: Target) -> Result:
    return Result(name, "s", list(map(of, own)), list(map(of, peer)), "ffmpeg", target)


def _threads(system: System, number: int | None) -> None:
    system.stack.restart("converter", {} if number is None else {"CONVERTER_THREADS": str(number)})
