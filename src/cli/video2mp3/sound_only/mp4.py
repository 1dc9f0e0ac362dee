"""MP4 and QuickTime: the tracks of sound and text, with their chunks one after the other."""

from bisect import bisect_right
from typing import NamedTuple

from video2mp3.sound_only import fragments, tracks
from video2mp3.sound_only.boxes import Box, top_level
from video2mp3.sound_only.found import Found
from video2mp3.sound_only.index import Index, header
from video2mp3.sound_only.plan import Plan
from video2mp3.sound_only.source import Source, Unsure

_TOP = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"pdin"})
_OF_FRAGMENTS = frozenset({b"moof", b"sidx", b"ssix", b"styp", b"mfra", b"emsg", b"prft"})
_HEADER = 16  # bytes of that of `mdat`


class _Chunk(NamedTuple):
    start: int
    """Where it is in the file."""
    size: int
    """Bytes that its samples need."""
    at: int
    """Where its offset is in the index."""
    width: int
    """Bytes of its offset."""


def extract(source: Source) -> Found:
    """Raises Unsure when the whole file has to be sent."""
    top = list(top_level(source))
    if top[0].name != b"ftyp" or any(box.name not in _TOP | _OF_FRAGMENTS for box in top):
        raise Unsure("There are unknown boxes.")
    index = Index.read(source, top)
    if index.fragmented or any(box.name in _OF_FRAGMENTS for box in top):
        plan, start = fragments.extract(source, top, index)
    else:
        plan, start = _whole(top, index)
    if start > 0 and any(track.kind not in {tracks.SOUND, tracks.PICTURES} for track in index.tracks):
        raise Unsure("Data may begin before the pictures.")
    return Found(plan, start, index.duration)


def _whole(top: list[Box], index: Index) -> tuple[Plan, int]:
    """A file whose samples are all in the index. Chunks are copied up to the next one of any track."""
    data = index.data
    start = min(tracks.start(data, track, index.scale) for track in index.tracks if track.kind == tracks.PICTURES)
    media = [box for box in top if box.name == b"mdat"]
    begins = [box.start for box in media]
    ends = sorted({box.end for box in media} | {at for track in index.tracks for at in tracks.offsets(data, track)})
    changed = bytearray(data)
    head = top[0].end + index.length + _HEADER
    body = Plan()
    for chunk in _chunks(index):
        box, end = bisect_right(begins, chunk.start) - 1, bisect_right(ends, chunk.start)
        if box < 0 or chunk.start >= media[box].end or chunk.start + chunk.size > ends[end]:
            raise Unsure("A chunk overlaps another one, or is outside of the data.")
        moved = head + body.length
        if moved >= 1 << 8 * chunk.width:
            raise Unsure("The sound is too large.")
        changed[chunk.at : chunk.at + chunk.width] = moved.to_bytes(chunk.width, "big")
        body.copy(chunk.start, ends[end] - chunk.start)
    if not body.length:
        raise Unsure("There is no sound.")
    plan = Plan()
    plan.copy(0, top[0].end)
    plan.literal(index.written(bytes(changed)) + header(b"mdat", body.length, long=True))
    plan.extend(body)
    return plan, start


def _chunks(index: Index) -> list[_Chunk]:
    """The chunks of all tracks that are kept, in the order in which they are in the file."""
    found: list[_Chunk] = []
    for track in index.tracks:
        if track.kept:
            at, width, _ = tracks.offsets_at(index.data, track)
            starts = tracks.offsets(index.data, track)
            sizes = tracks.chunk_sizes(index.data, track, len(starts))
            for number, (start, size) in enumerate(zip(starts, sizes, strict=True)):
                found.append(_Chunk(start, size, at + number * width, width))
    return sorted(found)
