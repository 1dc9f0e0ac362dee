"""Writes Matroska files with any time stamps (RFC 9559): each packet in a separate cluster."""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy

from tests import media

RATE = 48000
SAMPLES = 1024
FRAME = SAMPLES / RATE


@dataclass(frozen=True)
class Sound:
    """A tone as packets of `FRAME` seconds."""

    codec: str
    private: bytes
    packets: Sequence[bytes]


def pcm(seconds: float, hertz: float = 440.0) -> Sound:
    """Samples of 16 bits."""
    at = numpy.arange(int(seconds / FRAME) * SAMPLES) / RATE
    data = (0.4 * 32767 * numpy.sin(2 * numpy.pi * hertz * at)).astype("<i2").tobytes()
    size = 2 * SAMPLES
    return Sound("A_PCM/INT/LIT", b"", [data[start : start + size] for start in range(0, len(data), size)])


def aac(seconds: float, hertz: float = 440.0) -> Sound:
    """AAC, from the frames of an ADTS file (ISO/IEC 13818-7, 6.2)."""
    data = media.ffmpeg([*media.tone(hertz, seconds=seconds), "-c:a", "aac", "-b:a", "96k"], "aac").read_bytes()
    packets = []
    at = 0
    while at < len(data):
        size = (data[at + 3] & 3) << 11 | data[at + 4] << 3 | data[at + 5] >> 5
        packets.append(data[at + 7 : at + size])
        at += size
    # AAC-LC, 48 kHz, mono (ISO/IEC 14496-3, 1.6.2.1).
    return Sound("A_AAC", bytes([0x11, 0x88]), packets)


def write(path: Path, sound: Sound, stamps: Iterable[tuple[float, int]]) -> Path:
    """Writes packets by their numbers at time stamps in seconds, which are rounded to milliseconds."""
    track = (
        _element(0xD7, b"\x01")
        + _element(0x73C5, b"\x01")
        + _element(0x83, b"\x02")
        + _element(0x86, sound.codec.encode())
        + (_element(0x63A2, sound.private) if sound.private else b"")
        + _element(0xE1, _element(0xB5, struct.pack(">d", RATE)) + _element(0x9F, b"\x01") + _element(0x6264, b"\x10"))
    )
    header = _element(0x1A45DFA3, _element(0x4282, b"matroska") + _element(0x4287, b"\x04") + _element(0x4285, b"\x02"))
    info = _element(0x1549A966, _element(0x2AD7B1, (1_000_000).to_bytes(4, "big")))
    clusters = b"".join(
        _element(
            0x1F43B675,
            _element(0xE7, round(stamp * 1000).to_bytes(8, "big"))
            + _element(0xA3, b"\x81\x00\x00\x80" + sound.packets[number]),
        )
        for stamp, number in stamps
    )
    path.write_bytes(header + _element(0x18538067, info + _element(0x1654AE6B, _element(0xAE, track)) + clusters))
    return path


def _element(name: int, content: bytes) -> bytes:
    """An element with a size of eight bytes."""
    size = (1 << 56 | len(content)).to_bytes(8, "big")
    return name.to_bytes((name.bit_length() + 7) // 8, "big") + size + content
