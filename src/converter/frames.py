"""The frames of an MP3: where each begins, and how far back its sound lies (ISO/IEC 11172-3 and 13818-3, layer III)."""

from collections.abc import Iterator
from dataclasses import dataclass

from common import mp3
from common.errors import TransientError

# Bits of what the side information says about one channel of a granule, and how many of them are before the kind of its
# window, which are four: whether it is a special one, its type, whether it is mixed. MPEG-1's, and the others'.
_GRANULE = (59, 63)
_WINDOW = (33, 38)


class BadFrame(TransientError):
    """Raised when an MP3 of our own encoder is not made of frames, as when it was cut."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a file."""

    start: int
    """Where it is, in bytes."""
    kind: mp3.Header

    @property
    def end(self) -> int:
        """Where the next one is."""
        return self.start + self.kind.size

    @property
    def data(self) -> int:
        """Where its main data begin: not its own sound only, but what frames after it keep here as well."""
        return self.start + self.kind.front


def kind_of(data: bytes) -> mp3.Header:
    """Reads a frame's header; raises BadFrame when it is none."""
    found = mp3.header(data)
    if found is None:
        raise BadFrame("the encoder's MP3 is damaged")
    return found


def frames(data: bytes | bytearray) -> Iterator[Frame]:
    """All frames of an MP3, from behind its ID3 tag to its end; raises BadFrame when something else is among them."""
    known: dict[bytes, mp3.Header] = {}
    at = mp3.tag_size(data)
    while at < len(data):
        header = bytes(data[at : at + mp3.HEADER])
        kind = known.get(header) or known.setdefault(header, kind_of(header))
        frame = Frame(at, kind)
        if frame.end > len(data):
            raise BadFrame("the encoder's MP3 ends inside a frame")
        yield frame
        at = frame.end


def reach(data: bytes | bytearray, frame: Frame) -> int:
    """`main_data_begin`: how many bytes of main data before this frame belong to it."""
    bits, size = _side(data, frame)
    return bits >> size - (9 if frame.kind.mpeg1 else 8)


def windows(data: bytes | bytearray, frame: Frame) -> tuple[int, ...]:
    """The kinds of window of the frame's last granule, one a channel; 0 is the usual one."""
    bits, size = _side(data, frame)
    kind = frame.kind
    found = []
    for channel in range(kind.channels):
        # The granules fill the side information up to its end, the last one's channels in their order.
        at = size - (kind.channels - channel) * _GRANULE[not kind.mpeg1] + _WINDOW[not kind.mpeg1]
        window = bits >> size - at - 4 & 15
        found.append(window if window & 8 else 0)
    return tuple(found)


def _side(data: bytes | bytearray, frame: Frame) -> tuple[int, int]:
    """The side information as a number, and its bits."""
    size = frame.kind.side
    return int.from_bytes(data[frame.data - size : frame.data], "big"), size * 8
