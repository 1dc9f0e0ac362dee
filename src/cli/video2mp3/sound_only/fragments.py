"""Fragmented MP4: of each fragment the parts with sound."""

from dataclasses import dataclass

from video2mp3.sound_only import tracks
from video2mp3.sound_only.boxes import Box, child, inside, number, optional, signed
from video2mp3.sound_only.found import microseconds
from video2mp3.sound_only.index import Index, header
from video2mp3.sound_only.plan import Plan
from video2mp3.sound_only.source import Source, Unsure
from video2mp3.sound_only.tracks import Track

_IN_FRAGMENT = frozenset({b"mfhd", b"traf", b"free", b"skip"})
_IN_TRACK = frozenset({b"tfhd", b"tfdt", b"trun", b"sbgp", b"sgpd", b"subs", b"free", b"skip"})
_LARGEST = 16 << 20  # bytes of the header of a fragment
# Flags of `tfhd`, with the bytes of the field that each adds, and of `trun` (ISO/IEC 14496-12, 8.8.7 and 8.8.8).
_BASE, _BASE_IS_FRAGMENT = 0x1, 0x20000
_TRACK_FIELDS = ((0x1, 8), (0x2, 4), (0x8, 4), (0x10, 4), (0x20, 4))
_DEFAULT_SIZE = 0x10
_OFFSET, _FIRST_FLAGS = 0x1, 0x4
_DURATION, _SIZE, _FLAGS, _COMPOSITION = 0x100, 0x200, 0x400, 0x800


@dataclass(frozen=True)
class _Run:
    """A run of samples in a fragment."""

    at: int
    """Where its offset is in the fragment's header."""
    base: int | None
    """Where the offset's base is there, if it has one."""
    start: int
    """Where its data are in the file."""
    length: int


def extract(source: Source, top: list[Box], index: Index) -> tuple[Plan, int]:
    """The plan, and the first time stamp of the pictures."""
    if any(tracks.sample_count(index.data, track) for track in index.tracks):
        raise Unsure("There are samples both in the index and in fragments.")
    fragments = _Fragments(source.size, index)
    plan = Plan()
    for box in top:
        if box.name == b"ftyp":
            plan.copy(box.at, box.end - box.at)
        elif box.name == b"moov":
            plan.literal(index.written(index.data))
        elif box.name == b"moof":
            if box.end - box.at > _LARGEST:
                raise Unsure("A fragment is too large.")
            fragments.append(plan, box, source.get(box.at, box.end - box.at))
    if not fragments.starts or plan.count < 3:
        raise Unsure("There is no sound, or there are no pictures.")
    return plan, min(fragments.starts.values())


class _Fragments:
    def __init__(self, size: int, index: Index) -> None:
        self._size = size
        self._index = index
        self._tracks = {track.id: track for track in index.tracks}
        self._defaults = _default_sizes(index.data, index.root)
        self.starts: dict[int, int] = {}
        """The first time stamp of each track of pictures."""

    def append(self, plan: Plan, box: Box, head: bytes) -> None:
        """Appends the part with sound of a fragment, whose header is `head`, if there is one."""
        begin = box.start - box.at
        parts: list[Box] = []
        runs: list[_Run] = []
        first = True
        for part in inside(head, begin, len(head)):
            if part.name not in _IN_FRAGMENT:
                raise Unsure("A fragment has unknown boxes.")
            if part.name == b"mfhd":
                parts.append(part)
            if part.name == b"traf":
                found = self._runs(head, part, box.at, first=first)
                first = False
                if found is not None:
                    parts.append(part)
                    runs += found
        if runs:
            self._write(plan, begin, head, parts, runs)

    def _runs(self, head: bytes, part: Box, at: int, *, first: bool) -> "list[_Run] | None":
        """The runs of a track that is kept; None for another one."""
        id_ = _id(head, part)
        track = self._tracks.get(id_)
        if track is not None and track.kept:
            return _runs(head, part, at, self._defaults.get(id_), first=first)
        if track is not None and track.kind == tracks.PICTURES and id_ not in self.starts:
            self.starts[id_] = _start(self._index, track, head, part)
        return None

    def _write(self, plan: Plan, begin: int, head: bytes, parts: list[Box], runs: "list[_Run]") -> None:
        content = sum(part.end - part.at for part in parts)
        offset = begin + content + 16
        changed = bytearray(head)
        for run in runs:
            if run.start + run.length > self._size or offset + run.length >= 1 << 31:
                raise Unsure("A run is outside of the file.")
            changed[run.at : run.at + 4] = offset.to_bytes(4, "big")
            if run.base is not None:
                changed[run.base : run.base + 8] = plan.length.to_bytes(8, "big")
            offset += run.length
        body = b"".join(changed[part.at : part.end] for part in parts)
        data = sum(run.length for run in runs)
        plan.literal(header(b"moof", content, long=begin != 8) + body + header(b"mdat", data, long=True))
        for run in runs:
            plan.copy(run.start, run.length)


