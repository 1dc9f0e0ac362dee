"""Where in an MP4 or QuickTime file the sound is, by its index (ISO/IEC 14496-12): the pictures are not needed.

Whatever is unusual, or does not fit together, means that all of the file is needed. A stranger wrote the index: what is
read of it is bounded, and nothing but the choice of what to fetch depends on it.
"""

import sys
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# What a file may have at its top level, and of what size the index may be (bytes): ten hours need 20 MB.
_MOST_BOXES = 64
_LARGEST_INDEX = 32 << 20
# Each of them costs a hundred bytes of memory here: ten hours of two tracks have 150,000 chunks, and a box has a few
# others inside.
_MOST_CHUNKS = 200_000
_MOST_INSIDE = 1024
_MOST_TRACKS = 32
# Bytes at the beginning of the tracks that are kept whole: ffmpeg looks at the first pictures to tell what they are.
_HEAD = 4 << 20
# Boxes of files whose samples are not where the index says, or that continue elsewhere.
_UNUSUAL = frozenset({b"moof", b"mvex", b"cmov", b"sidx"})

Read = Callable[[int, int], bytes]


@dataclass(frozen=True)
class _Box:
    name: bytes
    at: int
    """Where it begins, in bytes: with its size, then its name."""
    start: int
    """Where its content begins."""
    end: int


class _Unusual(Exception):
    pass


def needed(read: Read, size: int) -> list[tuple[int, int]] | None:
    """The parts (start and end, in their order) without which the sound cannot be read; None when that is all.

    `read` gives the bytes from one offset up to another one of a file of `size` bytes.
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
        # Up to the next track's chunk, or the end of the data: how large this one is need not be known.
        after = bisect_right(all_chunks, start)
        box = bisect_right(ends, start)
        if box < len(ends):
            kept.append((start, min(all_chunks[after] if after < len(all_chunks) else size, ends[box])))
    return _merged(kept)


def _index(read: Read, boxes: list[_Box]) -> bytes:
    """The index of a file of these boxes."""
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
    """A box from its header: its size, its name, and its real size if the first one is 1; 0 is up to the limit."""
    size, name, start = int.from_bytes(header[:4], "big"), header[4:8], at + 8
    if size == 1:
        size, start = int.from_bytes(header[8:16], "big"), at + 16
    end = limit if size == 0 else at + size
    if name in _UNUSUAL or not start <= end <= limit:
        raise _Unusual
    return _Box(name, at, start, end)


def _inside(data: bytes, box: _Box) -> Iterator[_Box]:
    at, count = box.start, 0
    # What is left may be zeros: QuickTime ends some lists so.
    while box.end - at >= 8:
        count += 1
        if count > _MOST_INSIDE:
            raise _Unusual
        found = _box(data[at : at + 16], at, box.end)
        yield found
        at = found.end


def _find(data: bytes, box: _Box, *names: bytes) -> _Box:
    """The box inside of the box of these names, one in the other; raises _Unusual unless there is one of each."""
    for name in names:
        found = [one for one in _inside(data, box) if one.name == name]
        if len(found) != 1:
            raise _Unusual
        [box] = found
    return box


def _chunks(index: bytes) -> tuple[list[int], list[int]]:
    """Where chunks begin: those of all tracks but pictures (titles of chapters are needed too), and all, in order."""
    kept: set[int] = set()
    every: set[int] = set()
    sound, chunks = False, 0
    for _, media, kind in _tracks(index):
        offsets = _offsets(index, _find(index, media, b"minf", b"stbl"), _MOST_CHUNKS - chunks)
        chunks += len(offsets)
        every.update(offsets)
        if kind != b"vide":
            kept.update(offsets)
        sound = sound or (kind == b"soun" and bool(offsets))
    if not sound:
        raise _Unusual
    return sorted(kept), sorted(every)


def _tracks(index: bytes) -> Iterator[tuple[_Box, _Box, bytes]]:
    """The tracks: the box of each, that of its media, and of what kind it is."""
    tracks = [box for box in _inside(index, _Box(b"moov", 0, 0, len(index))) if box.name == b"trak"]
    if len(tracks) > _MOST_TRACKS:
        raise _Unusual
    for track in tracks:
        media = _find(index, track, b"mdia")
        handler = _find(index, media, b"hdlr")
        yield track, media, index[handler.start + 8 : handler.start + 12]


def _offsets(index: bytes, table: _Box, most: int) -> "array[int]":
    """The track's chunk offsets, at most so many: a count and as many numbers behind version and flags."""
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
