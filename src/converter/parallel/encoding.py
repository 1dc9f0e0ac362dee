"""Encodes one sound on several processors: in parts, side by side, joined exactly.

Each part has an ffmpeg of its own, which decodes all that comes before it too. Decoding is a sixth of the work, and to
begin in the middle would give other samples; so later parts are shorter, and all end together. Whatever goes wrong ends
all of it. Every ffmpeg is confined as a single one is.
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
from converter.ffmpeg.commands import Encoding, Piece, Source
from converter.ffmpeg.limits import Limits
from converter.ffmpeg.process import POLL, Cancelled, Finished, Run, run
from converter.ffmpeg.progress import Progress
from converter.mp3 import xing
from converter.parallel.joining import LEAD, TAIL, Joiner, NotJoinable, Part

# s of sound below which it is not worth it: an encoder needs about one for it.
WORTH = 45.0
# s of sound in the shortest part.
_LEAST = 10.0
# Share of decoding in the work: 1.5 of 9.3 s for ten minutes of AAC (docs/performance.md).
_DECODING = 0.16
# s of sound that is decoded in a second at least, on a slow machine: a part says nothing before its turn.
_SLOWEST = 20


@dataclass(frozen=True)
class Order:
    """What to encode."""

    source: Source
    piece: Piece
    level: str | None
    encoding: Encoding
    target: Path
    seconds: float
    """How long it will be, as far as known: by it the parts are made."""


@dataclass
class _Task:
    """A part that is encoded."""

    path: Path
    begin: int
    """Its first frame, of the whole."""
    end: int | None
    """The frame after its last one; None for all that comes."""
    rate: float
    """Frames a second."""
    progress: Progress = field(default_factory=Progress)

    @property
    def encoded(self) -> float:
        """Seconds of its sound that are encoded."""
        return max(0.0, self.progress.position - self.begin / self.rate)


def encode(order: Order, how: Run, threads: int, tell: Callable[[float], None]) -> Finished:
    """Writes the MP3; gives what the last part's ffmpeg left behind.

    When that ffmpeg failed, the MP3 is not whole. `tell` gets the seconds that are encoded, in the calling thread.
    Raises as `process.run` does, and NotJoinable when the MP3 has to be made in one go.
    """
    tasks = _tasks(order, how.folder, threads)
    stop = threading.Event()
    inside = replace(how, should_stop=stop.is_set)
    try:
        with ThreadPoolExecutor(len(tasks), thread_name_prefix="encoder") as pool:
            running = [pool.submit(_encode, order, task, inside) for task in tasks]
            try:
                _watch(running, how, lambda: tell(sum(task.encoded for task in tasks)))
            finally:
                stop.set()
        return _joined(order, tasks, [one.result() for one in running], how.limits)
    finally:
        for task in tasks:
            task.path.unlink(missing_ok=True)


def joints(frames: int, parts: int) -> list[int]:
    """The frames at which the parts take turns: so that each takes as long, with all it has to decode before."""
    left = 1 - _DECODING
    return [round(frames * (1 - left**number) / (1 - left**parts)) for number in range(1, parts)]


def _tasks(order: Order, folder: Path, threads: int) -> list[_Task]:
    samples = _samples(order.encoding)
    rate = order.encoding.sample_rate / samples
    parts = max(1, min(threads, int(order.seconds / _LEAST)))
    turns = joints(math.ceil(order.seconds * rate), parts)
    begins = [0, *(turn - LEAD for turn in turns)]
    ends = [*(turn + TAIL for turn in turns), None]
    return [
        _Task(folder / f"part-{number}.mp3", begin, end, rate)
        for number, (begin, end) in enumerate(zip(begins, ends, strict=True))
    ]


def _samples(encoding: Encoding) -> int:
    """Of a frame."""
    return 1152 if encoding.sample_rate >= 32000 else 576


def _encode(order: Order, task: _Task, how: Run) -> tuple[Finished, Part | None]:
    """The part, None when its ffmpeg failed."""
    size = _samples(order.encoding)
    turn = slice(task.begin * size, None if task.end is None else task.end * size)
    # The tags are before the sound, once.
    encoding = order.encoding if task.begin == 0 else replace(order.encoding, tags={})
    limits = replace(how.limits, stall=how.limits.stall + task.begin / task.rate / _SLOWEST)
    with order.source.opened() as source:
        command = commands.encoding(source, order.piece, task.path, encoding, order.level, turn=turn)
        finished = run(command, replace(how, limits=limits), source=source.fd, output=task.progress)
    return finished, None if finished.code else Part.read(task.path, task.begin)


def _watch(running: list[Future[tuple[Finished, Part | None]]], how: Run, tell: Callable[[], None]) -> None:
    """Waits for all; raises what one of them raises, or the caller's wish to stop."""
    left = set(running)
    while left:
        done, left = futures.wait(left, POLL, futures.FIRST_COMPLETED)
        for one in done:
            one.result()
        if how.should_stop():
            raise Cancelled("The conversion was stopped")
        tell()


def _joined(order: Order, tasks: list[_Task], encoded: list[tuple[Finished, Part | None]], limits: Limits) -> Finished:
    checksum = 0

    def note(piece: memoryview) -> None:
        nonlocal checksum
        checksum = xing.checksum(piece, checksum)

    finished = encoded[-1][0]
    if finished.code:
        return finished
    with order.target.open("wb") as file:
        joiner = Joiner(file, note)
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
                raise NotJoinable("a part has another length than it was asked for")
            if not head:
                head = part.header
                file.write(head)
            joiner.add(part)
            if file.tell() > order.encoding.max_bytes:
                raise limits.too_large()
        joiner.finish()
        file.seek(0)
        file.write(xing.rewritten(head, joiner.sizes, joiner.bitrates, (xing.gaps(head)[0], padding), checksum))
    return finished
