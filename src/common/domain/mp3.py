"""The header of an MP3's frame, and the length of the ID3 tag before the first frame.

ISO/IEC 11172-3 section 2.4.1.3 (MPEG-1), 13818-3 for half the sampling rates, MPEG-2.5 for a quarter; layer III only.
"""

import mmap
from dataclasses import dataclass

# bytes.
HEADER = 4
TAG_HEADER = 10
# Samples by which a decoder is late; the delay and the padding in the header of an encoder do not include them.
DECODER_DELAY = 529
_CHECKSUM = 2  # after the header, of frames that have one
# kbit/s by the header's index, which is 0 for "free" and 15 for an invalid one; of MPEG-1, and of the others.
_BITRATES = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
)
# Hertz by the header's index, by version: 3 is MPEG-1, 2 is MPEG-2, 0 is MPEG-2.5.
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_LAYER_III = 1
_MONO = 3


@dataclass(frozen=True, slots=True)
class Header:
    mpeg1: bool
    channels: int
    bitrate: int
    """kbit/s."""
    rate: int
    """Hertz."""
    size: int
    """Bytes of the whole frame."""
    checksum: bool

    @property
    def samples(self) -> int:
        """Samples of each channel."""
        return 1152 if self.mpeg1 else 576

    @property
    def seconds(self) -> float:
        return self.samples / self.rate

    @property
    def side(self) -> int:
        """Bytes of the side information."""
        if self.mpeg1:
            return 17 if self.channels == 1 else 32
        return 9 if self.channels == 1 else 17

    @property
    def front(self) -> int:
        """Bytes before the main data: header, checksum, side information."""
        return HEADER + (_CHECKSUM if self.checksum else 0) + self.side


def header(data: bytes) -> Header | None:
    """The header at the beginning of the data; None when it is invalid, or does not determine the frame's length."""
    word = int.from_bytes(data[:HEADER], "big")
    version, rate_index = word >> 19 & 3, word >> 10 & 3
    if len(data) < HEADER or word >> 21 != 0x7FF or word >> 17 & 3 != _LAYER_III:
        return None
    if version not in _RATES or rate_index == 3:
        return None
    mpeg1 = version == 3
    bitrate, rate = _BITRATES[not mpeg1][word >> 12 & 15], _RATES[version][rate_index]
    if not bitrate:
        return None
    size = (144_000 if mpeg1 else 72_000) * bitrate // rate + (word >> 9 & 1)
    return Header(mpeg1, 1 if word >> 6 & 3 == _MONO else 2, bitrate, rate, size, not word >> 16 & 1)


def tag_size(data: bytes | bytearray | mmap.mmap) -> int:
    """Bytes of the ID3v2 tag at the beginning of the data, 0 without one; needs its first TAG_HEADER bytes.

    The size has seven bits a byte, and excludes a footer (id3.org, "ID3v2.4.0 main structure", section 3.1).
    """
    if len(data) < TAG_HEADER or data[:3] != b"ID3":
        return 0
    size = data[6] << 21 | data[7] << 14 | data[8] << 7 | data[9]
    return TAG_HEADER + size + (TAG_HEADER if data[5] & 0x10 else 0)
