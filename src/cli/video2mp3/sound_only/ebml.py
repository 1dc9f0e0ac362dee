"""The elements of EBML (RFC 8794), of which Matroska consists."""

import struct
from typing import NamedTuple

from video2mp3.sound_only.source import Source, Unsure

_MOST_INSIDE = 4096


class Element(NamedTuple):
    id: int
    at: int
    start: int
    end: int | None
    """None when its size is unknown, as in live recordings."""


def inside(data: bytes, start: int, end: int | None = None) -> list[Element]:
    """The elements between two offsets of an element that is in memory."""
    limit = len(data) if end is None else end
    source = Source(lambda at, length: data[at : at + length], limit)
    found = []
    at = start
    while at < limit:
        one = element(source, at, limit)
        if one.end is None:
            raise Unsure("An element has an unknown size.")
        found.append(one)
        if len(found) > _MOST_INSIDE:
            raise Unsure("There are too many elements.")
        at = one.end
    return found


def element(source: Source, at: int, limit: int) -> Element:
    """The header of an element (RFC 8794); raises Unsure when it does not end before the limit."""
    head = source.get(at, min(12, limit - at))
    id_length = vint_length(head)
    if id_length > 4 or len(head) <= id_length:
        raise Unsure("An element is cut.")
    length = vint_length(head[id_length:])
    start = id_length + length
    if len(head) < start:
        raise Unsure("An element is cut.")
    size = int.from_bytes(head[id_length:start], "big") & ((1 << 7 * length) - 1)
    unknown = size == (1 << 7 * length) - 1
    if not unknown and at + start + size > limit:
        raise Unsure("An element ends too late.")
    end = None if unknown else at + start + size
    return Element(int.from_bytes(head[:id_length], "big"), at, at + start, end)


def vint_length(head: bytes) -> int:
    if not head or not head[0]:
        raise Unsure("A number is invalid.")
    return 9 - head[0].bit_length()


def header(id_: int, size: int) -> bytes:
    """The header of an element, with a size of eight bytes."""
    return id_.to_bytes((id_.bit_length() + 7) // 8, "big") + ((1 << 56) | size).to_bytes(8, "big")


def real(data: bytes) -> float | None:
    if len(data) not in {4, 8}:
        return None
    (value,) = struct.unpack(">f" if len(data) == 4 else ">d", data)
    return float(value)
