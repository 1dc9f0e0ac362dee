"""Whether the frames of an MP3 fit together, so that every decoder plays all of them.

The main data of a frame may begin in the frames before it: where one is damaged, or missing, those after it usually
lack what it held, or find data that are not theirs.
"""

from array import array
from dataclasses import dataclass, field
from typing import NamedTuple

from common.domain import mp3
from converter.mp3 import frames
from converter.mp3.frames import Data

# Bits of the side information for one channel of a granule: at their beginning the length of its main data in bits, and
# the number of its pairs of large values, of which there can be 288. MPEG-1's, and the others'.
_GRANULE = (59, 63)
_LENGTH, _PAIRS = 12, 9
_LENGTHS, _MOST_PAIRS = (1 << _LENGTH) - 1, 288
# Names of headers that look like a frame of silence, and where a decoder looks for the last one, in bytes.
_HEADERS = (b"Xing", b"Info")
_VBRI, _VBRI_AT = b"VBRI", 36
# Frames after which their memory is given back.
_BLOCK = 4096


class Unsound(Exception):
    """Raised when frames do not fit together, with what is wrong for the log."""


@dataclass
class Stream:
    """Frames that fit together."""

    kind: mp3.Header
    """The first one's."""
    sizes: "array[int]" = field(default_factory=lambda: array("H"))
    bitrates: set[int] = field(default_factory=set)


class _Layout(NamedTuple):
    """Where the parts of a frame are that begins with a certain header."""

    size: int
    side: int
    main: int
    reach: int
    """How far to shift the side information for the number of bytes before the frame that belong to it."""
    granules: tuple[int, ...]
    """The same for the numbers of each channel of each granule."""


def check(data: Data, start: int) -> Stream:
    """Looks at all frames from that byte on; raises Unsound, and BadFrame when something else is among them."""
    stream = Stream(frames.kind_of(bytes(data[start : start + mp3.HEADER])))
    layouts: dict[bytes, _Layout] = {}
    # Bytes of main data before the frame that belong to none so far.
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
            raise Unsound(f"the frame at byte {at} lacks data that should be before it")
        used = 0
        for shift in granules:
            granule = numbers >> shift
            if granule & (1 << _PAIRS) - 1 > _MOST_PAIRS:
                raise Unsound(f"the frame at byte {at} is damaged")
            used += granule >> _PAIRS & _LENGTHS
        # Data are in the order of the frames; one without any takes no place among them.
        free = (needed if used else free) + size - main - (used + 7 >> 3)
        if free < 0 or at + size > end:
            raise Unsound(f"the frame at byte {at} has less data than it needs")
        if not used and (
            data[at + main : at + main + 4] in _HEADERS or data[at + _VBRI_AT : at + _VBRI_AT + 4] == _VBRI
        ):
            raise Unsound(f"the frame at byte {at} is a header without sound")
        stream.sizes.append(size)
        at += size
        if len(stream.sizes) % _BLOCK == 0:
            frames.forget(data, at)
    return stream


def _layout(header: bytes, stream: Stream) -> _Layout:
    kind = frames.kind_of(header)
    if (kind.rate, kind.channels) != (stream.kind.rate, stream.kind.channels):
        raise Unsound("the sample rate or the number of channels changes")
    stream.bitrates.add(kind.bitrate)
    size = _GRANULE[not kind.mpeg1]
    count = kind.channels * (2 if kind.mpeg1 else 1)
    return _Layout(
        size=kind.size,
        side=kind.front - kind.side,
        main=kind.front,
        reach=kind.side * 8 - (9 if kind.mpeg1 else 8),
        granules=tuple(size * (number + 1) - _LENGTH - _PAIRS for number in range(count)),
    )
