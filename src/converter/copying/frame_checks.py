"""Whether the frames of an MP3 fit together, so that every decoder plays all of them.

The main data of a frame may begin in the frames before it. Where one is damaged or missing, those after it usually
lack data, or find data of another frame.
"""

from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

from common.domain import mp3
from converter.mp3 import frames
from converter.mp3.frames import Data

# Bits at the beginning of the side information for one channel of a granule: the length of its main data in bits, and
# the number of its pairs of large values, of which there can be 288.
_LENGTH, _PAIRS = 12, 9
_FIELDS, _MOST_PAIRS = (1 << _LENGTH + _PAIRS) - 1, 288
# Names of headers that look like a frame of silence, and where a decoder expects the last one, in bytes.
_HEADERS = (b"Xing", b"Info")
_VBRI, _VBRI_AT = b"VBRI", 36
# Frames after which their memory is released.
_BLOCK = 4096


class NotCopyable(Exception):
    """A copy would not be the same sound, with the reason for the log."""


@dataclass
class Stream:
    kind: mp3.Header
    """The header of the first one."""
    sizes: "array[int]" = field(default_factory=lambda: array("H"))
    bitrates: set[int] = field(default_factory=set)


class _Layout(NamedTuple):
    """The layout of all frames that begin with the same header."""

    size: int
    side: int
    """Where the side information begins."""
    main: int
    """Where the main data begin."""
    reach: int
    """Bits to shift the side information by to get the number of bytes before the frame that belong to it."""
    granules: tuple[int, ...]
    """Bits to shift it by to get the fields of each channel of each granule."""


def check(data: Data, start: int) -> Stream:
    """Checks all frames from that byte on; raises NotCopyable, and BadFrame when something else is among them."""
    stream = Stream(frames.kind_of(bytes(data[start : start + mp3.HEADER])))
    layouts: dict[bytes, _Layout] = {}
    # Bytes of main data before the frame that belong to no frame so far.
    free = 0
    at, end = start, len(data)
    while at < end:
        header = bytes(data[at : at + mp3.HEADER])
        layout = layouts.get(header)
        if layout is None:
            layout = layouts[header] = _layout(header, stream)
        size, side, main, reach, granules = layout
        numbers = int.from_bytes(data[at + side : at + main], "big")
        needed = numbers >> reach
        if needed > free:
            raise NotCopyable(f"the frame at byte {at} lacks data that should be before it")
        used = 0
        for shift in granules:
            granule = numbers >> shift & _FIELDS
            if granule & (1 << _PAIRS) - 1 > _MOST_PAIRS:
                raise NotCopyable(f"the frame at byte {at} is damaged")
            used += granule >> _PAIRS
        # Data are in the order of the frames; a frame without data does not change it.
        free = (needed if used else free) + size - main - (used + 7 >> 3)
        if free < 0 or at + size > end:
            raise NotCopyable(f"the frame at byte {at} has less data than it needs")
        if not used and (
            data[at + main : at + main + 4] in _HEADERS or data[at + _VBRI_AT : at + _VBRI_AT + 4] == _VBRI
        ):
            raise NotCopyable(f"the frame at byte {at} is a header without sound")
        stream.sizes.append(size)
        at += size
        if len(stream.sizes) % _BLOCK == 0:
            frames.forget(data, at)
    return stream


def _layout(header: bytes, stream: Stream) -> _Layout:
    kind = frames.kind_of(header)
    if (kind.rate, kind.channels) != (stream.kind.rate, stream.kind.channels):
        raise NotCopyable("the sample rate or the number of channels changes")
    stream.bitrates.add(kind.bitrate)
    size = frames.GRANULE[not kind.mpeg1]
    count = kind.channels * (2 if kind.mpeg1 else 1)
    return _Layout(
        size=kind.size,
        side=kind.front - kind.side,
        main=kind.front,
        reach=kind.side * 8 - (9 if kind.mpeg1 else 8),
        granules=tuple(size * (number + 1) - _LENGTH - _PAIRS for number in range(count)),
    )
