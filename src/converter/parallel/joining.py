"""Joins MP3s that were encoded side by side from overlapping parts of one sound, as if it had been encoded in one go.

A part begins LEAD frames before its turn, so that its encoder has got into the sound when it comes: from there on both
parts hold the same frames but for their bit reservoirs. A frame may keep the beginning of its main data in the frames
before it, so the joint is at a frame for which the left part has left at least as many bytes free as the right part's
needs, and these bytes are written over. Windows overlap by half a frame: before the joint, both must have chosen alike.
"""

import mmap
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from common.errors import TransientError
from converter.mp3 import frames
from converter.mp3.frames import Frames

# Frames by which a part begins before its turn: with fewer, the encoder's measure of the sound is still another one.
LEAD = 24
# Frames by which a part goes on after it: SEARCH in which to find a joint, and what the encoder looks ahead. Often the
# first one fits; there are few joints, so a long search costs nothing.
SEARCH = 100
TAIL = SEARCH + 12
# Frames that are written at once: some 5 MB at most.
_BLOCK = 4096


class NotJoinable(TransientError):
    """Raised when parts do not fit together; the sound has to be encoded in one go."""


@dataclass
class Part:
    """A part that was encoded."""

    data: bytearray | mmap.mmap
    begin: int
    """The number of its first frame in the whole."""
    frames: Frames = field(init=False)

    def __post_init__(self) -> None:
        self.frames = Frames(self.data)
        if not self.frames:
            raise NotJoinable("a part has no sound")

    @classmethod
    def read(cls, path: Path, begin: int) -> Self:
        """The part in this file, which keeps what it is; memory holds what is looked at."""
        if not path.stat().st_size:
            raise NotJoinable("a part has no sound")
        with path.open("rb") as file:
            return cls(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), begin)

    @property
    def end(self) -> int:
        """The number after its last frame's in the whole."""
        return self.begin + len(self.frames)

    @property
    def header(self) -> bytes:
        """What is before the first frame with sound: the ID3 tag, and the frame with the header."""
        return bytes(self.data[: self.frames[0].start])


class Joiner:
    """Takes the parts in their order and writes the whole, without a header, to a file."""

    def __init__(self, file: BinaryIO, note: Callable[[memoryview], None]) -> None:
        self._file = file
        self._note = note
        self._left: Part | None = None
        # The first frame of the left part that is not written yet.
        self._next = 0
        # The size of each frame that was written.
        self.sizes = array("H")
        self.bitrates: set[int] = set()

    def add(self, right: Part) -> None:
        """Writes all that comes before the joint with this part."""
        if self._left is not None:
            at = _joint(self._left, right)
            self._write(self._left, right.begin + at - self._left.begin)
            self._next = at
        self._left = right

    def finish(self) -> Part:
        """Writes the rest; returns the last part."""
        if self._left is None:
            raise NotJoinable("there are no parts")
        self._write(self._left, len(self._left.frames))
        return self._left

    def _write(self, part: Part, end: int) -> None:
        if self._next >= end:
            raise NotJoinable("a part is shorter than what it shares with the others")
        for start in range(self._next, end, _BLOCK):
            written = part.frames[start : min(start + _BLOCK, end)]
            with memoryview(part.data) as whole, whole[written[0].start : written[-1].end] as piece:
                self._file.write(piece)
                self._note(piece)
            frames.forget(part.data, written[-1].end)
            self.sizes.extend(frame.kind.size for frame in written)
            self.bitrates.update(frame.kind.bitrate for frame in written)


def _joint(left: Part, right: Part) -> int:
    """The number of the right part's frame that the whole goes on with; gives it its main data in the left part."""
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
    raise NotJoinable("there is no frame at which two parts fit together")


def _move(number: int, source: Part, source_frame: int, target: Part, target_frame: int) -> None:
    """Writes the last main data before a frame of one part over those before a frame of the other."""
    moved = b"".join(source.data[start:end] for start, end in _last(number, source, source_frame))
    at = 0
    for start, end in _last(number, target, target_frame):
        target.data[start:end] = moved[at : at + end - start]
        at += end - start


def _last(number: int, part: Part, before: int) -> list[tuple[int, int]]:
    """Where the last so many bytes of main data before a frame are, in their order."""
    found = []
    while number > 0:
        before -= 1
        if before < 0:
            raise NotJoinable("a part begins with a frame that needs what was before")
        frame = part.frames[before]
        start = max(frame.data, frame.end - number)
        found.append((start, frame.end))
        number -= frame.end - start
    return found[::-1]
