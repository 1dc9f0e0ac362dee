"""The index (`moov`) of an MP4 or QuickTime file, and the same without the tracks that are dropped."""

from dataclasses import dataclass

from video2mp3.sound_only.boxes import Box, child, inside, optional
from video2mp3.sound_only.source import Source, Unsure
from video2mp3.sound_only.tracks import Track, timescale, tracks

# bytes; ten hours need 20 MB.
_LARGEST = 64 << 20


@dataclass(frozen=True)
class Index:
    data: bytes
    root: Box
    tracks: list[Track]
    scale: int
    """Units per second of the whole presentation."""
    duration: float | None
    """Seconds, if they are declared."""

    @classmethod
    def read(cls, source: Source, top: list[Box]) -> "Index":
        """Raises Unsure unless there is exactly one index in which nothing is unusual."""
        boxes = [box for box in top if box.name == b"moov"]
        if len(boxes) != 1 or boxes[0].end - boxes[0].at > _LARGEST:
            raise Unsure("There is no single index, or it is too large.")
        [box] = boxes
        data = source.load(box.at, box.end - box.at)
        root = Box(box.name, 0, box.start - box.at, len(data))
        scale, duration = timescale(data, child(data, root, b"mvhd"))
        return cls(data, root, tracks(data, root), scale, duration / scale or None)

    @property
    def fragmented(self) -> bool:
        return optional(self.data, self.root, b"mvex") is not None

    @property
    def length(self) -> int:
        """Bytes of `written`."""
        return self.root.start + sum(box.end - box.at for box in self._kept())

    def written(self, data: bytes) -> bytes:
        """The index without the tracks that are dropped; `data` is its content, in which offsets may be changed."""
        content = b"".join(data[box.at : box.end] for box in self._kept())
        return header(b"moov", len(content), long=self.root.start != 8) + content

    def _kept(self) -> list[Box]:
        dropped = {track.box for track in self.tracks if not track.kept}
        return [box for box in inside(self.data, self.root.start, self.root.end) if box not in dropped]


def header(name: bytes, length: int, *, long: bool) -> bytes:
    """The header of a box with `length` bytes of content; a long one has a size of 64 bits."""
    if long:
        return (1).to_bytes(4, "big") + name + (length + 16).to_bytes(8, "big")
    return (length + 8).to_bytes(4, "big") + name
