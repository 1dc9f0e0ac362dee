"""Encodes one sound on several processors: decoded once, cut into parts, encoded side by side, joined exactly.

The decoder cannot run ahead: it waits while as many parts as there are encoders, and one more, lie on the disk.
Whatever goes wrong ends all of it. Every ffmpeg is confined as a single one is.
"""

import contextlib
import fcntl
import io
import math
import os
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, TypeVar

from common.errors import TransientError

from . import ffmpeg, pcm, xing
from .ffmpeg import Encoding, Piece
from .joining import Joiner, NotJoinable, Part
from .limits import Limits
from .pcm import Cut
from .process import POLL, Cancelled, Finished, Run, run
from .progress import Progress

Found = TypeVar("Found")

# s of sound below which it is not worth it: an encoder needs about one for it.
WORTH = 45.0
# s of sound in a part. What is encoded twice at its ends is 1.5 % of 120, and three such parts are 140 MB of PCM.
_LEAST, _MOST = 10.0, 120.0
# Parts for each encoder, at least: the first one begins when its part is decoded.
_ROUNDS = 3
# MB. An encoder that reads PCM needs 30; what a stranger's file can do to memory, it does in the decoder.
_MEMORY = 128


@dataclass(frozen=True)
class Order:
    """What to encode."""

    source: int
    """The video's descriptor."""
    piece: Piece
    level: str | None
    encoding: Encoding
    target: Path
    seconds: float
    """How long it will be, as far as known: by it the parts are made alike."""


def encode(order: Order, how: Run, threads: int, tell: Callable[[float], None]) -> tuple[Finished, float]:
    """Writes the MP3; gives what the decoder left behind, and where in the piece its sound ended, in seconds.

    When the decoder failed, the MP3 is not whole. `tell` gets the seconds that are encoded, in the calling thread.
    Raises as `process.run` does, and NotJoinable when the MP3 has to be made in one go.
    """

    def wait() -> None:
        if how.should_stop():
            raise Cancelled("The conversion was stopped")
        tell(encoders.encoded)

    with _Encoders(order, how, threads) as encoders:
        return _join(encoders, order, how.limits, wait)


class _Encoders:
    """The threads that each watch one ffmpeg, and the one that cuts what the decoder writes."""

    def __init__(self, order: Order, how: Run, threads: int) -> None:
        self._order = order
        self._stop = threading.Event()
        self._how = replace(how, should_stop=self._stop.is_set)
        self._frame = 1152 if order.encoding.sample_rate >= 32000 else 576
        rounds = max(_ROUNDS, math.ceil(order.seconds / (threads * _MOST)))
        seconds = max(_LEAST, order.seconds / (rounds * threads))
        self._length = math.ceil(seconds * order.encoding.sample_rate / self._frame)
        self._room = threading.Semaphore(threads + 1)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="encoder")
        self._others = ThreadPoolExecutor(2, thread_name_prefix="decoder")
        self._begun = Progress()
        self._positions: list[Progress] = []
        self._parts: queue.SimpleQueue[Future[Cut]] = queue.SimpleQueue()
        reading, writing = os.pipe()
        pipe, sink = os.fdopen(reading, "rb"), os.fdopen(writing, "wb", buffering=0)
        # Refused to a user with many large pipes; a small one is slower, and no worse.
        with contextlib.suppress(OSError):
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, pcm.BLOCK)
        command = ffmpeg.decoding(order.source, order.piece, writing, order.encoding, order.level)
        # Wherever the encoders leave room: each of them has a processor.
        anywhere = replace(self._how, seats=None)
        self.decoder = self._others.submit(run, command, anywhere, source=order.source, progress=self._begun, sink=sink)
        self._cutter = self._others.submit(self._cut, pipe)

    def parts(self, wait: Callable[[], None]) -> Iterator[Cut]:
        """The parts as MP3s, in their order, until there are no more; `wait` is called meanwhile."""
        while not (self._cutter.done() and self._parts.empty()):
            try:
                future = self._parts.get(timeout=POLL)
            except queue.Empty:
                wait()
            else:
                yield _result(future, wait)
        self._cutter.result()

    @property
    def position(self) -> float:
        """Where in the piece the decoder is, in seconds."""
        return self._begun.position

    @property
    def encoded(self) -> float:
        """How many seconds are encoded, more or less."""
        return min(sum(one.position for one in self._positions), self.position)

    def _cut(self, pipe: io.BufferedReader) -> None:
        """Gives each part to an encoder."""
        with pipe:
            sound = pcm.header(pipe, self._frame)
            if sound is None:
                return
            cuts = pcm.cuts(pipe, sound, self._length, self._how.folder)
            while self._enter() and (cut := next(cuts, None)):
                self._positions.append(progress := Progress())
                self._parts.put(self._pool.submit(self._encode, cut, sound.channels, progress))

    def _enter(self) -> bool:
        """Waits until there is room for one more part; false when all of it ends."""
        while not self._stop.is_set():
            if self._room.acquire(timeout=POLL):
                return True
        return False

    def _encode(self, cut: Cut, channels: int, progress: Progress) -> Cut:
        target = cut.path.with_suffix(".mp3")
        limits = replace(self._how.limits, memory_mb=min(_MEMORY, self._how.limits.memory_mb))
        # The tags are before the sound, once.
        encoding = self._order.encoding if cut.begin == 0 else replace(self._order.encoding, tags={})
        with cut.path.open("rb") as file:
            command = ffmpeg.encoding_part(file.fileno(), channels, target, encoding)
            finished = run(command, replace(self._how, limits=limits), source=file.fileno(), progress=progress)
        if finished.code:
            raise TransientError(f"ffmpeg could not encode a part: {finished.log[-200:]}")
        cut.path.unlink()
        self._room.release()
        return replace(cut, path=target)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._others.shutdown(wait=True)
        self._pool.shutdown(wait=True, cancel_futures=True)
        for left in self._how.folder.glob("part-*"):
            left.unlink()


def _join(encoders: _Encoders, order: Order, limits: Limits, wait: Callable[[], None]) -> tuple[Finished, float]:
    checksum, samples, head = 0, 0, b""

    def note(piece: memoryview) -> None:
        nonlocal checksum
        checksum = xing.checksum(piece, checksum)

    with order.target.open("wb") as file:
        joiner = Joiner(file, note)
        for encoded in encoders.parts(wait):
            part = Part(bytearray(encoded.path.read_bytes()), encoded.begin)
            encoded.path.unlink()
            if not head:
                head = part.header
                file.write(head)
            joiner.add(part)
            samples = part.begin * part.frames[0].kind.samples + encoded.samples
            if file.tell() > order.encoding.max_bytes:
                raise limits.too_large()
        finished = _result(encoders.decoder, wait)
        if finished.code or not head:
            return finished, encoders.position
        last = joiner.finish()
        delay, padding = xing.gaps(last.header)
        if last.end * last.frames[0].kind.samples != delay + samples + padding:
            raise NotJoinable("the joined MP3 would have another length than the sound")
        file.seek(0)
        file.write(xing.rewritten(head, joiner.sizes, joiner.bitrates, padding, checksum))
    return finished, encoders.position


def _result(future: Future[Found], wait: Callable[[], None]) -> Found:
    """The future's result; looks around while it waits."""
    while not futures.wait([future], POLL).done:
        wait()
    return future.result()
