"""Turns a video into an MP3: looks at it, encodes its sound, and believes neither the file nor ffmpeg's exit code."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from common.errors import PermanentError

from . import announced as announcements
from . import ffmpeg, media, tags, verification
from .limits import Limits
from .process import Finished, Run, run
from .progress import Progress, Share
from .verification import Mp3

log = logging.getLogger(__name__)

RESULT = "audio.mp3"


@dataclass(frozen=True)
class Transcode:
    """A finished MP3."""

    path: Path
    duration: float
    """Seconds."""


def transcode(
    source: Path,
    folder: Path,
    *,
    filename: str,
    bitrate: int = 192,
    limits: Limits,
    on_progress: Callable[[float], None],
    should_stop: Callable[[], bool],
) -> Transcode:
    """Writes the sound of `source` as an MP3 of `bitrate` kbit/s into `folder`, which is the conversion's own.

    `filename` is the user's name of the video. `on_progress` gets a share from 0 to 1, at most four times a second;
    `should_stop` is asked about ten times a second. Both are called in the calling thread.
    Raises `PermanentError` with a sentence for the user, `TransientError`, and `Cancelled` when asked to stop.
    """
    how = Run(folder.resolve(), limits, time.monotonic() + limits.timeout, should_stop)
    with source.open("rb") as file:
        conversion = _Conversion(file, how, Share(on_progress))
        mp3 = conversion.encode(filename, bitrate)
    conversion.share.complete()
    return Transcode(mp3.path, mp3.duration)


class _Conversion:
    """The passes of ffmpeg over one file."""

    def __init__(self, source: BinaryIO, how: Run, share: Share) -> None:
        self._source = source
        self._how = how
        self.share = share
        if not os.fstat(source.fileno()).st_size:
            raise PermanentError("This file is empty")
        listing = self._run(ffmpeg.listing(self._fd), Progress()).log
        self._container = media.container(listing)
        self._announced = announcements.read(source, self._container.name, self._container.duration)
        # Before anything else is wrong with it: a file that is cut may lack a track.
        verification.refuse_missing_bytes(source, self._announced)
        self._sound = media.sound(listing, self._container)

    @property
    def _fd(self) -> int:
        return self._source.fileno()

    def encode(self, filename: str, bitrate: int) -> Mp3:
        """All of it."""
        self._refuse_long(self._announced.duration)
        expected = self._announced.duration
        if expected is None:
            expected = self._measure(self._sound.stream)
            self._refuse_long(expected)
        log.debug("Found %s with %s, %s, expected %.3f s", self._container, self._sound, self._announced, expected)
        chosen = tags.choose(self._sound.tags, filename)
        mp3, end = self._pass(bitrate, chosen, expected, fill_gaps=False)
        self._refuse_truncated(end)
        span = end - self._sound.late
        if verification.has_gaps(mp3, span):
            log.debug("Filling gaps: %.3f s of sound in %.3f s", mp3.duration, span)
            mp3, _ = self._pass(bitrate, chosen, expected, fill_gaps=True)
        return mp3

    def _pass(self, bitrate: int, chosen: dict[str, str], expected: float, *, fill_gaps: bool) -> tuple[Mp3, float]:
        """Encodes; gives the MP3 and where in the source's time its sound ended, in seconds."""
        limits = self._how.limits
        target = self._how.folder / RESULT
        progress = Progress(self.share.of(expected))
        command = ffmpeg.encoding(
            self._fd,
            self._sound.stream,
            target,
            bitrate=bitrate,
            sample_rate=self._sound.sample_rate,
            tags=chosen,
            max_seconds=limits.max_duration + 1,
            max_bytes=limits.max_output,
            fill_gaps=fill_gaps,
        )
        finished = self._run(command, progress)
        announced = self._announced.duration
        if announced is not None and any(sign in finished.log for sign in verification.BROKEN_OFF):
            raise verification.broke_off(progress.position, announced)
        if finished.code:
            log.warning("ffmpeg ended with code %d: %s", finished.code, finished.log[-2000:])
            raise PermanentError("This video's sound cannot be decoded: it is damaged or of an unknown kind")
        self._refuse_long(progress.position)
        # `-fs` ends the output with the packet that reaches it.
        if target.stat().st_size >= limits.max_output - 2000:
            raise PermanentError(f"The MP3 would be larger than the limit of {limits.max_output_mb} MB")
        return verification.read(target, bitrate), progress.position

    def _refuse_long(self, duration: float | None) -> None:
        limit = self._how.limits.max_duration
        if duration is not None and duration > limit:
            raise PermanentError(f"This video is longer than the limit of {limit / 60:.4g} minutes")

    def _refuse_truncated(self, end: float) -> None:
        """Raises when neither the sound nor anything else reaches the announced end: a sound may just be shorter."""
        promise = self._announced.duration
        start = max(0.0, self._container.start)
        if promise is None or end + start >= promise - verification.TOLERANCE:
            return
        last = max(end, self._measure(None)) + start
        if verification.is_short(last, promise, self._sound.frame):
            raise verification.broke_off(last, promise)

    def _measure(self, stream: int | None) -> float:
        """Where the packets of a stream, or of all, end, in seconds."""
        progress = Progress()
        self._run(ffmpeg.measuring(self._fd, stream), progress)
        return progress.position

    def _run(self, command: list[str], progress: Progress) -> Finished:
        self._source.seek(0)  # a descriptor's position is shared with the processes that inherit it
        return run(command, self._how, source=self._fd, progress=progress)
