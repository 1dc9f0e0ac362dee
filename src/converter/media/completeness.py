"""Whether a file has all bytes that hold its sound, by the sizes that its own structure declares.

Declared durations are not evidence: some are from before an edit, count from another time, or were never filled in.
Sizes of containers are evidence, unless a writer to a pipe left a placeholder (`converter.media.pcm_headers`).
"""

import struct
from enum import Enum
from typing import BinaryIO
from uuid import UUID

from common.errors import Failure, PermanentError
from converter.media import pcm_headers, probe

# Advanced Systems Format (ASF) Specification, revision 01.20.03, sections 2.1 and 3.
_ASF_HEADER = UUID("75b22630-668e-11cf-a6d9-00aa0062ce6c").bytes_le
_ASF_DATA = UUID("75b22636-668e-11cf-a6d9-00aa0062ce6c").bytes_le
# Boxes of ISO/IEC 14496-12 and QuickTime that may be at the top level.
_BOXES = frozenset(
    {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"mfra", b"sidx", b"ssix", b"free", b"skip", b"wide", b"uuid"}
    | {b"meta", b"udta", b"emsg", b"prft", b"pnot"}
)
# Elements of Matroska (RFC 9559), with their length markers.
_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
# Bytes by which a RIFF's sizes may be wrong: some writers count a header twice, or omit the padding.
_RIFF_SLACK = 512
_HEADER = 1 << 16  # bytes in which FLV's metadata are
# Parts at the top level that are read; ten hours of fragmented MP4 have some 20,000.
_MOST_PARTS = 500_000


class Extent(Enum):
    WHOLE = "whole"
    """All that the structure declares, or nothing is declared."""
    CUT = "cut"
    """Bytes are missing that hold sound."""
    DOUBTFUL = "doubtful"
    """Bytes are missing that may hold sound: only the packets show whether they do."""


def extent(source: BinaryIO, container: str) -> Extent:
    """Moves the position of `source`. `container` is ffmpeg's name of the demuxer."""
    size = source.seek(0, 2)
    match container:
        case probe.MP4:
            return _mp4(source, size)
        case "matroska,webm":
            return _matroska(source, size)
        case "avi":
            return _avi(source, size)
        case "asf" | "asf_o":
            return _asf(source, size)
        case "flv":
            return _flv(source, size)
        case _:
            end = pcm_headers.declared_end(source)
            return Extent.CUT if end is not None and end > size else Extent.WHOLE


def is_short(end: float, declared: float, frame: float) -> bool:
    """Whether a file whose last packet ends at `end` is cut before the `declared` length (seconds).

    Time stamps of pictures, which last `frame` seconds, lag by up to four of them (reordering, and a last one without
    duration).
    """
    return end < declared - max(0.2, min(1.0, declared * 0.05)) - 4 * frame


def incomplete(end: float) -> PermanentError:
    """The error of a file that is cut after so many seconds."""
    return PermanentError(f"This video is incomplete: it ends after {end:.1f} seconds.", Failure.INCOMPLETE)


def _read(source: BinaryIO, at: int, size: int) -> bytes:
    source.seek(at)
    return source.read(size)


def _mp4(source: BinaryIO, size: int) -> Extent:
    """Reads boxes up to one that ends after the file, or up to an unknown name, which some cameras write last."""
    at = 0
    for _ in range(_MOST_PARTS):
        header = _read(source, at, 16)
        if len(header) < 8 or (name := header[4:8]) not in _BOXES:
            break
        length, header_size = int.from_bytes(header[:4], "big"), 8
        if length == 1:
            length, header_size = int.from_bytes(header[8:16], "big"), 16
        if length < header_size:  # 0 is "to the end of the file", a live recording's; others are invalid
            break
        if at + length > size:
            # ffmpeg says which samples of the pictures and the sound are missing.
            return {b"mdat": Extent.DOUBTFUL, b"moov": Extent.CUT, b"moof": Extent.CUT}.get(name, Extent.WHOLE)
        at += length
    return Extent.WHOLE


