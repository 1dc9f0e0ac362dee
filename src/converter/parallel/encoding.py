"""Encodes one sound on several processors: in parts, at the same time, joined exactly.

Each part has its own ffmpeg, which also decodes everything before the part, because a decoder that starts in the middle
returns other samples. Decoding is a sixth of the work; so later parts are shorter, and all end at the same time. An
error in one part ends all of them. Every ffmpeg is confined in the same way as a single one.
"""

import math
import threading
from collections.abc import Callable
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from common.errors import TransientError
from converter.ffmpeg import commands
from converter.ffmpeg.commands import Encoding
from converter.ffmpeg.inputs import Piece, Source
from converter.ffmpeg.limits import Limits
from converter.ffmpeg.output import Progress
from converter.ffmpeg.process import POLL, Cancelled, Finished, Run, run
from converter.mp3 import xing
from converter.parallel.joining import LEAD, TAIL, Joiner, NotJoinable, Part

# s of sound below which one processor is fast enough: an encoder needs about a second for it.
WORTH = 45.0
# s of sound in the shortest part.
_LEAST = 10.0
# Share of decoding in the work: 1.5 of 9.3 s for ten minutes of AAC (docs/performance.md).
_DECODING = 0.16
# s of sound that even a slow machine decodes in a second: a part reports no progress before its first frame.
_SLOWEST = 20


@dataclass(frozen=True)
class Order:
    source: Source
    piece: Piece
    level: str | None
    encoding: Encoding
    target: Path
    seconds: float
    """The expected length, by which the sound is divided."""


@dataclass
class _Task:
    """A part that is being encoded. Frames are numbered in the whole MP3."""

    path: Path
    begin: int
    end: int | None
    """The frame after its last one; None for the end of the sound."""
    rate: float
    """Frames per second."""
    progress: Progress = field(default_factory=Progress)

    @property
    def encoded(self) -> float:
        """Seconds."""
        return max(0.0, self.progress.position - self.begin / self.rate)


def encode(order: Order, how: Run, threads: int, on_position: Callable[[float], None]) -> Finished:
    """Writes the MP3; returns the result of the last part's ffmpeg.

    If that ffmpeg failed, the MP3 is not whole. `on_position` gets the seconds that are encoded, in the calling thread.
    Raises as `process.run` does, and NotJoinable when the sound has to be encoded on one processor.
    """
    tasks = _tasks(order, how.folder, threads)
    stop = threading.Event()
    inside = replace(how, should_stop=stop.is_set)
    try:
        with ThreadPoolExecutor(len(tasks), thread_name_prefix="encoder") as pool:
            running = [pool.submit(_encode, order, task, inside) for task in tasks]
            try:
                _watch(running, how, lambda: on_position(sum(task.encoded for task in tasks)))
            finally:
                stop.set()
        return _joined(order, tasks, [one.result() for one in running], how.limits)
    finally:
        for task in tasks:
            task.path.unlink(missing_ok=True)


def joints(frames: int, parts: int) -> list[int]:
    """The frames at which parts meet, so that each takes the same time, including the decoding before it."""
    left = 1 - _DECODING
    return [round(frames * (1 - left**number) / (1 - left**parts)) for number in range(1, parts)]


def _tasks(order: Order, folder: Path, threads: int) -> list[_Task]:
    samples = _samples_per_frame(order.encoding)
    rate = order.encoding.sample_rate / samples
    parts = max(1, min(threads, int(order.seconds / _LEAST)))
    meetings = joints(math.ceil(order.seconds * rate), parts)
    begins = [0, *(frame - LEAD for frame in meetings)]
    ends = [*(frame + TAIL for frame in meetings), None]
    return [
        _Task(folder / f"part-{number}.mp3", begin, end, rate)
        for number, (begin, end) in enumerate(zip(begins, ends, strict=True))
    ]


def _samples_per_frame(encoding: Encoding) -> int:
    return 1152 if encoding.sample_rate >= 32000 else 576


def _encode(order: Order, task: _Task, how: Run) -> tuple[Finished, Part | None]:
    """The part is None when its ffmpeg failed."""
    size = _samples_per_frame(order.encoding)
    section = slice(task.begin * size, None if task.end is None else task.end * size)
    # Only the first part has the tags.
    encoding = order.encoding if task.begin == 0 else replace(order.encoding, tags={})
    limits = replace(how.limits, stall=how.limits.stall + task.begin / task.rate / _SLOWEST)
    with order.source.opened() as source:
        command = commands.encoding(source, order.piece, task.path, encoding, order.level, section=section)
        finished = run(command, replace(how, limits=limits), source=source.fd, output=task.progress)
    return finished, None if finished.code else Part.read(task.path, task.begin)


def _watch(running: list[Future[tuple[Finished, Part | None]]], how: Run, on_poll: Callable[[], None]) -> None:
    """Waits for all; raises what one of them raises, and Cancelled."""
    left = set(running)
    while left:
        done, left = futures.wait(left, POLL, futures.FIRST_COMPLETED)
        for one in done:
            one.result()
        if how.should_stop():
            raise Cancelled("The conversion was stopped")
        on_poll()


def _joined(order: Order, tasks: list[_Task], encoded: list[tuple[Finished, Part | None]], limits: Limits) -> Finished:
    finished = encoded[-1][0]
    if finished.code:
        return finished
    with order.target.open("wb") as file:
        joiner = Joiner(file)
        head = b""
        for task, (ended, part) in zip(tasks, encoded, strict=True):
            # `-fs` ends the output with the packet that reaches it.
            if len(part.data if part else b"") >= order.encoding.max_bytes - 2000:
                raise limits.too_large()
            if part is None:
                raise TransientError(f"ffmpeg could not encode a part: {ended.log[-200:]}")
            delay, padding = xing.gaps(part.header)
            samples = len(part.frames) * part.frames[0].kind.samples - delay - padding
            if task.end is not None and samples != (task.end - task.begin) * part.frames[0].kind.samples:
                raise NotJoinable("a part does not have the requested length")
            if not head:
                head = part.header
                file.write(head)
            joiner.add(part)
            if file.tell() > order.encoding.max_bytes:
                raise limits.too_large()
        joiner.finish()
        file.seek(0)
        file.write(xing.rewritten(head, joiner.sizes, joiner.bitrates, (xing.gaps(head)[0], padding), joiner.checksum))
    return finished
