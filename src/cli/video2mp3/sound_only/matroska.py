"""Matroska and WebM (RFC 9559): the tracks of sound, and their blocks in all clusters."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from video2mp3.sound_only import ebml
from video2mp3.sound_only.ebml import Element
from video2mp3.sound_only.found import Found, microseconds
from video2mp3.sound_only.matroska_headers import (
    CRC,
    INFO,
    NANOSECONDS,
    PICTURES,
    SOUND,
    TRACKS,
    VOID,
    Info,
    Tracks,
    read_info,
    read_tracks,
)
from video2mp3.sound_only.plan import Plan
from video2mp3.sound_only.source import Source, Unsure

SIGNATURE = b"\x1a\x45\xdf\xa3"
_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_SEEK_HEAD, _CUES = 0x114D9B74, 0x1C53BB6B
_ATTACHMENTS, _CHAPTERS, _TAGS = 0x1941A469, 0x1043A770, 0x1254C367
_TOP = frozenset({_SEEK_HEAD, INFO, TRACKS, _CLUSTER, _CUES, _ATTACHMENTS, _CHAPTERS, _TAGS})
_TIMESTAMP, _SIMPLE_BLOCK, _GROUP, _BLOCK, _POSITION, _PREVIOUS = 0xE7, 0xA3, 0xA0, 0xA1, 0xA7, 0xAB
_BLOCKS = frozenset({_SIMPLE_BLOCK, _GROUP})
_IN_CLUSTER = _BLOCKS | {_TIMESTAMP, _POSITION, _PREVIOUS, VOID, CRC}
_LARGEST = 8 << 20  # bytes of Info and Tracks


@dataclass
class _Segment:
    info: Info | None = None
    tracks: Tracks | None = None
    first: dict[int, int] = field(default_factory=dict)
    """The time stamp of the first block of each track."""
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
    if not segment.info or not segment.tracks or not segment.clusters.count:
        raise Unsure("There is no sound.")
    headers = segment.info.element + segment.tracks.element
    plan = Plan()
    plan.copy(0, first.end)
    plan.literal(ebml.header(_SEGMENT, len(headers) + segment.early.length + segment.clusters.length) + headers)
    plan.extend(segment.early)
    plan.extend(segment.clusters)
    start = _start(segment.tracks.kinds, segment.first)
    return Found(plan, microseconds(start * segment.info.scale, NANOSECONDS), segment.info.duration)


def _start(kinds: Mapping[int, int], first: Mapping[int, int]) -> int:
    """The first time stamp of the pictures."""
    stamps = [stamp for track, stamp in first.items() if kinds[track] == PICTURES]
    if not stamps:
        raise Unsure("There are no pictures.")
    start = min(stamps)
    if any(stamp < start and kinds[track] not in {PICTURES, SOUND} for track, stamp in first.items()):
        raise Unsure("Subtitles begin before the pictures.")
    return start


def _top(source: Source, segment: _Segment, element: Element) -> int:
    """Reads an element of the segment; returns where the next one is."""
    if element.id == _CLUSTER:
        return _cluster(source, segment, element)
    if element.end is None or element.id not in _TOP | {VOID, CRC}:
        raise Unsure("An element is unknown.")
    if element.id in {INFO, TRACKS}:
        if element.end - element.start > _LARGEST:
            raise Unsure("An element is too large.")
        data = source.get(element.at, element.end - element.at)
        content = element.start - element.at
        if element.id == INFO and not segment.info:
            segment.info = read_info(data, content)
        elif element.id == TRACKS and not segment.tracks:
            segment.tracks = read_tracks(data, content)
        else:
            raise Unsure("An element is there twice.")
    elif element.id in {_CHAPTERS, _TAGS}:
        segment.early.copy(element.at, element.end - element.at)
    return element.end


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
        elif one.id in _BLOCKS and _is_sound(source, segment.tracks, segment.first, one, stamp):
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


def _is_sound(source: Source, tracks: Tracks, first: dict[int, int], element: Element, stamp: Element | None) -> bool:
    """Whether the block belongs to a track of sound; records the first time stamp of its track in `first`."""
    if stamp is None or stamp.end is None or stamp.end - stamp.start > 8:
        raise Unsure("A cluster has no time stamp.")
    block = element if element.id == _SIMPLE_BLOCK else _block(source, element)
    head = source.get(block.start, min(8, (block.end or 0) - block.start))
    length = ebml.vint_length(head)
    if len(head) < length + 2:
        raise Unsure("A block is cut.")
    number = int.from_bytes(head[:length], "big") & ((1 << 7 * length) - 1)
    if number not in tracks.kinds:
        raise Unsure("A block has an unknown track.")
    if number not in first:
        base = source.number(stamp.start, stamp.end - stamp.start)
        first[number] = base + int.from_bytes(head[length : length + 2], "big", signed=True)
    return tracks.kinds[number] == SOUND
