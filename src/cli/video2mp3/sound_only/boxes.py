"""The boxes of MP4 and QuickTime (ISO/IEC 14496-12)."""

from collections.abc import Iterator
from typing import NamedTuple

from video2mp3.sound_only.source import Source, Unsure

# Boxes at the top level (ten hours of fragments have some 100,000), and in another box.
_MOST_TOP = 250_000
_MOST_INSIDE = 256


class Box(NamedTuple):
    name: bytes
    at: int
    """Where its header begins."""
    start: int
    """Where its content begins."""
    end: int


def top_level(source: Source) -> Iterator[Box]:
    """The boxes of a file, which end exactly where it ends; raises Unsure otherwise."""
    at = 0
    for _ in range(_MOST_TOP):
        if at == source.size:
            return
        box = _box(source.get(at, min(16, source.size - at)), at, source.size)
        yield box
        at = box.end
    raise Unsure("There are too many boxes.")


def inside(data: bytes, start: int, end: int) -> list[Box]:
    """The boxes between two offsets; raises Unsure for sizes that are wrong."""
    found: list[Box] = []
    at = start
    # QuickTime ends some lists with a zero of four bytes.
    while end - at >= 8:
        if len(found) >= _MOST_INSIDE:
            raise Unsure("There are too many boxes.")
        box = _box(data[at : min(at + 16, end)], at, end)
        found.append(box)
        at = box.end
    return found


def child(data: bytes, box: Box, *names: bytes) -> Box:
    """The box at the path of these names; raises Unsure unless there is exactly one of each."""
    for name in names:
        found = optional(data, box, name)
        if found is None:
            raise Unsure(f"There is no box {name!r}.")
        box = found
    return box


def optional(data: bytes, box: Box, name: bytes) -> Box | None:
    """The box of this name; raises Unsure when there are several."""
    found = [one for one in inside(data, box.start, box.end) if one.name == name]
    if len(found) > 1:
        raise Unsure(f"There are several boxes {name!r}.")
    return found[0] if found else None


def number(data: bytes, at: int, length: int, end: int) -> int:
    """The unsigned number there; raises Unsure when it does not end before `end`."""
    if at + length > end:
        raise Unsure("A box is too short.")
    return int.from_bytes(data[at : at + length], "big")


def signed(data: bytes, at: int, length: int, end: int) -> int:
    """The signed number there."""
    value = number(data, at, length, end)
    return value - (1 << 8 * length) if value >> (8 * length - 1) else value


def _box(header: bytes, at: int, limit: int) -> Box:
    """Reads a header: a size of 1 is followed by a longer one, and 0 is up to the limit."""
    if len(header) < 8:
        raise Unsure("A box is cut.")
    size, start = int.from_bytes(header[:4], "big"), at + 8
    if size == 1:
        if len(header) < 16:
            raise Unsure("A box is cut.")
        size, start = int.from_bytes(header[8:16], "big"), at + 16
    end = limit if size == 0 else at + size
    if not start <= end <= limit:
        raise Unsure("A box has a wrong size.")
    return Box(header[4:8], at, start, end)
