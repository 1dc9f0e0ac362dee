"""The links of a chained Ogg file (RFC 3533, section 4): recordings one after the other, as in web radio.

ffmpeg follows a chain as long as codec, sample rate and channels are the same; at the first other link it stops, with
exit code 0. So a file whose links differ is divided into stretches of equal ones.
"""

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from common.errors import Failure, PermanentError

_CAPTURE = b"OggS"
_HEADER = 27  # bytes before the table of segments
_BEGIN = 2  # of a logical stream
# Stretches of one file; each is decoded by its own ffmpeg. A day of songs has some hundreds.
_MOST = 2000


@dataclass(frozen=True)
class Stretch:
    """Links that ffmpeg reads as one. Positions are in bytes."""

    start: int
    end: int


def stretches(source: BinaryIO) -> list[Stretch]:
    """The stretches of a file, in their order; only one, unless its links differ.

    Raises `PermanentError` when there are too many.
    """
    found: list[Stretch] = []
    with mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data:
        kind: tuple[bytes, ...] = ()
        start, at, streams = 0, 0, 0
        heads: list[bytes] = []
        beginning = False
        while at + _HEADER <= len(data):
            if data[at : at + 4] != _CAPTURE:
                at = data.find(_CAPTURE, at + 1)
                if at < 0:
                    break
                continue
            segments = data[at + 26]
            content = at + _HEADER + segments
            end = content + sum(data[at + _HEADER : content])
            if data[at + 5] & _BEGIN:
                if not beginning:
                    beginning, heads, streams = True, [], at
                heads.append(_parameters(data[content : min(end, content + 80)]))
            elif beginning:
                beginning = False
                if kind and tuple(heads) != kind:
                    found.append(Stretch(start, streams))
                    start = streams
                    if len(found) > _MOST:
                        raise PermanentError(
                            "This recording changes its sample rate or codec too often to be converted.",
                            Failure.UNSUPPORTED,
                        )
                kind = tuple(heads)
            at = end
        found.append(Stretch(start, len(data)))
    return found


def _parameters(packet: bytes) -> bytes:
    """The parameters that must not change for ffmpeg to continue: the codec, its channels and its sample rate."""
    if packet.startswith(b"\x01vorbis"):
        return packet[:16]
    if packet.startswith(b"OpusHead"):
        return packet[:10]
    if packet.startswith(b"\x7fFLAC"):
        return packet[:9] + packet[27:30]  # STREAMINFO's 20 bits of sample rate, 3 of channels
    if packet.startswith(b"Speex   "):
        return packet[:8] + packet[36:40] + packet[48:52]
    return packet[:8]


def write(source: BinaryIO, stretch: Stretch, target: Path) -> None:
    source.seek(stretch.start)
    left = stretch.end - stretch.start
    with target.open("wb") as file:
        while left and (data := source.read(min(left, 1 << 20))):
            file.write(data)
            left -= len(data)
