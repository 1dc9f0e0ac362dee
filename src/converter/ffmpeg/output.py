"""Reads what ffmpeg writes: lines, its log, and its progress."""

import time
from collections.abc import Callable
from typing import Protocol

from converter.media import codepages

# Takes what a program writes, piece by piece; true when it shows that the program made progress.
Receiver = Callable[[bytes], bool]


class LineReader(Protocol):
    def feed(self, line: str) -> bool:
        """Takes one line; true when it shows that the program made progress."""


def lines_of(reader: LineReader) -> Receiver:
    """A receiver that passes whole lines to the reader."""
    rest = b""

    def receive(data: bytes) -> bool:
        nonlocal rest
        *lines, rest = (rest + data).split(b"\n")
        return sum(reader.feed(line.decode(errors="replace")) for line in lines) > 0  # not `any`: feeds every line

    return receive


class Log:
    """The first and the last part of what a program writes: a hostile file can make ffmpeg complain for hours."""

    HEAD = 1 << 18  # bytes: a listing of a file with many tags is some kilobytes
    TAIL = 1 << 14

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()

    def add(self, data: bytes) -> None:
        room = self.HEAD - len(self._head)
        self._head += data[:room]
        self._tail = (self._tail + data[room:])[-self.TAIL :]

    @property
    def text(self) -> str:
        """All that was kept; a listing's tags may be in any code page."""
        return codepages.decode(bytes(self._head + self._tail))


class Progress:
    """Reads `-progress` lines; `position` is in seconds of output since the start of the source."""

    def __init__(self, on_position: Callable[[float], None] | None = None) -> None:
        self.position = 0.0
        self._size = 0
        self._on_position = on_position

    def feed(self, line: str) -> bool:
        key, _, value = line.partition("=")
        try:
            number = int(value)
        except ValueError:  # "N/A" until the first packet, and the keys whose values are not numbers
            return False
        # ffmpeg's historic `out_time_ms` is in microseconds too; this key is correctly named.
        if key == "out_time_us" and number / 1e6 > self.position:
            self.position = number / 1e6
            if self._on_position:
                self._on_position(self.position)
            return True
        if key == "total_size" and number > self._size:
            self._size = number
            return True
        return False


class Share:
    """Turns positions into a share of the whole, 0 to 1, that never falls, reported at most once per INTERVAL."""

    INTERVAL = 0.25  # seconds: often enough for a person, seldom enough for a database

    def __init__(self, on_share: Callable[[float], None]) -> None:
        self._on_share = on_share
        self._reported = 0.0
        self._reported_at = float("-inf")

    def of(self, total: float, begin: float = 0.0, end: float = 1.0) -> Callable[[float], None]:
        """A receiver of positions in a source of `total` seconds; reports nothing for 0.

        One of several passes covers the share from `begin` to `end` of the whole.
        """

        def receive(position: float) -> None:
            done = begin + min(position / total, 1.0) * (end - begin) if total > 0 else 0.0
            share = min(done, 0.99)  # 1 is reported when the MP3 is verified
            now = time.monotonic()
            if share > self._reported and now - self._reported_at >= self.INTERVAL:
                self._reported, self._reported_at = share, now
                self._on_share(share)

        return receive

    def complete(self) -> None:
        self._on_share(1.0)
