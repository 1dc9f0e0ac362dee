"""Cuts decoded sound, as it comes, into parts that overlap, each a file of its own."""

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .joining import LEAD, TAIL

# Bytes read at once, and what a pipe may hold: more costs memory, less turns of the loop.
BLOCK = 1 << 20
# bytes of a sample of one channel: 32-bit floating point.
_SAMPLE = 4
# Frames that the last part has behind its joint at least. Less is added to the part before it.
_LEAST = 100


@dataclass(frozen=True)
class Sound:
    """What the header says."""

    channels: int
    frame: int
    """Bytes of as many samples as a frame of the MP3 has."""


@dataclass(frozen=True)
class Cut:
    """One part in its file."""

    path: Path
    begin: int
    """The frame of the whole with which it begins."""
    samples: int
    """Of each channel."""


def header(pipe: io.BufferedReader, samples: int) -> Sound | None:
    """Reads the header of a WAV: "RIFF", a size, "WAVE", and chunks with a name and a size, up to the sound's.

    `samples` are those of a frame. None when nothing was written: the decoder says why.
    """
    riff = pipe.read(12)
    if len(riff) < 12 or riff[:4] != b"RIFF":
        return None
    channels = 0
    while len(head := pipe.read(8)) == 8:
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            return Sound(channels, samples * channels * _SAMPLE) if channels else None
        chunk = pipe.read(size + size % 2)
        if name == b"fmt ":
            channels = int.from_bytes(chunk[2:4], "little")
    return None


def cuts(pipe: io.BufferedReader, sound: Sound, length: int, folder: Path) -> Iterator[Cut]:
    """The parts of `length` frames each, in their order, as they are complete; the last one is of any length.

    Each has LEAD frames of the part before it, and TAIL frames of the one behind it. Files are the caller's to delete.
    """
    number, begin, before = 0, 0, b""
    while True:
        path = folder / f"part-{number}.pcm"
        with path.open("w+b", buffering=0) as file:
            file.write(before)
            wanted = ((number + 1) * length + TAIL - begin) * sound.frame
            have = _copy(pipe, file, len(before), wanted)
            # Whether there is another part, and it is worth it.
            following = pipe.read(_LEAST * sound.frame)
            last = len(following) < _LEAST * sound.frame
            if last:
                file.write(following)
                have += len(following)
            else:
                shared = (LEAD + TAIL) * sound.frame
                before = os.pread(file.fileno(), shared, have - shared) + following
        yield Cut(path, begin, have // (sound.channels * _SAMPLE))
        if last:
            return
        number += 1
        begin = number * length - LEAD


def _copy(pipe: io.BufferedReader, file: BinaryIO, have: int, wanted: int) -> int:
    """Copies until the file has as many bytes as wanted, or the pipe ends; returns how many it has."""
    block = memoryview(bytearray(min(BLOCK, max(1, wanted - have))))
    while have < wanted and (size := pipe.readinto(block[: wanted - have])):
        file.write(block[:size])
        have += size
    return have
