"""The packets of a track as ffmpeg's `framecrc` lists them: their times, and what is unusual about them.

https://ffmpeg.org/ffmpeg-formats.html#framecrc: a line for each packet has the number of its stream, its two time
stamps, duration and size, a checksum of its data, its flags if they are unusual, and a name, a size and a checksum for
each of its side data. A line before them gives the unit of the times.
"""

import re
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction

from converter.ffmpeg.progress import Progress

# Seconds between the end of a packet and the next one's start from which it is a gap. Time stamps are rounded, and
# clocks drift.
GAP = 0.1
# What a packet may have beside its data without any effect on the sound.
_HARMLESS = frozenset({"MPEGTS Stream ID"})
_TRIM = "Skip Samples"
# AV_PKT_FLAG_KEY and AV_PKT_FLAG_DISCARD together: the decoder needs the packet, and nobody hears it.
_UNHEARD = "5"
_UNIT = "#tb 0: "
_REST = re.compile(r"(?: F=0x([0-9A-F]+))?,?(?: S=\d+, (.*))?")
_SIDE = re.compile(r"([^,]+), *\d+, 0x([0-9a-f]{8})(?:, |$)")


class NotCopyable(Exception):
    """Raised when a track cannot be copied, with the reason for the log."""


class Packets(Progress):
    """Takes the list line by line; `position` is where the last packet ends, in seconds from the start of the file."""

    def __init__(self, on_position: Callable[[float], None] | None = None) -> None:
        super().__init__(on_position)
        self.count = 0
        self.first_trim: int | None = None
        """A checksum of how many samples the decoder removes of the first packet; None for none."""
        self.last_trim: int | None = None
        self.unheard = 0
        """How many packets at the beginning are removed as a whole; what is removed of the first one includes them."""
        self._unit = 0.0
        self._problem: str | None = None

    def feed(self, line: str) -> bool:
        """Takes one line; true for that of a packet."""
        if line.startswith("#"):
            if line.startswith(_UNIT):
                self._unit = float(Fraction(line.removeprefix(_UNIT)))
            return False
        fields = line.split(",", 6)
        try:
            begin, duration = int(fields[2]) * self._unit, int(fields[3]) * self._unit
        except (ValueError, IndexError):
            self._refuse(f"a packet is unusual: {line[:100]!r}")
            return False
        if abs(begin - self.position) > GAP and self.count:
            self._refuse(f"the time goes on with {begin:.3f} s after {self.position:.3f} s")
        if self.last_trim is not None:
            self._refuse("samples are removed in the middle")
        self.position = begin + duration
        if len(fields) > 6:
            self._take(fields[6])
        self.count += 1
        if self._on_position and self.count % 1000 == 0:
            self._on_position(self.position)
        return True

    def check(self, count: int) -> None:
        """Raises NotCopyable when the packets are not what they have to be for a copy, or not `count`."""
        # The packets that nobody hears may not be among them.
        if not 0 <= self.count - count <= self.unheard:
            raise NotCopyable(f"{self.count} of {count} packets are read")
        if self._problem is not None:
            raise NotCopyable(self._problem)
        if self.count < 2:
            raise NotCopyable("there are fewer than two packets")

    def trims(self, skip: int, discard: int) -> bool:
        """Whether it is so many samples that are removed before and after the sound."""
        return (self.first_trim, self.last_trim) == (
            _checksum(skip, 0) if skip else None,
            _checksum(0, discard) if discard else None,
        )

    def _take(self, rest: str) -> None:
        """Takes what a line has behind the checksum: flags that are unusual, and side data."""
        found = _REST.fullmatch(rest)
        if found is None:
            self._refuse(f"a packet is unusual: {rest[:100]!r}")
            return
        flags, side = found.groups()
        if flags is not None:
            if flags != _UNHEARD or self.unheard < self.count:
                self._refuse(f"a packet has the flags {flags}")
            self.unheard += 1
        for name, checksum in _SIDE.findall(side or ""):
            if name == _TRIM and self.count == 0:
                self.first_trim = int(checksum, 16)
            elif name == _TRIM:
                self.last_trim = int(checksum, 16)
            elif name not in _HARMLESS:
                self._refuse(f"a packet has {name}")

    def _refuse(self, problem: str) -> None:
        self._problem = self._problem or problem


def _checksum(skip: int, discard: int) -> int:
    """ffmpeg's checksum of AV_PKT_DATA_SKIP_SAMPLES: the numbers and, unused here, a reason for each."""
    return zlib.adler32(struct.pack("<IIBB", skip, discard, 0, 0), 0)
