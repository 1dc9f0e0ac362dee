"""Matroska and WebM (RFC 9559): the tracks of sound, and their blocks in all clusters."""

from dataclasses import dataclass, field

from video2mp3.sound_only import ebml
from video2mp3.sound_only.ebml import Element
from video2mp3.sound_only.found import Found, microseconds
from video2mp3.sound_only.plan import Plan
from video2mp3.sound_only.source import Source, Unsure

SIGNATURE = b"\x1a\x45\xdf\xa3"
_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_SEEK_HEAD, _INFO, _TRACKS, _CUES = 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B
_ATTACHMENTS, _CHAPTERS, _TAGS = 0x1941A469, 0x1043A770, 0x1254C367
_TOP = frozenset({_SEEK_HEAD, _INFO, _TRACKS, _CLUSTER, _CUES, _ATTACHMENTS, _CHAPTERS, _TAGS})
_VOID, _CRC = 0xEC, 0xBF
_TIMESTAMP, _SIMPLE_BLOCK, _GROUP, _BLOCK, _POSITION, _PREVIOUS = 0xE7, 0xA3, 0xA0, 0xA1, 0xA7, 0xAB
_BLOCKS = frozenset({_SIMPLE_BLOCK, _GROUP})
_IN_CLUSTER = _BLOCKS | {_TIMESTAMP, _POSITION, _PREVIOUS, _VOID, _CRC}
_SCALE, _DURATION = 0x2AD7B1, 0x4489
_TRACK, _NUMBER, _TYPE, _TRACK_SCALE, _ENCODINGS, _OPERATION = 0xAE, 0xD7, 0x83, 0x23314F, 0x6D80, 0xE2
_ENCODING, _ENCRYPTION = 0x6240, 0x5035
_PICTURES, _SOUND = 1, 2
# Subtitles, buttons and metadata are dropped too.
_TYPES = frozenset({_PICTURES, _SOUND, 0x11, 0x12, 0x21})
_LARGEST = 8 << 20  # bytes of Info and Tracks
_NANOSECONDS = 1_000_000_000


@dataclass
class _Segment:
    scale: int = 1_000_000
    """Nanoseconds of a unit of time."""
    duration: float | None = None
    kinds: dict[int, int] = field(default_factory=dict)
    """The type of each track."""
    first: dict[int, int] = field(default_factory=dict)
    """The time stamp of the first block of each track."""
    info: bytes = b""
    tracks: bytes = b""
    early: Plan = field(default_factory=Plan)
    """What comes before the clusters."""
    clusters: Plan = field(default_factory=Plan)


def extract(source: Source) -> Found:
    """Raises Unsure when the whole file has to be sent."""
    first = ebml.element(source, 0, source.size)
    if first.id != _EBML or first.end is None:
        raise Unsure("The header is unusual.")
    outer = ebml.element(source, first.end, source.size)
    if outer.id != _SEGMENT or (outer.end is not None and outer.end != source.size):
        raise Unsure("There is no single segment.")
    segment = _Segment()
    at = outer.start
    while at < source.size:
        element = ebml.element(source, at, source.size)
        at = _top(source, segment, element)
    if not segment.info or not segment.clusters.count:
        raise Unsure("There is no sound.")
    plan = Plan()
    plan.copy(0, first.end)
    size = len(segment.info) + len(segment.tracks) + segment.early.length + segment.clusters.length
    plan.literal(ebml.header(_SEGMENT, size) + segment.info + segment.tracks)
    plan.extend(segment.early)
    plan.extend(segment.clusters)
    return Found(plan, _start(segment), segment.duration)


def _start(segment: _Segment) -> int:
    """Microseconds: the first time stamp of the pictures."""
    first = {kind: [segment.first[one] for one in segment.first if segment.kinds[one] == kind] for kind in _TYPES}
    if not first[_PICTURES]:
        raise Unsure("There are no pictures.")
    start = min(first[_PICTURES])
    others = [stamp for kind in _TYPES - {_PICTURES, _SOUND} for stamp in first[kind]]
    if any(stamp < start for stamp in others):
        raise Unsure("Subtitles begin before the pictures.")
    return microseconds(start * segment.scale, _NANOSECONDS)


def _top(source: Source, segment: _Segment, element: Element) -> int:
    """Reads an element of the segment; returns where the next one is."""
    if element.id == _CLUSTER:
        return _cluster(source, segment, element)
    if element.end is None or element.id not in _TOP | {_VOID, _CRC}:
        raise Unsure("An element is unknown.")
    if element.id in {_INFO, _TRACKS}:
        if element.end - element.start > _LARGEST:
            raise Unsure("An element is too large.")
        data = source.get(element.at, element.end - element.at)
        content = element.start - element.at
        if element.id == _INFO and not segment.info:
            segment.info = _info(segment, data, content)
        elif element.id == _TRACKS and not segment.tracks:
            segment.tracks = _tracks(segment, data, content)
        else:
            raise Unsure("An element is there twice.")
    elif element.id in {_CHAPTERS, _TAGS}:
        segment.early.copy(element.at, element.end - element.at)
    return element.end


