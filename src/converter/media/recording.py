"""Looks at a file: its tracks, and the packets of the one to convert. All that is known before anything is decoded."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from common.errors import Failure, PermanentError
from converter.encoding import verification
from converter.ffmpeg import commands
from converter.ffmpeg.commands import Piece, Source
from converter.ffmpeg.process import Finished, LineReader, Run, run
from converter.ffmpeg.progress import Progress
from converter.media import channel_layouts, completeness, ogg, pcm_headers, probe
from converter.media.completeness import Extent
from converter.media.packets import Packets
from converter.media.probe import Track

log = logging.getLogger(__name__)

# Tracks that are tried when the default one cannot be decoded.
_MOST_TRIED = 8
# Containers whose tracks are found as they come.
_LATE_TRACKS = frozenset({"flv", "live_flv", "mpegts", "mpeg"})
# s by which a track may begin before another one ends that continues it.
_OVERLAP = 0.5


class Undecodable(PermanentError):
    """Raised when a track has no sound that can be decoded; another track may have."""


@dataclass(frozen=True)
class Part:
    """A track of a file, from its beginning to its end."""

    source: Source
    piece: Piece
    packets: Packets


@dataclass(frozen=True)
class Selection:
    """The sound to convert: one part, or several that continue each other.

    This is the place to decide what becomes of it: `track.codec` and `steady` say whether its packets could be copied.
    """

    track: Track
    parts: tuple[Part, ...]
    late: float
    """Seconds that the sound begins after the file."""

    @property
    def steady(self) -> bool:
        """Whether it is one track whose clock runs on from its first packet to its last."""
        return len(self.parts) == 1 and self.parts[0].packets.timeline.regular

    @property
    def duration(self) -> float:
        """Seconds of the whole sound, with the silence in its gaps."""
        return sum(one.packets.timeline.length + one.packets.timeline.silence.inserted for one in self.parts)

    @property
    def least(self) -> float:
        """The same where it is shorter by the packets' durations, which may be rounded."""
        return min(
            self.duration,
            sum(one.packets.timeline.sound + one.packets.timeline.silence.inserted for one in self.parts),
        )


