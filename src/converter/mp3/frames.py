"""The frames of an MP3: where each begins, and how far back its sound lies (ISO/IEC 11172-3 and 13818-3, layer III)."""

import mmap
from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from common.domain import mp3
from common.errors import TransientError

# Bits of the side information for one channel of a granule, in MPEG-1 and in the other versions; and the bits before
# the four that describe its window: whether it is a special one, its type, whether it is mixed.
GRANULE = (59, 63)
_WINDOW = (33, 38)

# An MP3, or its file in memory.
Data = bytes | bytearray | mmap.mmap

# Frames after which their memory is released: some 5 MB at most.
_BLOCK = 4096


class BadFrame(TransientError):
    """An MP3 is not made of frames, for example because it was cut."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a file; all positions are in bytes."""

    start: int
    kind: mp3.Header

    @property
    def end(self) -> int:
        return self.start + self.kind.size

    @property
    def data(self) -> int:
        """Where its main data begin: its own, and those of later frames."""
        return self.start + self.kind.front


def kind_of(data: bytes) -> mp3.Header:
    """Reads a frame's header; raises BadFrame when the data are not one."""
    found = mp3.header(data)
    if found is None:
        raise BadFrame("the MP3 is damaged")
    return found


class Frames:
    """The frames of an MP3 after the first one, which holds the header of Xing and LAME; 12 bytes of memory each.

    Raises BadFrame as `frames` does.
    """

    def __init__(self, data: Data) -> None:
        self._starts = array("Q")
        self._headers = array("I")
        self._kinds: dict[int, mp3.Header] = {}
        for number, frame in enumerate(frames(data)):
            if number % _BLOCK == 0:
                forget(data, frame.start)
            header = int.from_bytes(data[frame.start : frame.start + mp3.HEADER], "big")
            self._kinds.setdefault(header, frame.kind)
            self._starts.append(frame.start)
            self._headers.append(header)
        del self._starts[:1], self._headers[:1]
        forget(data, len(data))

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, number: int) -> Frame:
        return Frame(self._starts[number], self._kinds[self._headers[number]])


def frames(data: Data) -> Iterator[Frame]:
    """All frames of an MP3, from its ID3 tag to its end; raises BadFrame when something else is among them."""
    known: dict[bytes, mp3.Header] = {}
    at = mp3.tag_size(data)
    while at < len(data):
        header = bytes(data[at : at + mp3.HEADER])
        kind = known.get(header) or known.setdefault(header, kind_of(header))
        frame = Frame(at, kind)
        if frame.end > len(data):
            raise BadFrame("the MP3 ends inside a frame")
        yield frame
        at = frame.end


def forget(data: Data, end: int) -> None:
    """Releases the memory of a file before that byte; changes there are lost, unless they are written to the file."""
    if isinstance(data, mmap.mmap) and (length := end // mmap.PAGESIZE * mmap.PAGESIZE):
        data.madvise(mmap.MADV_DONTNEED, 0, length)


def reach(data: Data, frame: Frame) -> int:
    """`main_data_begin`: the bytes of main data before this frame that belong to it."""
    bits, size = _side(data, frame)
    return bits >> size - (9 if frame.kind.mpeg1 else 8)


def windows(data: Data, frame: Frame) -> tuple[int, ...]:
    """The kind of window of each channel in the frame's last granule; 0 is the usual one."""
    bits, size = _side(data, frame)
    kind = frame.kind
    found = []
    for channel in range(kind.channels):
        # The granules fill the side information up to its end, the last one's channels in their order.
        at = size - (kind.channels - channel) * GRANULE[not kind.mpeg1] + _WINDOW[not kind.mpeg1]
        window = bits >> size - at - 4 & 15
        found.append(window if window & 8 else 0)
    return tuple(found)


def _side(data: Data, frame: Frame) -> tuple[int, int]:
    """The side information as a number, and its length in bits."""
    size = frame.kind.side
    return int.from_bytes(data[frame.data - size : frame.data], "big"), size * 8