def _matroska(source: BinaryIO, size: int) -> Extent:
    at = 0
    end = None
    for _ in range(_MOST_PARTS):
        header = _read(source, at, 12)
        name, start = _vint(header, 0, 4, keep_mark=True)
        length, start = _vint(header, start, 8)
        if name is None or length is None:
            break
        at += start
        unknown = length == (1 << 7 * (start - _vint(header, 0, 4)[1])) - 1
        if name == _SEGMENT and end is None:
            if unknown or at + length <= size:
                return Extent.WHOLE
            end = at + length
        elif unknown:
            break
        elif at + length > size:
            return Extent.CUT if name == _CLUSTER else Extent.DOUBTFUL
        else:
            at += length
    return Extent.WHOLE if end is None else Extent.DOUBTFUL


def _vint(data: bytes, at: int, most: int, *, keep_mark: bool = False) -> tuple[int | None, int]:
    """A number of variable length (RFC 8794, section 4), None when it is invalid; and where it ends."""
    if at >= len(data) or not data[at]:
        return None, at
    length = 9 - data[at].bit_length()
    if length > most or at + length > len(data):
        return None, at
    value = int.from_bytes(data[at : at + length], "big")
    return (value if keep_mark else value & (1 << 7 * length) - 1), at + length


def _avi(source: BinaryIO, size: int) -> Extent:
    """Looks for the list of data (`movi`) in each RIFF; an index or padding may be missing."""
    at, riff_end, seen = 0, 0, False
    for _ in range(_MOST_PARTS):
        header = _read(source, at, 12)
        if len(header) < 12:
            break
        name, length, kind = header[:4], int.from_bytes(header[4:8], "little"), header[8:12]
        if at >= riff_end:
            if name != b"RIFF" or pcm_headers.is_placeholder(length):
                return Extent.WHOLE
            riff_end, seen = at + 8 + length, False
            at += 12
            continue
        if name == b"LIST" and kind == b"movi":
            seen = True
            if at + 8 + length > size:
                if pcm_headers.is_placeholder(length):
                    return Extent.WHOLE
                return Extent.CUT if at + 8 + length > size + _RIFF_SLACK else Extent.DOUBTFUL
        at += 8 + length + length % 2
    return Extent.CUT if riff_end > size + _RIFF_SLACK and not seen else Extent.WHOLE


def _asf(source: BinaryIO, size: int) -> Extent:
    at = 0
    for _ in range(_MOST_PARTS):
        header = _read(source, at, 24)
        if len(header) < 24 or (at == 0 and header[:16] != _ASF_HEADER):
            break
        length = int.from_bytes(header[16:24], "little")
        if length < 24:  # a recording that was not finished
            break
        if at + length > size:
            return Extent.CUT if header[:16] in {_ASF_HEADER, _ASF_DATA} else Extent.WHOLE
        at += length
    return Extent.WHOLE


def _flv(source: BinaryIO, size: int) -> Extent:
    """A whole FLV ends with the size of its last tag (Adobe FLV 10.1, annex E.3); `filesize` may be outdated."""
    (last,) = struct.unpack(">I", _read(source, size - 4, 4) if size > 13 else bytes(4))
    if 11 <= last <= size - 17:
        tag = _read(source, size - 4 - last, 4)
        if tag[0] & 0x1F in {8, 9, 18} and int.from_bytes(tag[1:4], "big") == last - 11:
            return Extent.WHOLE
    head = _read(source, 0, _HEADER)
    name = b"\x00\x08filesize\x00"  # an AMF0 number: 0 and a double
    at = head.find(name) + len(name)
    if at < len(name) or at + 8 > len(head):
        return Extent.DOUBTFUL
    (declared,) = struct.unpack_from(">d", head, at)
    return Extent.CUT if size < declared < 1 << 50 else Extent.WHOLE
