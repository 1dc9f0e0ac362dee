"""Finds the sound of an MP4 or QuickTime file by its index (ISO/IEC 14496-12): the pictures are not needed.

If anything is unusual or inconsistent, the whole file is needed. The index may be hostile: the amount that is read of
it is limited, and it only decides what is fetched.
"""

import sys
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# Boxes that a file may have at its top level, and the size that its index may have (bytes): ten hours need 20 MB.
_MOST_BOXES = 64
_LARGEST_INDEX = 32 << 20
# Each chunk needs a hundred bytes of memory here: ten hours of two tracks have 150,000 of them. A box has only a few
# other boxes inside.
_MOST_CHUNKS = 200_000
_MOST_INSIDE = 1024
_MOST_TRACKS = 32
# Bytes at the beginning of the data that are always fetched: ffmpeg probes the first pictures.
_HEAD = 4 << 20
# Boxes of files whose samples are not where the index says, or that continue elsewhere.
_UNUSUAL = frozenset({b"moof", b"mvex", b"cmov", b"sidx"})

Read = Callable[[int, int], bytes]


@dataclass(frozen=True)
class _Box:
    name: bytes
    at: int
    """Where its header begins."""
    start: int
    """Where its content begins."""
    end: int


class _Unusual(Exception):
    pass


def needed(read: Read, size: int) -> list[tuple[int, int]] | None:
    """The parts (start and end, in their order) without which the sound cannot be read; None for the whole file.

    `read` returns the bytes between two offsets of a file of `size` bytes.
    """
    try:
        boxes = list(_top(read, size))
        sounds, all_chunks = _chunks(_index(read, boxes))
    except (_Unusual, ValueError, IndexError):
        return None
    data = [box for box in boxes if box.name == b"mdat"]
    kept = [
        (one.end, other.start)
        for one, other in zip([_Box(b"", 0, 0, 0), *data], [*data, _Box(b"", size, size, size)], strict=True)
    ]
    kept += [(box.start, min(box.start + _HEAD, box.end)) for box in data]
    ends = [box.end for box in data]
    for start in sounds:
        # Up to the next chunk of any track, or the end of the data: the size of the chunk is not needed.
        after = bisect_right(all_chunks, start)
        box = bisect_right(ends, start)
        if box < len(ends):
            kept.append((start, min(all_chunks[after] if after < len(all_chunks) else size, ends[box])))
    return _merged(kept)


def _index(read: Read, boxes: list[_Box]) -> bytes:
    [index] = [box for box in boxes if box.name == b"moov"]
    if boxes[0].name != b"ftyp" or index.end - index.start > _LARGEST_INDEX:
        raise _Unusual
    return read(index.start, index.end)


def _top(read: Read, size: int) -> Iterator[_Box]:
    at = 0
    for _ in range(_MOST_BOXES):
        if at == size:
            return
        box = _box(read(at, min(at + 16, size)), at, size)
        yield box
        at = box.end
    raise _Unusual


def _box(header: bytes, at: int, limit: int) -> _Box:
    """Reads the header of a box: its size, its name, and a longer size if the first one is 1; 0 is up to the limit."""
    size, name, start = int.from_bytes(header[:4], "big"), header[4:8], at + 8
    if size == 1:
        size, start = int.from_bytes(header[8:16], "big"), at + 16
    end = limit if size == 0 else at + size
    if name in _UNUSUAL or not start <= end <= limit:
        raise _Unusual
    return _Box(name, at, start, end)


def _inside(data: bytes, box: _Box) -> Iterator[_Box]:
    at, count = box.start, 0
    # QuickTime ends some lists with zeros.
    while box.end - at >= 8:
        count += 1
        if count > _MOST_INSIDE:
            raise _Unusual
        found = _box(data[at : at + 16], at, box.end)
        yield found
        at = found.end


def _find(data: bytes, box: _Box, *names: bytes) -> _Box:
    """The box at the path of these names; raises _Unusual unless there is exactly one of each."""
    for name in names:
        found = [one for one in _inside(data, box) if one.name == name]
        if len(found) != 1:
            raise _Unusual
        [box] = found
    return box


def _chunks(index: bytes) -> tuple[list[int], list[int]]:
    """Where chunks begin: of all tracks except pictures (titles of chapters are needed), and of all tracks."""
    kept: set[int] = set()
    every: set[int] = set()
    sound, chunks = False, 0
    for media, kind in _tracks(index):
        offsets = _offsets(index, _find(index, media, b"minf", b"stbl"), _MOST_CHUNKS - chunks)
        chunks += len(offsets)
        every.update(offsets)
        if kind != b"vide":
            kept.update(offsets)
        sound = sound or (kind == b"soun" and bool(offsets))
    if not sound:
        raise _Unusual
    return sorted(kept), sorted(every)


def _tracks(index: bytes) -> Iterator[tuple[_Box, bytes]]:
    """For each track, the box of its media, and its handler."""
    tracks = [box for box in _inside(index, _Box(b"moov", 0, 0, len(index))) if box.name == b"trak"]
    if len(tracks) > _MOST_TRACKS:
        raise _Unusual
    for track in tracks:
        media = _find(index, track, b"mdia")
        handler = _find(index, media, b"hdlr")
        yield media, index[handler.start + 8 : handler.start + 12]


def _offsets(index: bytes, table: _Box, most: int) -> "array[int]":
    """The track's chunk offsets, which follow version, flags and a count; raises _Unusual for more than `most`."""
    [box] = [one for one in _inside(index, table) if one.name in {b"stco", b"co64"}]
    offsets = array("I" if box.name == b"stco" else "Q")
    count = int.from_bytes(index[box.start + 4 : box.start + 8], "big")
    content = index[box.start + 8 : box.end]
    if count > most or count * offsets.itemsize > len(content):
        raise _Unusual
    offsets.frombytes(content[: count * offsets.itemsize])
    if sys.byteorder == "little":
        offsets.byteswap()
    return offsets


def _merged(parts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(part for part in parts if part[0] < part[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
