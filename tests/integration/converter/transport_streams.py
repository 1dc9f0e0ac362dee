"""MPEG transport streams with more programs than a broadcaster has (ISO/IEC 13818-1, 2.4.4)."""

import struct
from collections import Counter
from collections.abc import Iterator

_PACKET = 188
_PROGRAMS_PER_SECTION = 250
_TRACKS = 30
_FIRST_MAP_PID, _LAST_TRACK_PID = 0x20, 0x1FF0
_AAC = 0x0F


def with_programs(count: int, size: int) -> bytes:
    """A list of programs, and as many of their tables as fit; all of them name the same tracks, which have no data."""
    counters: Counter[int] = Counter()
    found = b""
    firsts = range(1, count + 1, _PROGRAMS_PER_SECTION)
    for number, first in enumerate(firsts):
        programs = range(first, min(first + _PROGRAMS_PER_SECTION, count + 1))
        listed = b"".join(struct.pack(">HH", one, 0xE000 | _map_pid(one)) for one in programs)
        found += b"".join(_packets(counters, 0, _section(0, 1, number, len(firsts) - 1, listed)))
    tracks = b"".join(struct.pack(">BHH", _AAC, 0xE000 | _LAST_TRACK_PID - one, 0xF000) for one in range(_TRACKS))
    content = struct.pack(">HH", 0xE000 | _LAST_TRACK_PID, 0xF000) + tracks
    for program in range(1, (size - len(found)) // _PACKET + 1):
        found += b"".join(_packets(counters, _map_pid(program), _section(2, program, 0, 0, content)))
    return found


def _map_pid(program: int) -> int:
    return _FIRST_MAP_PID + program % 8000


def _section(table: int, number: int, section: int, last: int, content: bytes) -> bytes:
    head = struct.pack(">BHHBBB", table, 0xB000 | len(content) + 9, number, 0xC1, section, last)
    return head + content + struct.pack(">I", _crc(head + content))


def _packets(counters: Counter[int], pid: int, section: bytes) -> Iterator[bytes]:
    data = b"\0" + section
    for start in range(0, len(data), _PACKET - 4):
        head = struct.pack(">BHB", 0x47, (0 if start else 0x4000) | pid, 0x10 | counters[pid] % 16)
        counters[pid] += 1
        yield (head + data[start : start + _PACKET - 4]).ljust(_PACKET, b"\xff")


def _crc(data: bytes) -> int:
    """CRC-32/MPEG-2."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc
