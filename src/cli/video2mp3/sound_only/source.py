"""Reads a video in windows, within a time limit."""

import time
from collections.abc import Callable

Read = Callable[[int, int], bytes]

# bytes. A window that continues the one before it is large; one after a jump is small.
WINDOW = 4 << 20
JUMP = 64 << 10
# bytes that are read without being needed, rather than in two reads.
GAP = 128 << 10
# s. A video that needs longer is uploaded whole.
TIMEOUT = 120.0


class Unsure(Exception):
    """The sound cannot be separated with certainty: the whole video is uploaded."""


class Source:
    """A file of `size` bytes. `read(offset, length)` returns at most `length` bytes."""

    def __init__(self, read: Read, size: int, timeout: float = TIMEOUT) -> None:
        self.size = size
        self._read = read
        self._deadline = time.monotonic() + timeout
        self._at = 0
        self._window = b""

    def get(self, at: int, length: int) -> bytes:
        """The bytes there; raises Unsure when the file ends before, or after the time limit."""
        if at < 0 or length < 0 or at + length > self.size:
            raise Unsure("The file ends too early.")
        end = self._at + len(self._window)
        if at < self._at or at + length > end:
            near = self._at <= at <= end + GAP
            self._window = self.load(at, min(max(length, WINDOW if near else JUMP), self.size - at))
            self._at = at
        return self._window[at - self._at : at - self._at + length]

    def load(self, at: int, length: int) -> bytes:
        """As `get`, without keeping a window."""
        if time.monotonic() > self._deadline:
            raise Unsure("The time limit is exceeded.")
        data = self._read(at, length)
        if len(data) != length:
            raise Unsure("The file cannot be read.")
        return data

    def number(self, at: int, length: int) -> int:
        """The big-endian number there."""
        return int.from_bytes(self.get(at, length), "big")
