"""Cuts an MP3 into pieces at its frames' boundaries, as a stream and without decoding it.

A piece begins without the bits that its first frames borrow from the ones before (the bit reservoir): a decoder leaves
out up to 50 ms there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from common.domain import mp3
from common.errors import PermanentError

# bytes without any frame after which it is no MP3. A tag is skipped by its length and does not count.
_MOST_JUNK = 64 * 1024


class NotAnMp3(PermanentError):
    """Raised when no frame of an MP3 can be found."""


@dataclass(frozen=True)
class Piece:
    """Whole frames that can be played by themselves, and where they end in the file."""

    data: bytes
    seconds: float
    end: int


class _Window:
    """The part of a stream that is looked at, and where in the file it begins."""

    def __init__(self, chunks: Iterator[bytes], offset: int) -> None:
        self._chunks = chunks
        self._held = bytearray()
        self.offset = offset

    def peek(self, length: int) -> bytes:
        """The next bytes, fewer at the end."""
        while len(self._held) < length:
            chunk = next(self._chunks, b"")
            if not chunk:
                break
            self._held += chunk
        return bytes(self._held[:length])

    def take(self, length: int) -> bytes:
        """The next bytes, and goes on behind them."""
        data = self.peek(length)
        del self._held[: len(data)]
        self.offset += len(data)
        return data

    def skip(self, length: int) -> None:
        """Goes on behind that many bytes, without holding them."""
        while length > 0 and (data := self.take(min(length, 1 << 20))):
            length -= len(data)


def pieces(chunks: Iterator[bytes], offset: int, *, max_bytes: int, max_seconds: float) -> Iterator[Piece]:
    """The MP3's pieces from the byte `offset` on, which must be a frame's first or the file's.

    Raises NotAnMp3 when there is no frame.
    """
    window = _Window(chunks, offset)
    window.skip(mp3.tag_size(window.peek(mp3.TAG_HEADER)))
    data, seconds, junk, found = bytearray(), 0.0, 0, offset > 0
    while header := window.peek(mp3.HEADER):
        current = mp3.header(header)
        if current is None:
            # A tag at the end, or damage: the next frame is looked for.
            window.skip(1)
            junk += 1
            if junk > _MOST_JUNK and not found:
                break
            continue
        junk, whole = 0, window.peek(current.size)
        if len(whole) < current.size:
            window.skip(len(whole))
            break
        if not found and _tells_length(whole):
            found = True
            window.skip(current.size)
            continue
        found = True
        if data and (len(data) + len(whole) > max_bytes or seconds + current.seconds > max_seconds):
            yield Piece(bytes(data), seconds, window.offset)
            data, seconds = bytearray(), 0.0
        data += window.take(current.size)
        seconds += current.seconds
    if not found:
        raise NotAnMp3("The recording is no MP3 that can be read.")
    if data:
        yield Piece(bytes(data), seconds, window.offset)


def _tells_length(first: bytes) -> bool:
    """Whether it is the frame without sound that tells the length of the whole file, which a piece does not have."""
    return any(mark in first[:64] for mark in (b"Xing", b"Info", b"VBRI"))
