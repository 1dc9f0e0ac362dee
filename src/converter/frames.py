"""The frames of an MP3: where each begins, and how far back its sound lies (ISO/IEC 11172-3 and 13818-3, layer III)."""

from collections.abc import Iterator
from dataclasses import dataclass

from common.errors import TransientError

# kbit/s by the header's index; MPEG-1, and MPEG-2 with its half sampling rates.
_BITRATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
)
# Hertz by the header's index.
_RATES = ((44100, 48000, 32000), (22050, 24000, 16000))
_HEADER = 4  # bytes
_CHECKSUM = 2  # bytes after the header, of frames that have one
# Bits of what the side information says about one channel of a granule, and how many of them are before the kind of its
# window, which are four: whether it is a special one, its type, whether it is mixed. MPEG-1's, and MPEG-2's.
_GRANULE = (59, 63)
_WINDOW = (33, 38)


class BadFrame(TransientError):
    """Raised when an MP3 of our own encoder is not made of frames, as when it was cut."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the header of a frame says, and what follows from it."""

    mpeg2: bool
    channels: int
    bitrate: int
    """kbit/s."""
    size: int
    """Bytes of the whole frame."""
    checksum: bool

    @property
    def samples(self) -> int:
        """Of each channel."""
        return 576 if self.mpeg2 else 1152

    @property
    def side(self) -> int:
        """Bytes of the side information."""
        if self.mpeg2:
            return 9 if self.channels == 1 else 17
        return 17 if self.channels == 1 else 32

    @property
    def front(self) -> int:
        """Bytes before the main data: header, checksum, side information."""
        return _HEADER + (_CHECKSUM if self.checksum else 0) + self.side


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame of a file."""

    start: int
    """Where it is, in bytes."""
    kind: Kind

    @property
    def end(self) -> int:
        """Where the next one is."""
        return self.start + self.kind.size

    @property
    def data(self) -> int:
        """Where its main data begin: not its own sound only, but what frames after it keep here as well."""
        return self.start + self.kind.front


def kind_of(header: bytes) -> Kind:
    """Reads the four bytes of a header; raises BadFrame when they are none."""
    word = int.from_bytes(header[:_HEADER], "big")
    version, layer = word >> 19 & 3, word >> 17 & 3
    rate, speed = word >> 10 & 3, word >> 12 & 15
    # Version 3 is MPEG-1, 2 is MPEG-2; MPEG-2.5 has no sampling rate that we write.
    if len(header) < _HEADER or word >> 21 != 0x7FF or version < 2 or layer != 1 or rate == 3 or speed in {0, 15}:
        raise BadFrame("the encoder's MP3 is damaged")
    mpeg2 = version == 2
    bitrate, hertz = _BITRATES[mpeg2][speed], _RATES[mpeg2][rate]
    size = (72_000 if mpeg2 else 144_000) * bitrate // hertz + (word >> 9 & 1)
    return Kind(mpeg2, 1 if word >> 6 & 3 == 3 else 2, bitrate, size, not word >> 16 & 1)


def frames(data: bytes | bytearray) -> Iterator[Frame]:
    """All frames of an MP3, from behind its ID3 tag to its end; raises BadFrame when something else is among them."""
    known: dict[bytes, Kind] = {}
    at = first(data)
    while at < len(data):
        header = bytes(data[at : at + _HEADER])
        kind = known.get(header) or known.setdefault(header, kind_of(header))
        frame = Frame(at, kind)
        if frame.end > len(data):
            raise BadFrame("the encoder's MP3 ends inside a frame")
        yield frame
        at = frame.end


def first(data: bytes | bytearray) -> int:
    """Where the ID3v2 tag at the file's start ends: its size has seven bits a byte (ID3v2.3, section 3.1)."""
    if data[:3] != b"ID3":
        return 0
    return 10 + (data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9])


def reach(data: bytes | bytearray, frame: Frame) -> int:
    """`main_data_begin`: how many bytes of main data before this frame belong to it."""
    bits, size = _side(data, frame)
    return bits >> size - (8 if frame.kind.mpeg2 else 9)


def windows(data: bytes | bytearray, frame: Frame) -> tuple[int, ...]:
    """The kinds of window of the frame's last granule, one a channel; 0 is the usual one."""
    bits, size = _side(data, frame)
    kind = frame.kind
    found = []
    for channel in range(kind.channels):
        # The granules fill the side information up to its end, the last one's channels in their order.
        at = size - (kind.channels - channel) * _GRANULE[kind.mpeg2] + _WINDOW[kind.mpeg2]
        window = bits >> size - at - 4 & 15
        found.append(window if window & 8 else 0)
    return tuple(found)


def _side(data: bytes | bytearray, frame: Frame) -> tuple[int, int]:
    """The side information as a number, and its bits."""
    size = frame.kind.side
    return int.from_bytes(data[frame.data - size : frame.data], "big"), size * 8
