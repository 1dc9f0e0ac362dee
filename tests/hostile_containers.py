"""Videos whose sizes and counts are hostile: finding their sound must need little time and memory."""

import struct
from itertools import islice

from tests import media

_BILLION = 10**9
_LARGE = 4 << 20  # bytes


def files() -> dict[str, bytes]:
    """By what is hostile about them."""
    mp4, fragmented = media.make("mp4").read_bytes(), media.make("mp4_fragmented").read_bytes()
    live, stream = media.make("live_webm").read_bytes(), media.make("ts").read_bytes()
    table = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
    numbers = struct.pack(f">{_LARGE // 4}I", *range(_LARGE // 4))
    return {
        "a billion samples of one size": _replaced(mp4, b"stsz", 4, 1, _BILLION),
        "a billion samples of several sizes": _replaced(mp4, b"stsz", 4, 0, _BILLION),
        "a billion chunks": _replaced(mp4, b"stco", 4, _BILLION),
        "a billion runs of chunks": _replaced(mp4, b"stsc", 4, _BILLION),
        "a billion samples in a chunk": _replaced(mp4, b"stsc", 12, _BILLION),
        "a billion edits": _replaced(mp4[: mp4.rindex(b"trak")], b"elst", 4, _BILLION) + mp4[mp4.rindex(b"trak") :],
        "a billion samples in a fragment": _replaced(fragmented, b"trun", 4, _BILLION),
        "many chapters": _inserted(mp4, table[:2], _box(b"tref", _box(b"chap", numbers))),
        "a large description": _inserted(mp4, (*table, b"stsd"), b"s" * _LARGE),
        "many boxes in the index": _inserted(mp4, table[:1], _box(b"free", b"") * (_LARGE // 8)),
        "many fragments": fragmented + _box(b"moof", _box(b"mfhd", bytes(8))) * 5_000,
        "a box larger than the one around it": _replaced(mp4, b"minf", -4, _BILLION),
        "many elements": live + b"\x1f\x43\xb6\x75\xff" + b"\xec\x80" * 20_000,
        "an element of 36 petabytes": live.replace(b"\x16\x54\xae\x6b", b"\x16\x54\xae\x6b\x01" + b"\x7f" * 7, 1),
        "pictures and sound in turns": _in_turns(stream, 5_000),
    }


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content


def _replaced(content: bytes, name: bytes, after: int, *numbers: int) -> bytes:
    """With these numbers so many bytes after the name of the last box of that name."""
    at = content.rindex(name) + (4 + after if after >= 0 else after)
    return content[:at] + struct.pack(f">{len(numbers)}I", *numbers) + content[at + 4 * len(numbers) :]


def _inserted(content: bytes, path: tuple[bytes, ...], more: bytes) -> bytes:
    """With more bytes at the end of the last box at that path."""
    changed = bytearray(content)
    end = 0
    for name in path:
        at = content.rindex(name) - 4
        (size,) = struct.unpack_from(">I", content, at)
        struct.pack_into(">I", changed, at, size + len(more))
        end = at + size
    changed[end:end] = more
    return bytes(changed)


def _in_turns(stream: bytes, count: int) -> bytes:
    """A packet with pictures and one without follow each other, after the tables of the program."""
    packets = [stream[at : at + 188] for at in range(0, len(stream), 188)]
    pictures = next(packet for packet in packets if packet[1:3] == b"\x41\x00")
    sound = next(packet for packet in packets if packet[1:3] == b"\x41\x01")
    return b"".join(islice(packets, 3)) + (pictures + sound) * count