def _info(segment: _Segment, data: bytes, start: int) -> bytes:
    """The element without the duration, which counts the pictures too."""
    changed = bytearray(data)
    duration = b""
    for one in ebml.inside(data, start):
        content = data[one.start : one.end]
        if one.id == _SCALE:
            segment.scale = int.from_bytes(content, "big")
        if one.id == _DURATION:
            duration = content
        if one.id in {_DURATION, _CRC}:
            size = len(data[one.at : one.end])
            if size > 100:
                raise Unsure("An element is too large.")
            changed[one.at : one.end] = bytes([_VOID, 0x80 | (size - 2)]) + bytes(size - 2)
    if not 0 < segment.scale <= _NANOSECONDS:
        raise Unsure("The time scale is unusual.")
    segment.duration = _seconds(duration, segment.scale)
    return bytes(changed)


def _tracks(segment: _Segment, data: bytes, start: int) -> bytes:
    """The element with the tracks of sound only."""
    kept = b""
    for one in ebml.inside(data, start):
        if one.id == _TRACK:
            number, kind = _track(data, one)
            if kind not in _TYPES or not number or number in segment.kinds:
                raise Unsure("A track is unusual.")
            segment.kinds[number] = kind
            if kind == _SOUND:
                kept += data[one.at : one.end]
        elif one.id not in {_VOID, _CRC}:
            raise Unsure("An element is unknown.")
    if not {_PICTURES, _SOUND} <= set(segment.kinds.values()):
        raise Unsure("There is no sound, or there are no pictures.")
    return ebml.header(_TRACKS, len(kept)) + kept


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


def _cluster(source: Source, segment: _Segment, cluster: Element) -> int:
    """Appends the time stamp and the blocks of sound; returns where the next element is."""
    if not segment.tracks:
        raise Unsure("A cluster comes before the tracks.")
    limit = source.size if cluster.end is None else cluster.end
    stamp: Element | None = None
    blocks = Plan()
    at = cluster.start
    while at < limit:
        one = ebml.element(source, at, limit)
        if cluster.end is None and one.id in _TOP:
            break
        if one.end is None or one.id not in _IN_CLUSTER:
            raise Unsure("An element is unknown.")
        if one.id == _TIMESTAMP:
            if stamp is not None:
                raise Unsure("A cluster has two time stamps.")
            stamp = one
        elif one.id in _BLOCKS and _is_sound(source, segment, one, stamp):
            blocks.copy(one.at, one.end - one.at)
        at = one.end
    if stamp is not None and stamp.end is not None and blocks.length:
        length = stamp.end - stamp.at
        segment.clusters.literal(ebml.header(_CLUSTER, length + blocks.length))
        segment.clusters.copy(stamp.at, length)
        segment.clusters.extend(blocks)
    return at


def _block(source: Source, group: Element) -> Element:
    at, limit = group.start, group.end or 0
    while at < limit:
        one = ebml.element(source, at, limit)
        if one.end is None:
            break
        if one.id == _BLOCK:
            return one
        at = one.end
    raise Unsure("A group has no block.")


def _is_sound(source: Source, segment: _Segment, element: Element, stamp: Element | None) -> bool:
    """Whether the block belongs to a track of sound; records the first time stamp of its track."""
    if stamp is None or stamp.end is None or stamp.end - stamp.start > 8:
        raise Unsure("A cluster has no time stamp.")
    block = element if element.id == _SIMPLE_BLOCK else _block(source, element)
    head = source.get(block.start, min(8, (block.end or 0) - block.start))
    length = ebml.vint_length(head)
    if len(head) < length + 2:
        raise Unsure("A block is cut.")
    number = int.from_bytes(head[:length], "big") & ((1 << 7 * length) - 1)
    if number not in segment.kinds:
        raise Unsure("A block has an unknown track.")
    if number not in segment.first:
        base = source.number(stamp.start, stamp.end - stamp.start)
        segment.first[number] = base + int.from_bytes(head[length : length + 2], "big", signed=True)
    return segment.kinds[number] == _SOUND


def _seconds(duration: bytes, scale: int) -> float | None:
    seconds = (ebml.real(duration) or 0.0) * scale / _NANOSECONDS
    return seconds if 0 < seconds < 1e9 else None
