"""The header of an MP3, in a frame of its own before the sound: number of frames, size, seek table, delay.

Xing's fields and LAME's (https://gabriel.mp3-tech.org/mp3infotag.html). ffmpeg writes them; here they are made to fit
what was joined.
"""

import struct
from array import array
from collections.abc import Set as AbstractSet
from itertools import accumulate

import crcmod.predefined

from common.domain import mp3
from converter.mp3 import frames
from converter.mp3.frames import Data
from converter.parallel.joining import NotJoinable

# Offsets from the name, in bytes.
_FRAMES = 8
_TOC = 16
_ENCODER = 120
_NAME = 9
_DELAY = 141
_LENGTH = 148
_MUSIC_CHECKSUM = 152
_CHECKSUM = 154
# Frames, size, seek table: what ffmpeg always writes.
_FLAGS = 7

# CRC-16 with the polynomial 0x8005, as frames have it: feed it the sound, piece by piece.
checksum = crcmod.predefined.mkPredefinedCrcFun("crc-16")


def head(data: Data) -> bytes:
    """What is before the sound of an MP3: its ID3 tag and the header's frame."""
    start = mp3.tag_size(data)
    return bytes(data[: start + frames.kind_of(bytes(data[start : start + mp3.HEADER])).size])


def sound(head: bytes) -> int:
    """The checksum of all frames, as the header has it."""
    at = _name(head) + _MUSIC_CHECKSUM
    return int.from_bytes(head[at : at + 2], "big")


def is_variable(head: bytes) -> bool:
    """Whether the bit rate varies."""
    at = _name(head)
    return head[at : at + 4] == b"Xing"


def samples(head: bytes) -> int:
    """How many samples a decoder gives that removes what the encoder added."""
    at = _name(head)
    count = int.from_bytes(head[at + _FRAMES : at + _FRAMES + 4], "big")
    start = mp3.tag_size(head)
    total = count * frames.kind_of(head[start : start + mp3.HEADER]).samples
    if not any(head[at + _ENCODER : at + _ENCODER + _NAME]):
        return total
    delay, padding = gaps(head)
    return total - delay - max(padding, mp3.DECODER_DELAY)


def gaps(head: bytes) -> tuple[int, int]:
    """The samples that the encoder added before and after the sound."""
    at = _name(head)
    packed = int.from_bytes(head[at + _DELAY : at + _DELAY + 3], "big")
    return packed >> 12, packed & 0xFFF


def rewritten(
    head: bytes, sizes: "array[int]", bitrates: AbstractSet[int], added: tuple[int, int] | None, sound: int
) -> bytes:
    """The ID3 tag and the header `head` of an MP3, for a whole of frames of these sizes.

    `added` is as `gaps` gives it, None where a decoder has to keep all samples; `sound` is the checksum of all frames.
    """
    at = _name(head)
    new = bytearray(head)
    size = len(head) - mp3.tag_size(head) + sum(sizes)
    # By what it is, a variable bit rate that did not vary is a constant one: ffmpeg's rule, and players'.
    new[at : at + 4] = b"Xing" if len(bitrates) > 1 else b"Info"
    struct.pack_into(">II", new, at + _FRAMES, len(sizes), size)
    new[at + _TOC : at + _TOC + 100] = _seek_table(sizes, size)
    if added is None:
        # Without an encoder's name, decoders do not remove what they are late by.
        new[at + _ENCODER : at + _ENCODER + _NAME] = bytes(_NAME)
    delay, padding = added or (0, 0)
    new[at + _DELAY : at + _DELAY + 3] = (delay << 12 | padding).to_bytes(3, "big")
    struct.pack_into(">IH", new, at + _LENGTH, size, sound)
    struct.pack_into(">H", new, at + _CHECKSUM, checksum(bytes(new[mp3.tag_size(head) : at + _CHECKSUM])))
    return bytes(new)


def _name(head: bytes) -> int:
    """Where the header's name is; raises NotJoinable when it is not one of ffmpeg's."""
    start = mp3.tag_size(head)
    at = start + frames.kind_of(head[start : start + mp3.HEADER]).front
    if head[at : at + 4] not in {b"Xing", b"Info"} or head[at + 7] & _FLAGS != _FLAGS or len(head) < at + _CHECKSUM + 2:
        raise NotJoinable("the encoder's MP3 has no header")
    return at


def _seek_table(sizes: "array[int]", size: int) -> bytes:
    """For each hundredth of the time, at which 256th of the file it is."""
    ends = array("Q", accumulate(sizes))
    first = size - ends[-1]
    starts = [first + (ends[frame - 1] if frame else 0) for frame in (len(sizes) * part // 100 for part in range(100))]
    return bytes(min(255, start * 256 // size) for start in starts)
