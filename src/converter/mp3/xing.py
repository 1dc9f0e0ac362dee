"""The header of an MP3, in a separate frame before the sound: number of frames, size, seek table, delay.

Xing's fields and LAME's (https://gabriel.mp3-tech.org/mp3infotag.html). ffmpeg writes them; this module changes them to
describe frames that were joined or copied.
"""

import struct
from array import array
from collections.abc import Set as AbstractSet
from itertools import accumulate

import crcmod.predefined

from common.domain import mp3
from converter.mp3 import frames
from converter.mp3.frames import BadFrame, Data

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
    """The part of an MP3 before its sound: the ID3 tag and the header's frame."""
    start = mp3.tag_size(data)
    return bytes(data[: start + frames.kind_of(bytes(data[start : start + mp3.HEADER])).size])


def sound(head: bytes) -> int:
    """The checksum of all frames, from the header."""
    at = _name(head) + _MUSIC_CHECKSUM
    return int.from_bytes(head[at : at + 2], "big")


def duration(head: bytes) -> float:
    """Seconds of sound, without the samples that the encoder added, which a decoder removes."""
    at, start = _name(head), mp3.tag_size(head)
    kind = frames.kind_of(head[start : start + mp3.HEADER])
    samples = int.from_bytes(head[at + _FRAMES : at + _FRAMES + 4], "big") * kind.samples
    if any(head[at + _ENCODER : at + _ENCODER + _NAME]):
        delay, padding = gaps(head)
        samples -= delay + max(padding, mp3.DECODER_DELAY)
    return samples / kind.rate


def gaps(head: bytes) -> tuple[int, int]:
    """The samples that the encoder added before and after the sound."""
    at = _name(head)
    packed = int.from_bytes(head[at + _DELAY : at + _DELAY + 3], "big")
    return packed >> 12, packed & 0xFFF


def rewritten(
    head: bytes, sizes: "array[int]", bitrates: AbstractSet[int], added: tuple[int, int] | None, sound: int
) -> bytes:
    """The ID3 tag and the header `head`, changed to describe frames of these sizes.

    `added` is as `gaps` returns it, None if decoders must keep all samples; `sound` is the checksum of all frames.
    """
    at = _name(head)
    new = bytearray(head)
    size = len(head) - mp3.tag_size(head) + sum(sizes)
    # A variable bit rate that did not vary counts as constant, for ffmpeg and for players.
    new[at : at + 4] = b"Xing" if len(bitrates) > 1 else b"Info"
    struct.pack_into(">II", new, at + _FRAMES, len(sizes), size)
    new[at + _TOC : at + _TOC + 100] = _seek_table(sizes, size)
    if added is None:
        # Without an encoder's name, decoders do not remove their own delay.
        new[at + _ENCODER : at + _ENCODER + _NAME] = bytes(_NAME)
    delay, padding = added or (0, 0)
    new[at + _DELAY : at + _DELAY + 3] = (delay << 12 | padding).to_bytes(3, "big")
    struct.pack_into(">IH", new, at + _LENGTH, size, sound)
    struct.pack_into(">H", new, at + _CHECKSUM, checksum(bytes(new[mp3.tag_size(head) : at + _CHECKSUM])))
    return bytes(new)


def _name(head: bytes) -> int:
    """Where the header's name is; raises BadFrame when it is not a header of ffmpeg."""
    start = mp3.tag_size(head)
    at = start + frames.kind_of(head[start : start + mp3.HEADER]).front
    if head[at : at + 4] not in {b"Xing", b"Info"} or head[at + 7] & _FLAGS != _FLAGS or len(head) < at + _CHECKSUM + 2:
        raise BadFrame("the MP3 has no header")
    return at


def _seek_table(sizes: "array[int]", size: int) -> bytes:
    """The position of each hundredth of the time, in 256ths of the file."""
    ends = array("Q", accumulate(sizes))
    first = size - ends[-1]
    starts = [first + (ends[frame - 1] if frame else 0) for frame in (len(sizes) * part // 100 for part in range(100))]
    return bytes(min(255, start * 256 // size) for start in starts)
