"""Turns a video into an MP3: looks at it, encodes its sound, and believes neither the file nor ffmpeg's exit code."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from common.domain import notes
from common.domain.notes import Note
from common.domain.options import ConversionOptions
from common.errors import Failure, PermanentError
from converter.copying import copier
from converter.encoding.encoder import RESULT, Encoder, Wanted
from converter.encoding.verification import Mp3
from converter.ffmpeg import commands
from converter.ffmpeg.cpu_affinity import CpuAffinity
from converter.ffmpeg.limits import Limits
from converter.ffmpeg.process import Run
from converter.ffmpeg.progress import Progress, Share
from converter.media import probe
from converter.media.recording import Recording, Selection, Undecodable
from converter.mp3 import id3, tags

log = logging.getLogger(__name__)

COVER = "cover.jpg"
# Where in the chosen part the cover's frame is: after a black start, before anything is given away.
_COVER_AT = 0.1
_CHANNELS = {"keep": None, "mono": 1, "stereo": 2}


@dataclass(frozen=True)
class Transcode:
    """A finished MP3."""

    path: Path
    duration: float
    """Seconds."""
    notes: tuple[Note, ...] = ()
    """What its owner should know."""


def transcode(
    source: Path,
    folder: Path,
    *,
    filename: str,
    options: ConversionOptions,
    limits: Limits,
    on_progress: Callable[[float], None],
    should_stop: Callable[[], bool],
    threads: int = 1,
    affinity: CpuAffinity | None = None,
) -> Transcode:
    """Writes the sound of `source` as an MP3 into `folder`.

    Both are the conversion's own: a size in the header of `source` may be corrected.
    `filename` is the user's name of the video; `threads` is how many encoders may work side by side, `affinity` binds
    each program to a processor. `on_progress` gets a share from 0 to 1, at most four times a second; `should_stop` is
    asked about ten times a second. Both are called in the calling thread.
    Raises `PermanentError` with a sentence for the user, `TransientError`, and `Cancelled` when asked to stop.
    """
    limits = limits.for_file(source.stat().st_size)
    how = Run(folder.resolve(), limits, time.monotonic() + limits.timeout, should_stop, affinity)
    with source.open("r+b") as file:
        conversion = _Conversion(Recording(file, how), how, Share(on_progress), options, threads)
        result = conversion.convert(filename)
    conversion.share.complete()
    return result


class _Conversion:
    """The way from a recording to its MP3."""

    def __init__(self, recording: Recording, how: Run, share: Share, options: ConversionOptions, threads: int) -> None:
        self._recording = recording
        self._how = how
        self.share = share
        self._options = options
        self._threads = threads

    def convert(self, filename: str) -> Transcode:
        """The MP3 of the best track that can be decoded."""
        refused: Undecodable | None = None
        for track in self._recording.candidates(self._options.track):
            try:
                selection = self._recording.select(track)
                mp3, found = self._convert(selection, filename)
            except Undecodable as error:
                log.info("Track %d cannot be decoded: %s", track.number, error)
                refused = refused or error
                continue
            return Transcode(mp3.path, mp3.duration, (*self._skipped(selection), *found))
        raise refused or Undecodable(probe.UNDECODABLE, Failure.UNSUPPORTED)

    def _skipped(self, selection: Selection) -> tuple[Note, ...]:
        wanted = self._recording.preferred(self._options.track)
        if wanted == selection.track.number:
            return ()
        return (Note(notes.TRACK_SKIPPED, {"wanted": wanted, "used": selection.track.number}),)

    def _convert(self, selection: Selection, filename: str) -> tuple[Mp3, list[Note]]:
        wanted = self._wanted(selection)
        log.debug("Found %s, %s, expected %.3f s", self._recording.container, selection, wanted.expected)
        encoding = self._encoding(selection, filename)
        encoder = Encoder(selection, wanted, encoding, self._how, self._threads)
        copied = self._copy(selection, wanted, encoding)
        mp3, found = copied or encoder.encode(self.share, normalize=self._options.normalize)
        chapters = id3.within(self._recording.chapters, wanted.begin + selection.late, mp3.duration)
        cover = self._picture(wanted) if self._options.cover == "frame" else None
        id3.add(mp3.path, id3.Extras(chapters, cover))
        return mp3, found

    def _copy(self, selection: Selection, wanted: Wanted, encoding: commands.Encoding) -> tuple[Mp3, list[Note]] | None:
        """The track as it is, if it is MP3 and nothing is to be changed; None when it has to be encoded."""
        if selection.track.codec != "mp3" or len(selection.parts) > 1 or not copier.wanted(self._options):
            return None
        [part] = selection.parts
        tell = self.share.of(wanted.expected)
        mp3 = copier.copy(part, RESULT, encoding.tags, self._how, tell)
        return (mp3, [Note(notes.COPIED)]) if mp3 else None

    def _wanted(self, selection: Selection) -> Wanted:
        """The part of the sound that was chosen; raises `PermanentError` when there is none, or too much."""
        start, end = self._options.start or 0.0, self._options.end
        total = selection.late + selection.duration
        if start and start >= total:
            raise PermanentError(
                f"This video's sound ends after {total:.1f} seconds, before the chosen start at {start:g} seconds",
                Failure.OUTSIDE_RECORDING,
            )
        if end is not None and end <= selection.late:
            raise PermanentError(
                f"This video's sound begins after {selection.late:.1f} seconds, later than the chosen end at {end:g}",
                Failure.OUTSIDE_RECORDING,
            )
        wanted = Wanted(selection, start, end)
        limit = self._how.limits.max_duration
        if wanted.expected > limit:
            raise PermanentError(f"This video is longer than the limit of {limit / 60:.4g} minutes", Failure.TOO_LONG)
        return wanted

    def _encoding(self, selection: Selection, filename: str) -> commands.Encoding:
        options, limits = self._options, self._how.limits
        wanted = {"title": options.title, "artist": options.artist, "album": options.album}
        known = {**self._recording.track_tags(selection.track), **self._recording.container.tags}
        return commands.Encoding(
            bitrate=options.bitrate if options.quality is None else None,
            quality=options.quality or 0,
            channels=_CHANNELS[options.channels],
            sample_rate=options.sample_rate or commands.output_rate(selection.track.sample_rate),
            tags=tags.choose(known, filename, wanted),
            max_seconds=limits.max_duration + 1,
            max_bytes=limits.max_output,
        )

    def _picture(self, wanted: Wanted) -> bytes | None:
        """A frame of the chosen part as a JPEG; a video without pictures has none, and is no worse for it."""
        target = self._how.folder / COVER
        for at in (wanted.start + wanted.expected * _COVER_AT, 0.0):
            finished = self._recording.run(partial(commands.frame, at=at, target=target), Progress())
            if finished.code == 0 and target.exists() and target.stat().st_size:
                return target.read_bytes()
        log.info("There is no frame for the cover: %s", finished.log[-200:])
        return None
