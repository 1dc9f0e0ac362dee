"""Decodes tracks one after the other into a pipe, with silence exactly where their time stamps have a gap.

ffmpeg itself either leaves gaps out or, with `aresample=async`, keeps all of a gap in memory and inserts silence into
sound whose clock drifts. Here one ffmpeg decodes, another one encodes, and this module passes the samples on by the
time stamp of each frame. It keeps the sound of `timeline.WINDOW` in memory.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from converter.ffmpeg import commands
from converter.ffmpeg.commands import STAMP_OFFSET
from converter.ffmpeg.inputs import Pcm
from converter.ffmpeg.process import Cancelled, Channel, Finished, Run, run
from converter.media.recording import Part
from converter.media.timeline import Silence, Timeline

_ZEROS = bytes(1 << 16)
# ffmpeg's messages about a packet that the decoder rejects, and about a file whose rest cannot be read.
DECODING_FAILED = ("Error submitting packet to decoder", "Decode error rate", "Error during demuxing")


@dataclass
class Decoded:
    silence: Silence
    timelines: list[Timeline]
    errors: bool = False
    """Whether a decoder reported errors."""
    written: int = 0
    """Samples that were passed on, with silence."""
    complete: bool = True
    """Whether all parts were decoded to their end, although only a section of them may be wanted."""


class _Enough(Exception):
    """The wanted samples are complete."""


class _Splicer:
    """Inserts the silences between the samples and writes the wanted ones of the result."""

    def __init__(self, shape: Pcm, write: Callable[[bytes | memoryview], None], wanted: slice) -> None:
        self._frame = shape.frame
        self._rate = shape.rate
        self._write = write
        self._begin = wanted.start * self._frame
        self._end = None if wanted.stop is None else wanted.stop * self._frame
        self._at = 0
        self._written = 0
        self.timeline = Timeline(Silence())
        self._samples = bytearray()
        # Bytes of the frames whose silence is not decided yet, and silences with the bytes that follow them.
        self._sizes: deque[int] = deque()
        self._decided: deque[tuple[float, int]] = deque()

    @property
    def written(self) -> int:
        return self._written // self._frame

    def add(self, data: bytes) -> bool:
        self._samples += data
        self._advance()
        return True

    def feed(self, line: str) -> bool:
        if not line.startswith("#"):
            fields = line.split(",", 5)
            size = int(fields[4])
            stamp = (int(fields[3]) - STAMP_OFFSET) / self._rate
            self._sizes.append(size)
            self._decide(self.timeline.add(stamp, size / self._frame / self._rate))
        return True

    def finish(self) -> None:
        self._decide(self.timeline.finish())
        if self._samples:  # a frame whose line is missing, as when ffmpeg was ended
            self._emit(self._samples)
            self._samples = bytearray()

    def _decide(self, silences: list[float]) -> None:
        for silence in silences:
            self._decided.append((silence, self._sizes.popleft()))
        self._advance()

    def _advance(self) -> None:
        while self._decided and len(self._samples) >= self._decided[0][1]:
            silence, size = self._decided.popleft()
            left = round(silence * self._rate) * self._frame
            while left:
                self._emit(memoryview(_ZEROS)[: min(left, len(_ZEROS) // self._frame * self._frame)])
                left -= min(left, len(_ZEROS) // self._frame * self._frame)
            with memoryview(self._samples) as samples:
                self._emit(samples[:size])
            del self._samples[:size]

    def _emit(self, data: bytes | bytearray | memoryview) -> None:
        """Writes the wanted bytes of the data; raises _Enough after the last one."""
        first = max(0, self._begin - self._at)
        last = len(data) if self._end is None else max(0, min(len(data), self._end - self._at))
        self._at += len(data)
        if first < last:
            with memoryview(data) as view, view[first:last] as wanted:
                self._write(wanted)
            self._written += last - first
        if self._end is not None and self._at >= self._end:
            self._at = self._end
            raise _Enough


def spliced(
    parts: Sequence[Part], shape: Pcm, wanted: slice, how: Run, consume: Callable[[Pcm], Finished]
) -> tuple[Finished, Decoded]:
    """Calls `consume` with a pipe of the `wanted` samples of the parts.

    `shape` is the form of the samples; its descriptor is replaced. Raises as `run` and `consume` do.
    """
    stop = threading.Event()
    read, write = os.pipe()
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="decoder") as pool:
            inside = replace(how, should_stop=stop.is_set)
            decoder = pool.submit(_decode, parts, shape, wanted, inside, write)
            try:
                finished = consume(replace(shape, fd=read))
            finally:
                stop.set()
                # A decoder that is still writing gets an error.
                os.close(read)
                read = -1
            return finished, decoder.result()
    finally:
        if read >= 0:
            os.close(read)


def _decode(parts: Sequence[Part], shape: Pcm, wanted: slice, how: Run, write: int) -> Decoded:
    decoded = Decoded(Silence(), [])
    with os.fdopen(write, "wb", buffering=0) as pipe:

        def pass_on(data: bytes | memoryview) -> None:
            with memoryview(data) as left:
                done = 0
                while done < len(left):
                    done += os.write(pipe.fileno(), left[done:])

        splicer = _Splicer(shape, pass_on, wanted)
        try:
            for part in parts:
                splicer.timeline = Timeline(decoded.silence, part.packets.tick)
                decoded.timelines.append(splicer.timeline)
                with part.source.opened() as source, Channel(splicer) as channel:
                    command = commands.decoding(source, part.piece, shape, channel.number)
                    finished = run(command, how, source=source.fd, output=splicer.add, channel=channel)
                splicer.finish()
                decoded.errors |= finished.code != 0 or any(sign in finished.log for sign in DECODING_FAILED)
        except (_Enough, BrokenPipeError, Cancelled):
            # The wanted samples are complete; or the encoder has ended, and its result says why.
            decoded.complete = False
        decoded.written = splicer.written
    return decoded


def lost(decoded: Decoded, parts: Sequence[Part]) -> float:
    """Seconds of sound that the packets have and the decoder did not return."""
    listed = [part.packets.timeline for part in parts]
    missing = decoded.silence.inserted - sum({id(one.silence): one.silence.inserted for one in listed}.values())
    for found, expected in zip(decoded.timelines, listed, strict=True):
        if found.start is None or expected.start is None:
            missing += expected.length
            continue
        missing += max(0.0, found.start - expected.start) + max(0.0, expected.end - found.end)
    return max(0.0, missing)
