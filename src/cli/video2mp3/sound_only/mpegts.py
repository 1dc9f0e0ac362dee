"""MPEG transport streams (ISO/IEC 13818-1), also with the time code of M2TS: all packets but those with pictures."""

from dataclasses import dataclass, field

from video2mp3.sound_only.found import Found, microseconds
from video2mp3.sound_only.plan import Plan
from video2mp3.sound_only.source import WINDOW, Source, Unsure

_SYNC = 0x47
_PACKET = 188
_NULL = 0x1FFF
# Types of streams with pictures: MPEG-1, 2 and 4, H.264 to H.266, JPEG 2000, AVS, Dirac, VC-1.
_PICTURES = frozenset({0x01, 0x02, 0x10, 0x1B, 0x1E, 0x1F, 0x20, 0x21, 0x24, 0x25, 0x27, 0x33, 0x42, 0xD1, 0xD2, 0xEA})
# bytes in which the program is listed.
_PROBE = 8 << 20
_CLOCK = 90_000
# Of the 33 bits of a time stamp: close to the end, ffmpeg lets times begin below zero.
_LATEST = (1 << 33) - (1 << 30)


@dataclass
class _Program:
    packet: int
    """Bytes of a packet."""
    before: int
    """Bytes in a packet before the sync byte."""
    map_id: int | None = None
    tables: dict[int, bytes] = field(default_factory=dict)
    """The sections that list the program (by their PID): they must not change."""
    pictures: set[int] = field(default_factory=set)
    others: set[int] = field(default_factory=set)
    first: dict[int, int] = field(default_factory=dict)
    """The first time stamp of each stream of pictures."""


def packet_size(head: bytes) -> tuple[int, int] | None:
    """The bytes of a packet, and of those before the sync byte; None if it is no transport stream."""
    for size, before in ((_PACKET, 0), (_PACKET + 4, 4)):
        if len(head) > before + 2 * size and all(head[before + number * size] == _SYNC for number in range(3)):
            return size, before
    return None


def extract(source: Source) -> Found:
    """Raises Unsure when the whole file has to be sent."""
    shape = packet_size(source.get(0, min(400, source.size)))
    if shape is None or source.size % shape[0]:
        raise Unsure("There are incomplete packets.")
    program = _Program(*shape)
    step = WINDOW // program.packet * program.packet
    for at in range(0, min(source.size, _PROBE), step):
        _find_program(program, source.load(at, min(step, source.size - at)))
    if not program.pictures or not program.others or program.pictures & program.others:
        raise Unsure("There is no sound, or there are no pictures.")
    plan = Plan()
    for at in range(0, source.size, step):
        _keep(program, plan, at, source.load(at, min(step, source.size - at)))
    if not program.first or max(program.first.values()) >= _LATEST:
        raise Unsure("The pictures have no time stamps, or unusual ones.")
    return Found(plan, microseconds(min(program.first.values()), _CLOCK), None)


def _find_program(program: _Program, data: bytes) -> None:
    """Reads the tables of the program, until both are known."""
    for at in range(program.before, len(data), program.packet):
        if len(program.tables) == 2:
            return
        pid = (data[at + 1] & 31) << 8 | data[at + 2]
        if not data[at + 1] & 0x40 or pid not in {0, program.map_id} or pid in program.tables:
            continue
        section = _section(data[at : at + _PACKET])
        program.tables[pid] = section
        if pid == 0:
            _read_programs(program, section)
        else:
            _read_streams(program, section)


def _keep(program: _Program, plan: Plan, start: int, data: bytes) -> None:
    """Appends the packets without pictures; raises Unsure when the program changes."""
    size, before = program.packet, program.before
    count = len(data) // size
    if data[before::size].count(_SYNC) != count:
        raise Unsure("A packet is damaged.")
    dropped = program.pictures | {_NULL}
    tables = set(program.tables)
    waiting = set(program.pictures) - set(program.first)
    begin: int | None = None
    for number, (high, low) in enumerate(zip(data[before + 1 :: size], data[before + 2 :: size], strict=True)):
        pid = (high & 31) << 8 | low
        if pid in dropped:
            if begin is not None:
                plan.copy(start + begin * size, (number - begin) * size)
                begin = None
            if high & 0x40 and pid in waiting:
                waiting.discard(pid)
                at = before + number * size
                program.first[pid] = _time(data[at : at + _PACKET])
            continue
        at = before + number * size
        if high & 0x80 or data[at + 3] & 0xC0:
            raise Unsure("A packet is damaged or encrypted.")
        if pid in tables and (not high & 0x40 or _section(data[at : at + _PACKET]) != program.tables[pid]):
            raise Unsure("The program changes.")
        if begin is None:
            begin = number
    if begin is not None:
        plan.copy(start + begin * size, (count - begin) * size)


def _payload(packet: bytes) -> bytes:
    """What follows the header and the adaptation field of a packet."""
    if not packet[3] & 0x10:
        raise Unsure("A packet is empty.")
    return packet[5 + packet[4] :] if packet[3] & 0x20 else packet[4:]


def _section(packet: bytes) -> bytes:
    """The only section of a packet; raises Unsure when there are several, or when it does not end there."""
    payload = _payload(packet)
    section = payload[1 + payload[0] :] if payload else b""
    if len(section) < 12:
        raise Unsure("A table is cut.")
    length = 3 + ((section[1] & 15) << 8 | section[2])
    if length < 12 or length > len(section) or section[length:].strip(b"\xff") or payload[0]:
        raise Unsure("A table is unusual.")
    return section[:length]


def _read_programs(program: _Program, section: bytes) -> None:
    """Reads the program association table, which must list one program."""
    entries = [section[at : at + 4] for at in range(8, len(section) - 4, 4)]
    maps = [(entry[2] & 31) << 8 | entry[3] for entry in entries if entry[0] | entry[1]]
    if section[0] or len(maps) != 1 or maps[0] == 0:
        raise Unsure("There is no single program.")
    program.map_id = maps[0]


def _read_streams(program: _Program, section: bytes) -> None:
    """Reads the program map table."""
    at, end = 12 + ((section[10] & 15) << 8 | section[11]), len(section) - 4
    if section[0] != 2:
        raise Unsure("A table is unusual.")
    while at + 5 <= end:
        kind, pid = section[at], (section[at + 1] & 31) << 8 | section[at + 2]
        (program.pictures if kind in _PICTURES else program.others).add(pid)
        at += 5 + ((section[at + 3] & 15) << 8 | section[at + 4])
    if at != end:
        raise Unsure("A table is cut.")


def _time(packet: bytes) -> int:
    """The time stamp with which a packetised stream begins; raises Unsure without one."""
    head = _payload(packet)
    if len(head) < 14 or head[:3] != b"\0\0\1" or not head[7] & 0x80:
        raise Unsure("The pictures have no time stamp.")
    return (head[9] >> 1 & 7) << 30 | head[10] << 22 | (head[11] >> 1) << 15 | head[12] << 7 | head[13] >> 1
