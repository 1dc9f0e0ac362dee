"""Finds the sound of a file: its tracks, and the packets of the one to convert, before anything is decoded."""

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from common.errors import Failure, PermanentError
from converter.ffmpeg import commands
from converter.ffmpeg.inputs import Piece, Source
from converter.ffmpeg.output import LineReader, Progress
from converter.ffmpeg.process import Finished, Run, run
from converter.media import channel_layouts, completeness, ogg, pcm_headers, probe
from converter.media.completeness import Extent
from converter.media.packets import Packets
from converter.media.probe import Track

log = logging.getLogger(__name__)

# Tracks that are tried when the default one cannot be decoded.
_MOST_TRIED = 8
# Containers that do not list their tracks at the beginning.
_LATE_TRACKS = frozenset({"flv", "live_flv", "mpegts", "mpeg"})
# Containers whose start ffmpeg moves to that of the track which it reads, unless it seeks.
_MOVED_STARTS = frozenset({probe.MPEG_TS, "mpeg"})
# ffmpeg's line about the track that it reads, the first after `commands.STREAM_MAPPING`.
_MAPPED = re.compile(r"  Stream #0:(\d+) -> #0:0 ")
# s by which a track that continues another one may begin before that one ends.
_OVERLAP = 0.5


class Undecodable(PermanentError):
    """A track has no sound that can be decoded; another track may have."""


@dataclass(frozen=True)
class Part:
    source: Source
    piece: Piece
    packets: Packets
    copy: Path | None = None
    """An MP3 with the packets as they are, if one was requested and written."""


@dataclass(frozen=True)
class Selection:
    """The sound to convert: one part, or several that continue each other."""

    track: Track
    parts: tuple[Part, ...]
    late: float
    """Seconds that the sound begins after the file."""

    @property
    def steady(self) -> bool:
        """Whether it is one track whose clock has neither gaps nor jumps."""
        return len(self.parts) == 1 and self.parts[0].packets.timeline.regular

    @property
    def duration(self) -> float:
        """Seconds of the whole sound, with the silence in its gaps."""
        return sum(one.packets.timeline.length + one.packets.timeline.silence.inserted for one in self.parts)

    @property
    def least(self) -> float:
        """The duration by the packets' own durations, which may be rounded, where that is shorter."""
        return min(
            self.duration,
            sum(one.packets.timeline.sound + one.packets.timeline.silence.inserted for one in self.parts),
        )


