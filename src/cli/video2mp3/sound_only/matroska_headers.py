"""Matroska and WebM: what is kept of the elements Info and Tracks."""

from collections.abc import Mapping
from dataclasses import dataclass

from video2mp3.sound_only import ebml
from video2mp3.sound_only.ebml import Element
from video2mp3.sound_only.source import Unsure

INFO, TRACKS = 0x1549A966, 0x1654AE6B
VOID, CRC = 0xEC, 0xBF
PICTURES, SOUND = 1, 2
# Subtitles, buttons and metadata are dropped too.
KINDS = frozenset({PICTURES, SOUND, 0x11, 0x12, 0x21})
NANOSECONDS = 1_000_000_000
_SCALE, _DURATION = 0x2AD7B1, 0x4489
_TRACK, _NUMBER, _TYPE, _TRACK_SCALE, _ENCODINGS, _OPERATION = 0xAE, 0xD7, 0x83, 0x23314F, 0x6D80, 0xE2
_ENCODING, _ENCRYPTION = 0x6240, 0x5035
_USUAL_SCALE = 1_000_000


@dataclass(frozen=True)
class Info:
    element: bytes
    scale: int
    """Nanoseconds of a unit of time."""
    duration: float | None
    """Seconds, if they are declared."""


@dataclass(frozen=True)
class Tracks:
    element: bytes
    kinds: Mapping[int, int]
    """The type of each track, also of those that are dropped."""


def read_info(data: bytes, start: int) -> Info:
    """The element without the duration, which counts the pictures too. Its content begins at `start`."""
    changed = bytearray(data)
    scale, duration = _USUAL_SCALE, b""
    for one in ebml.inside(data, start):
        content = data[one.start : one.end]
        if one.id == _SCALE:
            scale = int.from_bytes(content, "big")
        if one.id == _DURATION:
            duration = content
        if one.id in {_DURATION, CRC}:
            size = len(data[one.at : one.end])
            if size > 100:
                raise Unsure("An element is too large.")
            changed[one.at : one.end] = bytes([VOID, 0x80 | (size - 2)]) + bytes(size - 2)
    if not 0 < scale <= NANOSECONDS:
        raise Unsure("The time scale is unusual.")
    return Info(bytes(changed), scale, _seconds(duration, scale))


def read_tracks(data: bytes, start: int) -> Tracks:
    """The element with the tracks of sound only. Its content begins at `start`."""
    kept = b""
    kinds: dict[int, int] = {}
    for one in ebml.inside(data, start):
        if one.id == _TRACK:
            number, kind = _track(data, one)
            if kind not in KINDS or not number or number in kinds:
                raise Unsure("A track is unusual.")
            kinds[number] = kind
            if kind == SOUND:
                kept += data[one.at : one.end]
        elif one.id not in {VOID, CRC}:
            raise Unsure("An element is unknown.")
    if not {PICTURES, SOUND} <= set(kinds.values()):
        raise Unsure("There is no sound, or there are no pictures.")
    return Tracks(ebml.header(TRACKS, len(kept)) + kept, kinds)


def _track(data: bytes, track: Element) -> tuple[int, int]:
    """The number and the type of a track."""
    numbers = {_NUMBER: 0, _TYPE: 0}
    for part in ebml.inside(data, track.start, track.end):
        if part.id in numbers:
            numbers[part.id] = int.from_bytes(data[part.start : part.end], "big")
        scaled = part.id == _TRACK_SCALE and ebml.real(data[part.start : part.end]) != 1
        if scaled or part.id == _OPERATION or (part.id == _ENCODINGS and _is_encrypted(data, part)):
            raise Unsure("A track is encrypted or unusual.")
    return numbers[_NUMBER], numbers[_TYPE]


def _is_encrypted(data: bytes, encodings: Element) -> bool:
    return any(
        one.id == _ENCRYPTION
        for encoding in ebml.inside(data, encodings.start, encodings.end)
        if encoding.id == _ENCODING
        for one in ebml.inside(data, encoding.start, encoding.end)
    )


def _seconds(duration: bytes, scale: int) -> float | None:
    seconds = (ebml.real(duration) or 0.0) * scale / NANOSECONDS
    return seconds if 0 < seconds < 1e9 else None
