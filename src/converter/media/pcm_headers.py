"""Sizes in the headers of uncompressed sound: WAV, RF64, W64, AIFF, AU and CAF.

A program that writes to a pipe cannot go back to fill in the size, and leaves a placeholder; one that crashes leaves
0. ffmpeg reads most of them as "to the end", refuses some, and marks the last packet as damaged. So the real size
replaces them.
"""

import struct
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

# How far a placeholder may be from 1 << 31 or 1 << 32, because writers subtract or add their headers: 0x7FFFF000 (SoX),
# 0x7FFFFFFF, 0x80000000 (arecord), 0xFFFFFFFF (ffmpeg), 0xFFFFFFDB and similar ones.
_NEAR = 1 << 16
_MOST_CHUNKS = 1000
# Microsoft/Sony Wave64: the GUIDs of the file and of its data; sizes include the 24 bytes before the content.
_W64_RIFF = UUID("66666972-912e-11cf-a5d6-28db04c10000").bytes_le
_W64_DATA = UUID("61746164-acf3-11d3-8cd1-00c04f8edb8a").bytes_le


@dataclass(frozen=True)
class _Field:
    """A size in a header. Positions are in bytes."""

    at: int
    form: str
    """For `struct`."""
    value: int
    start: int
    """Where the samples begin."""
    before: int = 0
    """Bytes before the samples that the size includes."""

    @property
    def end(self) -> int:
        """Where the samples end."""
        return self.start - self.before + self.value

    @property
    def unknown(self) -> bool:
        wide = struct.calcsize(self.form) == 8
        return self.value <= self.before or (self.value >= 1 << 62 if wide else False) or is_placeholder(self.value)


def is_placeholder(size: int) -> bool:
    return size == 0 or abs(size - (1 << 31)) < _NEAR or 0 <= (1 << 32) - size < _NEAR


def declared_end(source: BinaryIO) -> int | None:
    """Where the samples end according to the header, in bytes; None for another format and for a placeholder."""
    field = _size(source)
    return None if field is None or field.unknown else field.end


def correct(source: BinaryIO) -> bool:
    """Replaces a placeholder by the real size; true when it changed the file, which has to be writable."""
    field = _size(source)
    size = source.seek(0, 2)
    if field is None or not field.unknown or size <= field.start:
        return False
    real = size - field.start + field.before
    most = (1 << 8 * struct.calcsize(field.form) - 1) - 1
    source.seek(field.at)
    source.write(struct.pack(field.form, min(real, most)))
    frames = _chunk(source, 12, b"COMM", ">I")
    if frames is not None and source.seek(0) == 0 and source.read(4) == b"FORM":
        # The number of samples of an AIFF follows the number of channels. ffmpeg refuses -1, and ignores 0.
        source.seek(frames.start + 2)
        source.write(bytes(4))
    source.flush()
    return True


def _size(source: BinaryIO) -> _Field | None:
    source.seek(0)
    head = source.read(40)
    if head[:4] in {b"RIFF", b"RF64", b"BW64"} and head[8:12] == b"WAVE":
        return _wav(source, head)
    if head[:4] == b"FORM" and head[8:12] in {b"AIFF", b"AIFC"}:
        return _chunk(source, 12, b"SSND", ">I", before=8)
    if head[:4] == b"caff":
        return _chunk(source, 8, b"data", ">q", before=4)
    if head[:4] == b".snd" and len(head) >= 12:
        start, size = struct.unpack_from(">II", head, 4)
        return _Field(8, ">I", size, start)
    if head[:16] == _W64_RIFF:
        return _chunk(source, 40, _W64_DATA, "<Q", inclusive=True)
    return None


def _wav(source: BinaryIO, head: bytes) -> _Field | None:
    data = _chunk(source, 12, b"data", "<I")
    if data is None or head[:4] == b"RIFF" or head[12:16] != b"ds64" or len(head) < 36:
        return data
    # EBU Tech 3306: the size of the data is in `ds64`, after the size of the file.
    return _Field(28, "<Q", int.from_bytes(head[28:36], "little"), data.start)


def _chunk(
    source: BinaryIO, at: int, wanted: bytes, form: str, *, before: int = 0, inclusive: bool = False
) -> _Field | None:
    """The size of the wanted chunk, searched from `at`; `before` are bytes of its content before the samples."""
    width = struct.calcsize(form)
    for _ in range(_MOST_CHUNKS):
        source.seek(at)
        header = source.read(len(wanted) + width)
        if len(header) < len(wanted) + width:
            return None
        (size,) = struct.unpack_from(form, header, len(wanted))
        size %= 1 << 8 * width
        start = at + len(header)
        if header.startswith(wanted):
            extra = len(header) if inclusive else before
            return _Field(at + len(wanted), form.replace("q", "Q"), size, start + before, extra)
        step = size - len(header) if inclusive else size
        if step < 0:
            return None
        at = start + step
        at += -at % 8 if inclusive else (at % 2 if width == 4 else 0)
    return None
