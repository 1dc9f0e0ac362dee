"""What a program writes, kept small: a hostile file can make ffmpeg complain for hours."""

from converter.media import codepages


class Lines:
    """Cuts a stream of bytes into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def add(self, data: bytes) -> list[str]:
        """The lines that this piece completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [line.decode(errors="replace") for line in lines]


class Log:
    """The first and the last part of what was written."""

    HEAD = 1 << 18  # bytes: a listing of a file with many tags is some kilobytes
    TAIL = 1 << 14

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()

    def add(self, data: bytes) -> None:
        """Takes the next piece."""
        room = self.HEAD - len(self._head)
        self._head += data[:room]
        self._tail = (self._tail + data[room:])[-self.TAIL :]

    @property
    def text(self) -> str:
        """All that was kept; a listing's tags may be in any code page."""
        return codepages.decode(bytes(self._head + self._tail))

    @property
    def tail(self) -> str:
        """The last lines, for a log."""
        return self.text[-2000:].strip()
