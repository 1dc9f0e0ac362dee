"""Converts a video to an MP3: lists its tracks, copies or encodes one, and verifies the result."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
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
from converter.ffmpeg.output import Progress, Share
from converter.ffmpeg.process import Run
from converter.ffmpeg.processor_time import ProcessorTime
from converter.media.probe import Track
from converter.media.recording import Recording, Selection, Undecodable
from converter.media.timeline import LONGEST_GAP
from converter.mp3 import tags
from converter.sandbox.confinement import Sandbox

log = logging.getLogger(__name__)

COVER = "cover.jpg"
# Position of the cover's frame in the chosen section: after a black start, before the plot is revealed.
_COVER_AT = 0.1
# Of one second.
_BYTES_PER_KBIT = 125
_CHANNELS = {"keep": None, "mono": 1, "stereo": 2}


def transcode(
    source: Path,
    folder: Path,
    *,
    filename: str,
    options: ConversionOptions,
    limits: Limits,
    recording_start: float | None = None,
    on_progress: Callable[[float], None],
    should_stop: Callable[[], bool],
    threads: int = 1,
    affinity: CpuAffinity | None = None,
    sandbox: Sandbox | None = None,
) -> Mp3:
    """Writes the sound of `source` as an MP3 into `folder`.

    No other conversion may use the two: a size in the header of `source` may be corrected.
    `recording_start` is the first time stamp of the video of which `source` is only the sound: times count from it.
    `filename` is the user's name of the video; `threads` is how many encoders may run at the same time, `affinity`
    binds each program to a processor, `sandbox` confines it. `on_progress` gets a share from 0 to 1, at most four times
    a second; `should_stop` is called about ten times a second. Both are called in the calling thread.
    Raises `PermanentError` with a sentence for the user, `TransientError`, and `Cancelled` when asked to stop.
    """
    limits = limits.for_file(source.stat().st_size)
    deadline, used = time.monotonic() + limits.timeout, ProcessorTime(limits.processor_time)
    how = Run(folder.resolve(), limits, deadline, should_stop, affinity, sandbox, used)
    with source.open("r+b") as file:
        conversion = _Conversion(Recording(file, how, recording_start), how, Share(on_progress), options, threads)
        result = conversion.convert(filename)
    conversion.share.complete()
    return result


class _Conversion:
    def __init__(self, recording: Recording, how: Run, share: Share, options: ConversionOptions, threads: int) -> None:
        self._recording = recording
        self._how = how
        self.share = share
        self._options = options
        self._threads = threads

    def convert(self, filename: str) -> Mp3:
        """The MP3 of the best track that can be decoded."""
        tracks = self._recording.candidates(self._options.track)
        errors = []
        for track in tracks:
            try:
                mp3 = self._convert(track, filename)
            except Undecodable as error:
                log.info("Track %d cannot be decoded: %s", track.number, error)
                errors.append(error)
                continue
            if track is tracks[0]:
                return mp3
            skipped = Note(notes.TRACK_SKIPPED, {"wanted": tracks[0].number, "used": track.number})
            return replace(mp3, notes=(skipped, *mp3.notes))
        raise errors[0]

    def _convert(self, track: Track, filename: str) -> Mp3:
        encoding = self._encoding(track, filename)
        may_copy = track.codec == "mp3" and copier.wanted(self._options)
        selection = self._recording.select(track, copy=encoding.tags if may_copy else None)
        wanted = self._wanted(selection)
        log.debug("Found %s, %s, expected %.3f s", self._recording.container, selection, wanted.expected)
        how = self._limited(selection)
        mp3 = None
        if len(selection.parts) == 1:
            mp3 = copier.finish(selection.parts[0], self._how.folder / RESULT, how.limits)
        if mp3 is None:
            for copy in self._how.folder.glob("copy-*.mp3"):
                copy.unlink()
            encoding = replace(encoding, max_bytes=how.limits.max_output)
            if encoding.bitrate and wanted.expected * encoding.bitrate * _BYTES_PER_KBIT > encoding.max_bytes:
                raise how.limits.too_large()
            encoder = Encoder(wanted, encoding, how, self._threads)
            mp3 = encoder.encode(self.share, normalize=self._options.normalize)
        chapters = tags.chapters_within(self._recording.chapters, wanted.begin + selection.late, mp3.duration)
        cover = self._picture(wanted) if self._options.cover == "frame" else None
        tags.add(mp3.path, chapters, cover)
        return mp3

    def _limited(self, selection: Selection) -> Run:
        """With the limits for a file with this sound."""
        timelines = [part.packets.timeline for part in selection.parts]
        silence = min(sum(one.silence.inserted for one in timelines), LONGEST_GAP)
        limits = self._how.limits.for_sound(sum(one.length for one in timelines), silence)
        self._how.processor_time.raise_limit(limits.processor_time)
        return replace(self._how, limits=limits)

    def _wanted(self, selection: Selection) -> Wanted:
        """The chosen section; raises `PermanentError` when it holds no sound, or too much."""
        start, end = self._options.start or 0.0, self._options.end
        total = selection.late + selection.duration
        if start and start >= total:
            raise PermanentError(
                f"The start ({start:g} s) is after the end of the audio, at {total:.1f} s.", Failure.OUTSIDE_RECORDING
            )
        if end is not None and end <= selection.late:
            raise PermanentError(
                f"The end ({end:g} s) is before the audio of this video, which starts at {selection.late:.1f} s.",
                Failure.OUTSIDE_RECORDING,
            )
        wanted = Wanted(selection, start, end)
        limit = self._how.limits.max_duration
        if wanted.expected > limit:
            raise PermanentError(f"This video is longer than the limit of {limit / 60:.4g} minutes.", Failure.TOO_LONG)
        return wanted

    def _encoding(self, track: Track, filename: str) -> commands.Encoding:
        options, limits = self._options, self._how.limits
        wanted = {"title": options.title, "artist": options.artist, "album": options.album}
        known = {**self._recording.track_tags(track), **self._recording.container.tags}
        return commands.Encoding(
            bitrate=options.bitrate if options.quality is None else None,
            quality=options.quality or 0,
            channels=_CHANNELS[options.channels],
            sample_rate=options.sample_rate or commands.output_rate(track.sample_rate),
            tags=tags.choose(known, filename, wanted),
            max_seconds=limits.max_duration + 1,
            max_bytes=limits.max_output,
        )

    def _picture(self, wanted: Wanted) -> bytes | None:
        """A frame of the chosen section as a JPEG; None for a video without pictures."""
        target = self._how.folder / COVER
        for at in (wanted.start + wanted.expected * _COVER_AT, 0.0):
            finished = self._recording.run(partial(commands.frame, at=at, target=target), Progress())
            if finished.code == 0 and target.exists() and target.stat().st_size:
                return target.read_bytes()
        log.info("The video has no frame for the cover: %s", finished.log[-200:])
        return None