class Recording:
    """A file and its tracks. Raises `PermanentError` when it holds nothing to convert."""

    def __init__(self, file: BinaryIO, how: Run, start: float | None = None) -> None:
        """`start` is the first time stamp of the recording from which this sound was taken, if it was."""
        self._file = file
        self._how = how
        self._size = os.fstat(file.fileno()).st_size
        if not self._size:
            raise PermanentError("This file is empty.", Failure.EMPTY_FILE)
        pcm_headers.correct(file)
        self.source = Source(Path(file.name))
        # Lists that were made before they were requested, by source and stream.
        self._listed: dict[tuple[Source, int], Packets] = {}
        listing = self._list()
        self.container = probe.container(listing)
        # Seconds by which the file begins later than the recording: times count from the start of that.
        self._offset = 0.0
        if start is not None and start < self.container.start:
            self._offset = self.container.start - start
            self.container = replace(self.container, start=start)
        self._extent = completeness.extent(file, self.container.name)
        self._tracks = probe.tracks(listing)
        self.chapters = probe.chapters(listing)
        if not self._tracks:
            self._look_further()
        if not self._tracks and self._extent is not Extent.WHOLE:
            # A file that is cut may lack a track.
            raise completeness.incomplete(self._end())

    def candidates(self, wanted: int | None) -> list[Track]:
        """The tracks to try, the best first; raises `PermanentError` when there is none."""
        return probe.candidates(self._tracks, wanted)[:_MOST_TRIED]

    def track_tags(self, track: Track) -> dict[str, str]:
        """A track's tags. Its title is the track's name, such as "Commentary"; only Ogg has titles nowhere else."""
        if self.container.name == "ogg":
            return track.tags
        return {name: value for name, value in track.tags.items() if name.casefold() != "title"}

    def run(self, build: Callable[[Source], list[str]], reader: LineReader, source: Source | None = None) -> Finished:
        """Runs a command of `converter.ffmpeg.commands` on the file, or on another source."""
        with (source or self.source).opened() as opened:
            return run(build(opened), self._how, source=opened.fd, output=reader)

    def select(self, track: Track, copy: Mapping[str, str] | None = None) -> Selection:
        """Lists the packets of a track; `copy` requests an MP3 of them with these tags.

        Raises Undecodable when its codec is unknown or it has no packets, `PermanentError` when it is cut.
        """
        if track.codec == "none":
            raise Undecodable(probe.UNDECODABLE, Failure.UNSUPPORTED)
        parts = self._parts(track, copy)
        if self.container.name in _LATE_TRACKS:
            parts = self._continued(track, parts)
        parts = [part for part in parts if part.packets.count]
        if not parts:
            raise self._cut(0.0) or Undecodable(probe.NO_SOUND, Failure.NO_AUDIO)
        self._refuse_cut(parts[-1].packets)
        late = max(0.0, (parts[0].packets.timeline.start or 0.0) - self.container.start)
        if self.container.name in _MOVED_STARTS:
            parts[0] = replace(parts[0], piece=replace(parts[0].piece, late=late))
        return Selection(track, tuple(parts), late)

    def _list(self) -> str:
        """What is in the file. The same run of ffmpeg lists the packets of the first track, which saves a start.

        Not for an MP3, because its packets are listed while they are copied.
        """
        if _is_mp3(self._file):
            return self.run(commands.listing, Progress()).log
        packets = Packets()
        finished = self.run(commands.listing_with_packets, packets)
        listing, _, mapping = finished.log.partition(commands.STREAM_MAPPING)
        mapped = _MAPPED.match(mapping)
        if mapped:
            packets.finish(finished.log)
            self._listed[self.source, int(mapped[1])] = packets
        return listing

    def _end(self) -> float:
        """Where the packets of all tracks end: seconds from the file's start."""
        progress = Progress()
        self.run(commands.measuring, progress)
        return progress.position

    def _look_further(self) -> bool:
        """Finds tracks that begin late, where containers do not list them at the beginning; true when there are any."""
        further = self.source.looking_further(min(self._size, self._how.limits.memory // 2))
        if self.container.name not in _LATE_TRACKS or further.probe == self.source.probe:
            return False
        tracks = probe.tracks(self.run(commands.listing, Progress(), further).log)
        if len(tracks) <= len(self._tracks):
            return False
        log.info("Found %d audio tracks that begin late", len(tracks) - len(self._tracks))
        self.source, self._tracks = further, tracks
        return True

    def _parts(self, track: Track, copy: Mapping[str, str] | None) -> list[Part]:
        """The track as a whole, or in the stretches of a chained Ogg file."""
        if self.container.name == "ogg":
            stretches = ogg.stretches(self._file)
            if len(stretches) > 1:
                return list(self._links(track, stretches))
        part = self._part(self.source, track, copy)
        if self.container.name == probe.MPEG_TS and len(self._continued(track, [part])) == 1:
            merged = self._part(replace(self.source, merged=True), track, copy)
            # Otherwise what continues the track elsewhere plays at the same time: it is another track.
            continues = merged.packets.count > part.packets.count and not _overlaps(merged)
            part, other = (merged, part) if continues else (part, merged)
            if other.copy is not None:
                # It is absent if the MP3 could not be written.
                other.copy.unlink(missing_ok=True)
        return [part]

    def _links(self, track: Track, stretches: Sequence[ogg.Stretch]) -> Iterator[Part]:
        for number, stretch in enumerate(stretches):
            link = Source(self._how.folder / f"link-{number}.ogg")
            ogg.write(self._file, stretch, link.path)
            found = probe.tracks(self.run(commands.listing, Progress(), link).log)
            if found:
                yield self._part(link, found[min(track.number, len(found)) - 1])

    def _part(self, source: Source, track: Track, copy: Mapping[str, str] | None = None) -> Part:
        piece = Piece(
            track.stream, mix=channel_layouts.mix(track.layout), mono=track.layout == "mono", offset=self._offset
        )
        if copy is None and (source, track.stream) in self._listed:
            return Part(source, piece, self._listed[source, track.stream])
        packets = Packets()
        target = self._how.folder / f"copy-{source.merged:d}.mp3"
        if copy is None:
            build = partial(commands.packets, stream=track.stream)
        else:
            build = partial(commands.copying, stream=track.stream, name=target.name, tags=copy)
        finished = self.run(build, packets, source)
        packets.finish(finished.log)
        return Part(source, piece, packets, None if copy is None or finished.code else target)

    def _continued(self, track: Track, parts: list[Part]) -> list[Part]:
        """The track, and those that begin when it has ended: the programme's sound moved to another track."""
        if parts[-1].packets.new_track and not self._look_further():
            raise PermanentError(
                "This video is not supported: its audio continues on another track that could not be found.",
                Failure.UNSUPPORTED,
            )
        end = parts[-1].packets.timeline.end
        for other in self._tracks:
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
                f"This video is damaged: it can be read for the first {seconds:.1f} seconds only.", Failure.DAMAGED
            )

    def _cut(self, end: float) -> PermanentError | None:
        """The error of a file that is cut, if it is; its sound ends after so many seconds."""
        if self._extent is Extent.WHOLE:
            return None
        if self._extent is Extent.DOUBTFUL and not self._by_packets:
            last = max(end, self._end())
            if self._reaches(last + self.container.start):
                return None
            end = last
        return completeness.incomplete(end)

    @property
    def _by_packets(self) -> bool:
        """Whether bytes are missing and ffmpeg says which packets that concerns."""
        return self._extent is Extent.DOUBTFUL and self.container.name in {probe.MP4, "avi"}

    def _reaches(self, end: float) -> bool:
        """Whether a time stamp is at the declared end; some files count that from 0, others from the start."""
        declared = self.container.duration
        if declared is None:
            return False
        return not all(
            completeness.is_short(one, declared, self.container.frame) for one in (end, end - self.container.start)
        )


def _is_mp3(file: BinaryIO) -> bool:
    """Whether the file begins with ID3 tags or with a frame of layer III."""
    head = os.pread(file.fileno(), 3, 0)
    return head == b"ID3" or (len(head) == 3 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2)


def _overlaps(part: Part) -> bool:
    """Whether there is more sound than time, or the clock goes back."""
    timeline = part.packets.timeline
    return timeline.set_back > 0 or timeline.sound > timeline.end - (timeline.start or 0.0) + _OVERLAP
