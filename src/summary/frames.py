"""Cuts an MP3 into pieces at its frames' boundaries, as a stream and without decoding it.

The header of a frame says how long it is: ISO/IEC 11172-3, section 2.4.1.3, and 13818-3 for the lower sampling rates. A
piece begins without the bits that its first frames borrow from the ones before (the bit reservoir): a decoder leaves
out up to 50 ms there.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from common.errors import PermanentError

_HEADER = 4
# kbit/s by index; MPEG-1 layer III, and MPEG-2 and 2.5 layer III. 0 is "free", which nobody uses.
_BITRATES = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
    0: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
# Hz by index.
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
# bytes without any frame after which it is no MP3. A tag is skipped by its length and does not count.
_MOST_JUNK = 64 * 1024
_LAYER_III = 1


class NotAnMp3(PermanentError):
    """Raised when no frame of an MP3 can be found."""


@dataclass(frozen=True)
class Frame:
    """What a frame's header says: bytes and seconds."""

    length: int
    seconds: float


@dataclass(frozen=True)
class Piece:
    """Whole frames that can be played by themselves, and where they end in the file."""

    data: bytes
    seconds: float
    end: int


def frame(header: bytes) -> Frame | None:
    """The frame that these four bytes begin; None when they begin none."""
    if len(header) < _HEADER or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    rate_index = header[2] >> 2 & 3
    if version not in _RATES or layer != _LAYER_III or rate_index == 3:
        return None
    bitrate, rate = _BITRATES[version][header[2] >> 4] * 1000, _RATES[version][rate_index]
    if not bitrate:
        return None
    samples = 1152 if version == 3 else 576
    return Frame(samples // 8 * bitrate // rate + (header[2] >> 1 & 1), samples / rate)


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
    _skip_tag(window)
    data, seconds, junk, found = bytearray(), 0.0, 0, offset > 0
    while header := window.peek(_HEADER):
        current = frame(header)
        if current is None:
            # A tag at the end, or damage: the next frame is looked for.
            window.skip(1)
            junk += 1
            if junk > _MOST_JUNK and not found:
                break
            continue
        junk, whole = 0, window.peek(current.length)
        if len(whole) < current.length:
            window.skip(len(whole))
            break
        if not found and _tells_length(whole):
            found = True
            window.skip(current.length)
            continue
        found = True
        if data and (len(data) + len(whole) > max_bytes or seconds + current.seconds > max_seconds):
            yield Piece(bytes(data), seconds, window.offset)
            data, seconds = bytearray(), 0.0
        data += window.take(current.length)
        seconds += current.seconds
    if not found:
        raise NotAnMp3("The recording is no MP3 that can be read.")
    if data:
        yield Piece(bytes(data), seconds, window.offset)


def _skip_tag(window: _Window) -> None:
    """An ID3v2 tag, whose length has seven bits a byte (id3.org, "ID3v2.4.0 main structure", section 3.1)."""
    head = window.peek(10)
    if len(head) == 10 and head[:3] == b"ID3":
        length = 0
        for byte in head[6:10]:
            length = length << 7 | byte & 0x7F
        window.skip(10 + length + (10 if head[5] & 0x10 else 0))


def _tells_length(first: bytes) -> bool:
    """Whether it is the frame without sound that tells the length of the whole file, which a piece does not have."""
    return any(mark in first[:64] for mark in (b"Xing", b"Info", b"VBRI"))
