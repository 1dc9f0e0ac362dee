"""Splits an MP3 into pieces at the boundaries of its frames, as a stream and without decoding it.

The first frames of a piece lack the bits that they share with earlier frames (the bit reservoir). A decoder leaves out
up to 50 ms there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from common.domain import mp3
from common.errors import PermanentError

# bytes without a frame after which the file is not an MP3. A tag is skipped and does not count.
_MAX_JUNK = 64 * 1024


class NotAnMp3(PermanentError):
    """Raised when the file has no frame of an MP3."""


@dataclass(frozen=True)
class Piece:
    """Whole frames that can be played on their own; `end` is the offset in the file where they end."""

    data: bytes
    seconds: float
    end: int


class _Window:
    """The current part of a stream, and its offset in the file."""

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
        """Removes the next bytes and returns them."""
        data = self.peek(length)
        del self._held[: len(data)]
        self.offset += len(data)
        return data

    def skip(self, length: int) -> None:
        """Skips that many bytes without keeping them in memory."""
        while length > 0 and (data := self.take(min(length, 1 << 20))):
            length -= len(data)


def pieces(chunks: Iterator[bytes], offset: int, *, max_bytes: int, max_seconds: float) -> Iterator[Piece]:
    """Splits `chunks`, which begin at the byte `offset`: the start of the file or of a frame. Raises NotAnMp3."""
    window = _Window(chunks, offset)
    window.skip(mp3.tag_size(window.peek(mp3.TAG_HEADER)))
    data, seconds, junk, found = bytearray(), 0.0, 0, offset > 0
    while header := window.peek(mp3.HEADER):
        current = mp3.header(header)
        if current is None:
            # A tag at the end, or damage: search for the next frame.
            window.skip(1)
            junk += 1
            if junk > _MAX_JUNK and not found:
                break
            continue
        junk, whole = 0, window.peek(current.size)
        if len(whole) < current.size:
            window.skip(len(whole))
            break
        if not found and _is_header(whole):
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
        raise NotAnMp3("The recording is not a readable MP3.")
    if data:
        yield Piece(bytes(data), seconds, window.offset)


def _is_header(first: bytes) -> bool:
    """Whether it is the silent frame with the length of the whole file, which would be wrong in a piece."""
    return any(mark in first[:64] for mark in (b"Xing", b"Info", b"VBRI"))
