"""The tracks in the index (`moov`) of an MP4 or QuickTime file."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

from video2mp3.sound_only.boxes import Box, child, inside, number, optional, signed
from video2mp3.sound_only.found import microseconds
from video2mp3.sound_only.source import Unsure

SOUND, PICTURES = b"soun", b"vide"
_KEPT = frozenset({SOUND, b"text", b"sbtl", b"subt"})
_DROPPED = frozenset({PICTURES, b"tmcd", b"meta", b"hint"})
# Boxes that have no reference to places in the file, apart from those that are changed.
_IN_INDEX = frozenset({b"mvhd", b"trak", b"udta", b"meta", b"iods", b"mvex", b"free", b"skip", b"wide", b"uuid"})
_IN_TABLE = frozenset({b"stsd", b"stts", b"ctts", b"cslg", b"stsc", b"stsz", b"stco", b"co64", b"stss", b"stps"}) | {
    b"sdtp", b"sgpd", b"sbgp", b"free", b"skip"
}  # fmt: skip
# Of all tracks; ten hours have 300,000.
_MOST_CHUNKS = 1 << 19
# Tracks with chapters, of each track.
_MOST_REFERENCES = 256


@dataclass(frozen=True)
class Track:
    box: Box
    kind: bytes
    id: int
    media: Box
    table: Box

    @property
    def kept(self) -> bool:
        return self.kind in _KEPT


def tracks(data: bytes, index: Box) -> list[Track]:
    """The tracks; raises Unsure for an index in which anything is unusual."""
    parts = inside(data, index.start, index.end)
    if any(one.name not in _IN_INDEX for one in parts):
        raise Unsure("The index has unknown boxes.")
    found = [_track(data, one) for one in parts if one.name == b"trak"]
    if sum(offsets_at(data, track)[2] for track in found) > _MOST_CHUNKS:
        raise Unsure("There are too many chunks.")
    kinds = {track.kind for track in found}
    if SOUND not in kinds or PICTURES not in kinds:
        raise Unsure("There is no sound, or there are no pictures.")
    if kinds - _KEPT - _DROPPED:
        raise Unsure("There is an unknown kind of track.")
    every, left = _chapters(data, found), _chapters(data, [track for track in found if track.kept])
    if (every - left) & {track.id for track in found if track.kept}:
        raise Unsure("Only the pictures refer to the chapters.")
    for track in found:
        if track.kept:
            _check_samples(data, track)
    return found


def timescale(data: bytes, box: Box) -> tuple[int, int]:
    """The units per second and the duration of a `mvhd` or `mdhd` box."""
    long = number(data, box.start, 1, box.end) == 1
    scale = number(data, box.start + (20 if long else 12), 4, box.end)
    if not scale:
        raise Unsure("There is no time scale.")
    return scale, number(data, box.start + (24 if long else 16), 8 if long else 4, box.end)


def edits(data: bytes, track: Track, movie_scale: int, scale: int) -> tuple[int, int] | None:
    """How long the track is empty at first, and where in its media it begins: units of the media; None without edits.

    Raises Unsure for edits that change the speed or have a pause later.
    """
    box = optional(data, track.box, b"edts")
    box = optional(data, box, b"elst") if box else None
    if box is None:
        return None
    wide = 8 if number(data, box.start, 1, box.end) == 1 else 4
    count = number(data, box.start + 4, 4, box.end)
    empty, begin = 0, None
    if count * (2 * wide + 4) > box.end - box.start - 8:
        raise Unsure("An edit list is cut.")
    for at in range(box.start + 8, box.start + 8 + count * (2 * wide + 4), 2 * wide + 4):
        time = signed(data, at + wide, wide, box.end)
        if number(data, at + 2 * wide, 4, box.end) != 1 << 16 or time < -1 or (time == -1 and begin is not None):
            raise Unsure("An edit list is unusual.")
        if time == -1:
            duration = number(data, at, wide, box.end)
            empty += (2 * duration * scale + movie_scale) // (2 * movie_scale)
        elif begin is None:
            begin = time
    if count and begin is None:
        raise Unsure("An edit list is empty.")
    return None if begin is None else (empty, begin)


def start(data: bytes, track: Track, movie_scale: int) -> int:
    """Microseconds: the first time stamp of a track whose samples are in the index, as ffmpeg computes it."""
    scale, _ = timescale(data, child(data, track.media, b"mdhd"))
    edited = edits(data, track, movie_scale, scale)
    if edited is not None:
        return microseconds(edited[0], scale)
    box = optional(data, track.table, b"ctts")
    if box is None:
        return 0
    offsets = _numbers(data, box, box.start + 8, 2 * number(data, box.start + 4, 4, box.end))[1::2]
    if any(offset >> 31 for offset in offsets):
        raise Unsure("Pictures have negative offsets.")
    return microseconds(offsets[0], scale) if offsets else 0


def offsets_at(data: bytes, track: Track) -> tuple[int, int, int]:
    """Where the offsets of the chunks are in the index, the bytes of each, and their number."""
    boxes = [one for one in inside(data, track.table.start, track.table.end) if one.name in {b"stco", b"co64"}]
    if len(boxes) != 1:
        raise Unsure("There is no single list of chunks.")
    [box] = boxes
    width = 4 if box.name == b"stco" else 8
    count = number(data, box.start + 4, 4, box.end)
    if box.start + 8 + count * width > box.end:
        raise Unsure("A box is too short.")
    return box.start + 8, width, count


def offsets(data: bytes, track: Track) -> list[int]:
    """The offsets of the chunks."""
    at, width, count = offsets_at(data, track)
    return [int.from_bytes(data[place : place + width], "big") for place in range(at, at + width * count, width)]


def chunk_sizes(data: bytes, track: Track, chunk_count: int) -> list[int]:
    """The bytes that the samples of each chunk need; raises Unsure when the tables disagree."""
    box = child(data, track.table, b"stsz")
    fixed, count = number(data, box.start + 4, 4, box.end), number(data, box.start + 8, 4, box.end)
    each = array("I") if fixed else _numbers(data, box, box.start + 12, count)
    sizes = [0] * chunk_count
    done = 0
    for chunk, most in _samples_per_chunk(data, track, chunk_count):
        samples = min(most, count - done)
        sizes[chunk] = samples * fixed if fixed else sum(each[done : done + samples])
        done += samples
    if done < count:
        raise Unsure("There are samples without a chunk.")
    return sizes


def sample_count(data: bytes, track: Track) -> int:
    box = child(data, track.table, b"stsz")
    return number(data, box.start + 8, 4, box.end)


def _track(data: bytes, box: Box) -> Track:
    media = child(data, box, b"mdia")
    handler = child(data, media, b"hdlr")
    header = child(data, box, b"tkhd")
    long = number(data, header.start, 1, header.end) == 1
    number(data, handler.start, 12, handler.end)
    kind = data[handler.start + 8 : handler.start + 12]
    id_ = number(data, header.start + (20 if long else 12), 4, header.end)
    return Track(box, kind, id_, media, child(data, media, b"minf", b"stbl"))


def _chapters(data: bytes, found: list[Track]) -> set[int]:
    """The tracks with chapters to which these tracks refer."""
    ids: set[int] = set()
    for track in found:
        references = optional(data, track.box, b"tref")
        chapters = optional(data, references, b"chap") if references else None
        if chapters and chapters.end - chapters.start > 4 * _MOST_REFERENCES:
            raise Unsure("There are too many tracks with chapters.")
        if chapters:
            ids.update(_numbers(data, chapters, chapters.start, (chapters.end - chapters.start) // 4))
    return ids


def _check_samples(data: bytes, track: Track) -> None:
    """Raises Unsure when the samples are described in several ways, encrypted, or in another file."""
    if any(one.name not in _IN_TABLE for one in inside(data, track.table.start, track.table.end)):
        raise Unsure("A table of samples has unknown boxes.")
    described = child(data, track.table, b"stsd")
    content = data[described.start : described.end]
    if number(data, described.start + 4, 4, described.end) != 1 or b"sinf" in content or content[12:15] == b"enc":
        raise Unsure("The samples are encrypted, or described in several ways.")
    places = child(data, track.media, b"minf", b"dinf", b"dref")
    for entry in inside(data, places.start + 8, places.end):
        if not number(data, entry.start, 4, entry.end) & 1:
            raise Unsure("The samples are in another file.")


def _samples_per_chunk(data: bytes, track: Track, chunk_count: int) -> Iterator[tuple[int, int]]:
    """For each chunk its number, from 0, and how many samples it has."""
    box = child(data, track.table, b"stsc")
    count = number(data, box.start + 4, 4, box.end)
    runs = _numbers(data, box, box.start + 8, 3 * count)
    for at in range(0, 3 * count, 3):
        first, last = runs[at], runs[at + 3] if at + 3 < len(runs) else chunk_count + 1
        if runs[at + 2] != 1 or first != (1 if at == 0 else runs[at]) or last <= first or last > chunk_count + 1:
            raise Unsure("The chunks are unusual.")
        for chunk in range(first - 1, last - 1):
            yield chunk, runs[at + 1]


def _numbers(data: bytes, box: Box, at: int, count: int) -> "array[int]":
    """`count` unsigned numbers of 32 bits; raises Unsure when the box is too short for them."""
    if at + 4 * count > box.end:
        raise Unsure("A box is too short.")
    found = array("I", data[at : at + 4 * count])
    if _LITTLE:
        found.byteswap()
    return found


_LITTLE = array("H", [1]).tobytes() == b"\x01\x00"
