"""How long a file says it is, in its own words: ffmpeg corrects the headers of a cut AVI, WAV or WMV by its size."""

import struct
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from . import media

# Advanced Systems Format (ASF) Specification, revision 01.20.03, section 3.2: File Properties Object.
_ASF_HEADER = UUID("75b22630-668e-11cf-a6d9-00aa0062ce6c").bytes_le
_ASF_PROPERTIES = UUID("8cabdca1-a947-11cf-8ee4-00c00c205365").bytes_le
_ASF_BROADCAST = 1
_BOXES = frozenset(
    {b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"mfra", b"sidx", b"ssix", b"free", b"skip", b"wide", b"uuid"}
    | {b"meta", b"udta", b"emsg", b"prft", b"pnot"}
)
# Bytes by which a RIFF's size may be wrong: some writers count its header, or forget the padding.
_RIFF_SLACK = 512
_HEADER = 1 << 16  # bytes in which the headers that we look for are


@dataclass(frozen=True)
class Announcement:
    """What a file promises; `None` where it promises nothing."""

    duration: float | None = None
    """Seconds."""
    size: int | None = None
    """Bytes."""


def read(source: BinaryIO, container: str, listed: float | None) -> Announcement:
    """Reads the promise; leaves `source` anywhere.

    `container` is ffmpeg's name of the demuxer, `listed` the seconds that ffmpeg lists if it read them in a header.
    """
    source.seek(0)
    head = source.read(_HEADER)
    match container:
        case "avi" | "wav":
            return _riff(head)
        case "asf" | "asf_o":
            return _asf(head)
        case "flv":
            return Announcement(listed, _flv_size(head))
        case media.MP4:
            return Announcement(listed, _boxes_end(source))
        case _:
            return Announcement(listed)


def _boxes_end(source: BinaryIO) -> int | None:
    """Where the last box of an MP4 or QuickTime file ends (ISO/IEC 14496-12, 4.2).

    A name that is none of a box is what some cameras write after the end, and ends the search.
    """
    at = 0
    end = None
    while True:
        source.seek(at)
        header = source.read(16)
        if len(header) < 8 or header[4:8] not in _BOXES:
            return end
        size, header_size = int.from_bytes(header[:4], "big"), 8
        if size == 1:
            size, header_size = int.from_bytes(header[8:16], "big"), 16
        if size < header_size:  # 0 is "to the end of the file", a live recording's; others are invalid
            return end
        at += size
        end = at


def _riff(head: bytes) -> Announcement:
    """The size of the first RIFF chunk, and an AVI's `avih`: microseconds a frame and number of frames.

    A recorder that writes to a pipe, or that crashed, leaves 0 or 0xFFFFFFFF.
    """
    if len(head) < 12 or head[:4] != b"RIFF":
        return Announcement()
    (size,) = struct.unpack_from("<I", head, 4)
    promised = size + 8 - _RIFF_SLACK if _RIFF_SLACK < size < 0xFFFFFFFF - 8 else None
    at = head.find(b"avih", 12, 256)
    if promised is None or at < 0 or at + 28 > len(head):
        return Announcement(size=promised)
    microseconds, frames = struct.unpack_from("<I12xI", head, at + 8)
    return Announcement(duration=microseconds * frames / 1e6 or None, size=promised)


def _asf(head: bytes) -> Announcement:
    at = head.find(_ASF_PROPERTIES)
    if not head.startswith(_ASF_HEADER) or at < 0 or at + 92 > len(head):
        return Announcement()
    size, duration, preroll, flags = struct.unpack_from("<Q16xQ8xQI", head, at + 40)
    if flags & _ASF_BROADCAST or not size:
        return Announcement()
    return Announcement(duration=max(0.0, duration / 1e7 - preroll / 1e3) or None, size=size)


def _flv_size(head: bytes) -> int | None:
    """`filesize` of the onMetaData script tag: an AMF0 number, that is 0 and a double (Adobe FLV 10.1, annex E)."""
    name = b"\x00\x08filesize\x00"
    at = head.find(name)
    if at < 0 or at + len(name) + 8 > len(head):
        return None
    (size,) = struct.unpack_from(">d", head, at + len(name))
    return int(size) if 0 < size < 1 << 50 else None
