"""Joins MP3s that were encoded from overlapping parts of one sound, as if one encoder had made them.

A part begins LEAD frames early, so that its encoder has adapted to the sound: after them, both parts hold the same
frames except for their bit reservoirs. A frame may have the beginning of its main data in the frames before it. So the
joint is at a frame before which the left part has at least as many free bytes as the right part's frame needs, and
these bytes are overwritten. Windows overlap by half a frame: before the joint, both parts must have the same ones.
"""

import mmap
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from common.errors import TransientError
from converter.mp3 import frames, xing
from converter.mp3.frames import Frames

# Frames by which a part begins early: with fewer, the encoder's measure of the sound is still different.
LEAD = 24
# Frames by which a part ends late: SEARCH in which to find a joint, and those that the encoder reads ahead. Often the
# first frame fits; there are few joints, so a long search takes no noticeable time.
SEARCH = 100
TAIL = SEARCH + 12
# Frames that are written at once: some 5 MB at most.
_BLOCK = 4096


class NotJoinable(TransientError):
    """Parts do not fit together; the sound has to be encoded on one processor."""


@dataclass
class Part:
    data: bytearray | mmap.mmap
    begin: int
    """The number of its first frame in the whole MP3."""
    frames: Frames = field(init=False)

    def __post_init__(self) -> None:
        self.frames = Frames(self.data)
        if not self.frames:
            raise NotJoinable("a part has no sound")

    @classmethod
    def read(cls, path: Path, begin: int) -> Self:
        """Maps the file, which changes do not affect."""
        if not path.stat().st_size:
            raise NotJoinable("a part has no sound")
        with path.open("rb") as file:
            return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), begin)

    @property
    def header(self) -> bytes:
        """The data before the first frame with sound: the ID3 tag, and the frame with the header."""
        return bytes(self.data[: self.frames[0].start])


class Joiner:
    """Takes the parts in their order and writes the frames of the whole MP3, without a header, to a file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left: Part | None = None
        # The first frame of the left part that is not written yet.
        self._next = 0
        # The size of each frame that was written.
        self.sizes = array("H")
        self.bitrates: set[int] = set()
        self.checksum = 0

    def add(self, right: Part) -> None:
        if self._left is not None:
            at = _joint(self._left, right)
            self._write(self._left, right.begin + at - self._left.begin)
            self._next = at
        self._left = right

    def finish(self) -> None:
        if self._left is None:
            raise NotJoinable("there are no parts")
        self._write(self._left, len(self._left.frames))

    def _write(self, part: Part, end: int) -> None:
        if self._next >= end:
            raise NotJoinable("a part is shorter than its overlap with the others")
        for start in range(self._next, end, _BLOCK):
            written = [part.frames[number] for number in range(start, min(start + _BLOCK, end))]
            with memoryview(part.data) as whole, whole[written[0].start : written[-1].end] as piece:
                self._file.write(piece)
                self.checksum = xing.checksum(piece, self.checksum)
            frames.forget(part.data, written[-1].end)
            self.sizes.extend(frame.kind.size for frame in written)
            self.bitrates.update(frame.kind.bitrate for frame in written)


def _joint(left: Part, right: Part) -> int:
    """The right part's frame at which the whole continues; copies its main data into the left part."""
    offset = right.begin - left.begin
    for at in range(LEAD, min(LEAD + SEARCH, len(right.frames), len(left.frames) - offset)):
        mine, other = left.frames[offset + at], right.frames[at]
        needed = frames.reach(right.data, other)
        if frames.reach(left.data, mine) < needed:
            continue
        if frames.windows(left.data, left.frames[offset + at - 1]) != frames.windows(right.data, right.frames[at - 1]):
            continue
        _move(needed, right, at, left, offset + at)
        return at
    raise NotJoinable("two parts do not fit together at any frame")


def _move(number: int, source: Part, source_frame: int, target: Part, target_frame: int) -> None:
    """Overwrites the last main data before a frame of the target with those before a frame of the source."""
    moved = b"".join(source.data[start:end] for start, end in _last(number, source, source_frame))
    at = 0
    for start, end in _last(number, target, target_frame):
        target.data[start:end] = moved[at : at + end - start]
        at += end - start


def _last(number: int, part: Part, before: int) -> list[tuple[int, int]]:
    """The ranges of the last `number` bytes of main data before a frame, in their order."""
    found = []
    while number > 0:
        before -= 1
        if before < 0:
            raise NotJoinable("a part begins with a frame that needs data of earlier frames")
        frame = part.frames[before]
        start = max(frame.data, frame.end - number)
        found.append((start, frame.end))
        number -= frame.end - start
    return found[::-1]