def _id(head: bytes, part: Box) -> int:
    box = child(head, part, b"tfhd")
    return number(head, box.start + 4, 4, box.end)


def _runs(head: bytes, part: Box, at: int, default: int | None, *, first: bool) -> list[_Run]:
    """The runs of a track in a fragment; raises Unsure when they are not where they say, or may be encrypted."""
    boxes = inside(head, part.start, part.end)
    if any(one.name not in _IN_TRACK for one in boxes):
        raise Unsure("A fragment has unknown boxes.")
    box = child(head, part, b"tfhd")
    flags = number(head, box.start, 4, box.end)
    base, base_at = at, None
    if flags & _BASE:
        base_at = box.start + 8
        base = number(head, base_at, 8, box.end)
    elif not flags & _BASE_IS_FRAGMENT and not first:
        raise Unsure("A fragment depends on the one before.")
    if flags & _DEFAULT_SIZE:
        place = box.start + 8 + sum(size for flag, size in _TRACK_FIELDS if flags & flag and flag < _DEFAULT_SIZE)
        default = number(head, place, 4, box.end)
    found = []
    for run in (one for one in boxes if one.name == b"trun"):
        flags = number(head, run.start, 4, run.end)
        if not flags & _OFFSET:
            raise Unsure("A run depends on the one before.")
        start = base + signed(head, run.start + 8, 4, run.end)
        length = _length(head, run, flags, default)
        if start < 0:
            raise Unsure("A run is outside of the file.")
        found.append(_Run(run.start + 8, base_at, start, length))
    return found


def _length(head: bytes, run: Box, flags: int, default: int | None) -> int:
    """The bytes of all samples of a run."""
    count = number(head, run.start + 4, 4, run.end)
    if not flags & _SIZE:
        if default is None:
            raise Unsure("A run has no sizes.")
        return count * default
    return sum(_fields(head, run, flags, count, _SIZE))


def _fields(head: bytes, run: Box, flags: int, count: int, wanted: int) -> list[int]:
    """A field of all samples of a run; raises Unsure when the run is too short for them."""
    present = [flag for flag in (_DURATION, _SIZE, _FLAGS, _COMPOSITION) if flags & flag]
    first = run.start + 8 + (4 if flags & _OFFSET else 0) + (4 if flags & _FIRST_FLAGS else 0)
    width = 4 * len(present)
    if first + count * width > run.end:
        raise Unsure("A run is cut.")
    at = first + 4 * present.index(wanted)
    return [int.from_bytes(head[at + width * n : at + width * n + 4], "big") for n in range(count)]


def _compositions(head: bytes, run: Box) -> list[int]:
    """How much later each sample of a run is shown than it is decoded."""
    flags = number(head, run.start, 4, run.end)
    count = number(head, run.start + 4, 4, run.end)
    if not flags & _COMPOSITION:
        return [0] if count else []
    return [value - ((value >> 31) << 32) for value in _fields(head, run, flags, count, _COMPOSITION)]


def _default_sizes(data: bytes, root: Box) -> dict[int, int]:
    """For each track the size of samples that have none (`trex`)."""
    extends = optional(data, root, b"mvex")
    if extends is None:
        return {}
    boxes = [one for one in inside(data, extends.start, extends.end) if one.name == b"trex"]
    return {number(data, one.start + 4, 4, one.end): number(data, one.start + 16, 4, one.end) for one in boxes}


def _start(index: Index, track: Track, head: bytes, part: Box) -> int:
    """Microseconds: the first time stamp of a track, from its first fragment, as ffmpeg computes it."""
    scale, _ = tracks.timescale(index.data, child(index.data, track.media, b"mdhd"))
    empty, begin = tracks.edits(index.data, track, index.scale, scale) or (0, 0)
    time = optional(head, part, b"tfdt")
    if time is None:
        raise Unsure("A fragment has no time.")
    decoded = number(head, time.start + 4, 8 if number(head, time.start, 1, time.end) == 1 else 4, time.end)
    compositions = [
        value for run in inside(head, part.start, part.end) if run.name == b"trun" for value in _compositions(head, run)
    ]
    if any(value < 0 for value in compositions):
        raise Unsure("Pictures have negative offsets.")
    composition = compositions[0] if compositions else 0
    return microseconds(decoded + composition + empty - begin, scale)
