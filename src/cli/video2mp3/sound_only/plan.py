"""The output as a list of segments: ranges of the video, or bytes of their own. It is never stored as a whole.

It is the same for the same video, its length is known before anything is sent, and it can be read at any offset. So an
interrupted upload continues with a plan that was made again.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate

from video2mp3.sound_only.source import GAP, WINDOW, Read, Unsure

# Segments and bytes of their own that are kept in memory at most.
_MOST_SEGMENTS = 4 << 20
_MOST_BYTES = 64 << 20


class Plan:
    def __init__(self) -> None:
        # Where a segment starts in the video; -1 - n for the literal n.
        self._starts = array("q")
        self._lengths = array("q")
        self._literals: list[bytes] = []
        self._kept = 0
        self._ends = array("q")
        self.length = 0

    @property
    def count(self) -> int:
        """The number of segments."""
        return len(self._starts)

    def copy(self, start: int, length: int) -> None:
        """Appends a range of the video; raises Unsure when there are too many."""
        self.length += length
        if self._starts and self._starts[-1] >= 0 and self._starts[-1] + self._lengths[-1] == start:
            self._lengths[-1] += length
            return
        self._append(start, length)

    def literal(self, data: bytes) -> None:
        """Appends bytes; raises Unsure when there are too many."""
        self.length += len(data)
        self._kept += len(data)
        if self._kept > _MOST_BYTES:
            raise Unsure("The index is too large.")
        self._literals.append(data)
        self._append(-len(self._literals), len(data))

    def extend(self, other: "Plan") -> None:
        """Appends the segments of another plan."""
        for start, length, data in other.segments():
            if data is None:
                self.copy(start, length)
            else:
                self.literal(data)

    def segments(self) -> Iterator[tuple[int, int, bytes | None]]:
        """Where each segment starts in the video, its length, and its bytes if they are not the video's."""
        for start, length in zip(self._starts, self._lengths, strict=True):
            yield start, length, self._literals[-1 - start] if start < 0 else None

    def read(self, read: Read, at: int, length: int) -> bytes:
        """The bytes of the output there; `read` is the video's. Raises Unsure when the video became shorter."""
        if len(self._ends) != len(self._lengths):
            self._ends = array("q", accumulate(self._lengths))
        output = bytearray()
        window, window_at = b"", 0
        number = bisect_right(self._ends, at)
        end = min(at + length, self.length)
        while at < end:
            start, size = self._starts[number], self._lengths[number]
            skip = at - (self._ends[number] - size)
            part = min(size - skip, end - at)
            if start < 0:
                output += self._literals[-1 - start][skip : skip + part]
            else:
                first = start + skip
                if not (window_at <= first and first + part <= window_at + len(window)):
                    window_at, window = first, read(first, self._joined(number, first, part, end - at))
                found = window[first - window_at : first - window_at + part]
                if len(found) != part:
                    raise Unsure("The file became shorter.")
                output += found
            at += part
            number += 1
        return bytes(output)

    def _joined(self, number: int, first: int, part: int, wanted: int) -> int:
        """How many bytes from `first` are read at once: with the segments that follow closely."""
        last = first + part
        wanted -= part
        while wanted > 0 and (number := number + 1) < self.count:
            start = self._starts[number]
            size = min(self._lengths[number], wanted)
            if start >= 0:
                if not last <= start <= last + GAP or start + size - first > WINDOW:
                    break
                last = start + size
            wanted -= size
        return last - first

    def _append(self, start: int, length: int) -> None:
        if self.count >= _MOST_SEGMENTS:
            raise Unsure("The sound is in too many places.")
        self._starts.append(start)
        self._lengths.append(length)