class Recording:
    """A file, as far as it is known. Raises `PermanentError` when it holds nothing to convert."""

    def __init__(self, file: BinaryIO, how: Run) -> None:
        self._file = file
        self._how = how
        self.size = os.fstat(file.fileno()).st_size
        if not self.size:
            raise PermanentError("This file is empty", Failure.EMPTY_FILE)
        pcm_headers.correct(file)
        self.source = Source(Path(file.name))
        listing = self.run(commands.listing, Progress()).log
        self.container = probe.container(listing)
        self.extent = completeness.extent(file, self.container.name)
        self.tracks = probe.tracks(listing)
        self.chapters = probe.chapters(listing)
        if not self.tracks:
            self._look_further()
        if not self.tracks and self.extent is not Extent.WHOLE:
            # A file that is cut may lack a track.
            raise verification.incomplete(self.end())

    def candidates(self, wanted: int | None) -> list[Track]:
        """The tracks to try, the best first; raises `PermanentError` when there is none."""
        return [track for track in probe.candidates(self.tracks, wanted)[:_MOST_TRIED] if track.codec != "none"]

    def preferred(self, wanted: int | None) -> int:
        """The number of the track that is converted if it can be decoded."""
        return probe.candidates(self.tracks, wanted)[0].number

    def track_tags(self, track: Track) -> dict[str, str]:
        """A track's tags. Its title is the track's name, such as "Commentary"; only Ogg has titles nowhere else."""
        if self.container.name == "ogg":
            return track.tags
        return {name: value for name, value in track.tags.items() if name.casefold() != "title"}

    def run(self, build: Callable[[Source], list[str]], reader: LineReader) -> Finished:
        """Runs a command of `converter.ffmpeg.commands` on the file."""
        return _run(self._how, self.source, build, reader)

    def end(self) -> float:
        """Where the packets of all tracks end: seconds from the file's start."""
        progress = Progress()
        self.run(commands.measuring, progress)
        return progress.position

    def _look_further(self) -> bool:
        """Finds tracks that begin late, where containers do not list them at the beginning; true when there are any."""
        further = self.source.looking_further(min(self.size, self._how.limits.memory // 2))
        if self.container.name not in _LATE_TRACKS or further.probe == self.source.probe:
            return False
        tracks = probe.tracks(_run(self._how, further, commands.listing, Progress()).log)
        if len(tracks) <= len(self.tracks):
            return False
        log.info("Found %d tracks of sound that begin late", len(tracks) - len(self.tracks))
        self.source, self.tracks = further, tracks
        return True

    def select(self, track: Track) -> Selection:
        """What there is of a track; raises Undecodable when it has no packets, `PermanentError` when it is cut."""
        parts = self._parts(track)
        if self.container.name in _LATE_TRACKS:
            parts = self._continued(track, parts)
        parts = [part for part in parts if part.packets.count]
        if not parts:
            raise self._cut(0.0) or Undecodable(verification.NO_SOUND, Failure.NO_AUDIO)
        self._refuse_cut(parts[-1].packets)
        late = max(0.0, (parts[0].packets.timeline.start or 0.0) - self.container.start)
        return Selection(track, tuple(parts), late)

    def _parts(self, track: Track) -> list[Part]:
        """The track as a whole, or in the stretches of a chained Ogg file."""
        if self.container.name == "ogg":
            stretches = ogg.stretches(self._file)
            if len(stretches) > 1:
                return list(self._links(track, stretches))
        part = self._part(self.source, track)
        if self.container.name == probe.MPEG_TS and len(self._continued(track, [part])) == 1:
            merged = self._part(replace(self.source, merged=True), track)
            # Otherwise what continues the track elsewhere plays at the same time: it is another track.
            if merged.packets.count > part.packets.count and not _overlaps(merged):
                return [merged]
        return [part]

    def _links(self, track: Track, stretches: Sequence[ogg.Stretch]) -> Iterator[Part]:
        for number, stretch in enumerate(stretches):
            link = Source(self._how.folder / f"link-{number}.ogg")
            ogg.write(self._file, stretch, link.path)
            found = probe.tracks(_run(self._how, link, commands.listing, Progress()).log)
            if found:
                yield self._part(link, found[min(track.number, len(found)) - 1])

    def _part(self, source: Source, track: Track) -> Part:
        packets = Packets()
        finished = _run(self._how, source, partial(commands.packets, stream=track.stream), packets)
        packets.finish(finished.log)
        return Part(
            source, Piece(track.stream, mix=channel_layouts.mix(track.layout), mono=track.layout == "mono"), packets
        )

    def _continued(self, track: Track, parts: list[Part]) -> list[Part]:
        """The track, and those that begin when it has ended: a programme's sound that moved to another one."""
        if parts[-1].packets.new_track and not self._look_further():
            raise PermanentError(
                "This video's sound continues on another track that begins too late in the file to be found",
                Failure.UNSUPPORTED,
            )
        end = parts[-1].packets.timeline.end
        for other in self.tracks:
            if other.stream == track.stream or other.begin <= end - _OVERLAP:
                continue
            part = self._part(self.source, other)
            if part.packets.count and (part.packets.timeline.start or 0.0) > end - _OVERLAP:
                parts = [*parts, part]
                end = part.packets.timeline.end
        return parts

    def _refuse_cut(self, packets: Packets) -> None:
        """Raises `PermanentError` when sound is missing at the end of the file."""
        timeline = packets.timeline
        error = self._cut(timeline.end - self.container.start)
        if error and not (self._by_packets and not packets.partial):
            raise error
        if packets.failed and not self._reaches(timeline.end):
            seconds = timeline.end - self.container.start
            raise PermanentError(
                f"This video is damaged: it can be read for the first {seconds:.1f} seconds only", Failure.DAMAGED
            )

    def _cut(self, end: float) -> PermanentError | None:
        """The error of a file that is cut, if it is; its sound ends after so many seconds."""
        if self.extent is Extent.WHOLE:
            return None
        if self.extent is Extent.DOUBTFUL and not self._by_packets:
            last = max(end, self.end())
            if self._reaches(last + self.container.start):
                return None
            end = last
        return verification.incomplete(end)

    @property
    def _by_packets(self) -> bool:
        """Whether bytes are missing and ffmpeg says which packets that concerns."""
        return self.extent is Extent.DOUBTFUL and self.container.name in {probe.MP4, "avi"}

    def _reaches(self, end: float) -> bool:
        """Whether a time stamp is where the file is said to end; some count that from 0, others from the start."""
        declared = self.container.duration
        if declared is None:
            return False
        return not all(
            verification.is_short(one, declared, self.container.frame) for one in (end, end - self.container.start)
        )


def _overlaps(part: Part) -> bool:
    """Whether there is more sound than time, or the clock goes back."""
    timeline = part.packets.timeline
    return timeline.set_back > 0 or timeline.sound > timeline.end - (timeline.start or 0.0) + _OVERLAP


def _run(how: Run, source: Source, build: Callable[[Source], list[str]], reader: LineReader) -> Finished:
    with source.opened() as opened:
        return run(build(opened), how, source=opened.fd, output=reader)
