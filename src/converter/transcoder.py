"""Turns a video into an MP3: looks at it, encodes its sound, and believes neither the file nor ffmpeg's exit code."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from common import notes
from common.errors import PermanentError
from common.notes import Note
from common.options import ConversionOptions

from . import announced as announcements
from . import copying, ffmpeg, id3, loudness, media, parallel, pictures, tags, verification
from .ffmpeg import Encoding, Piece
from .joining import NotJoinable
from .limits import Limits
from .placement import Seats
from .process import Finished, Run, run
from .progress import Progress, Share
from .verification import Mp3

log = logging.getLogger(__name__)

RESULT = "audio.mp3"
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
    seats: Seats | None = None,
) -> Transcode:
    """Writes the sound of `source` as an MP3 into `folder`.

    Both are the conversion's own: `source` has to be writable, changes meanwhile, and is what it was afterwards.
    `filename` is the user's name of the video; `threads` is how many encoders may work side by side, `seats` binds
    each program to a processor. `on_progress` gets a share from 0 to 1, at most four times a second; `should_stop` is
    asked about ten times a second. Both are called in the calling thread.
    Raises `PermanentError` with a sentence for the user, `TransientError`, and `Cancelled` when asked to stop.
    """
    how = Run(folder.resolve(), limits, time.monotonic() + limits.timeout, should_stop, seats)
    with source.open("rb") as file:
        conversion = _Conversion(file, how, Share(on_progress), options, threads)
        mp3 = conversion.convert(filename)
    conversion.share.complete()
    return Transcode(mp3.path, mp3.duration, tuple(conversion.notes))


class _Conversion:
    """The passes of ffmpeg over one file."""

    def __init__(self, source: BinaryIO, how: Run, share: Share, options: ConversionOptions, threads: int) -> None:
        self._source = source
        self._how = how
        self.share = share
        self._options = options
        self._threads = threads
        self.notes: list[Note] = []
        if not os.fstat(source.fileno()).st_size:
            raise PermanentError("This file is empty")
        listing = self._run(ffmpeg.listing(self._fd), Progress()).log
        self._container = media.container(listing)
        self._announced = announcements.read(source, self._container.name, self._container.duration)
        # Before anything else is wrong with it: a file that is cut may lack a track.
        verification.refuse_missing_bytes(source, self._announced)
        self._sound = media.sound(listing, self._container, options.track)
        self._copies = copying.wanted(options) and copying.is_mp3(listing, self._sound.stream)
        self._chapters = media.chapters(listing)
        self._start = options.start or 0.0
        self._late = max(0.0, self._sound.late - self._start)

    @property
    def _path(self) -> Path:
        return Path(self._source.name)

    @property
    def _fd(self) -> int:
        return self._source.fileno()

    def convert(self, filename: str) -> Mp3:
        """All of it."""
        total = self._announced.duration
        if total is None:
            total = self._measure(self._sound.stream)
        end = min(total, self._options.end) if self._options.end is not None else total
        if self._start and self._start >= total:
            raise PermanentError(
                f"This video ends after {total:.1f} seconds, before the chosen start at {self._start:g} seconds"
            )
        expected = end - self._start
        self._refuse_long(expected)
        log.debug("Found %s with %s, %s, expected %.3f s", self._container, self._sound, self._announced, expected)
        how = self._encoding(filename)
        mp3 = self._copy(how, expected) or self._encode(how, expected)
        chapters = id3.within(self._chapters, self._start + self._late, mp3.duration)
        cover = self._picture(expected) if self._options.cover == "frame" else None
        id3.add(mp3.path, id3.Extras(chapters, cover))
        return mp3

    def _encoding(self, filename: str) -> Encoding:
        options, limits = self._options, self._how.limits
        wanted = {"title": options.title, "artist": options.artist, "album": options.album}
        return Encoding(
            bitrate=options.bitrate if options.quality is None else None,
            quality=options.quality or 0,
            channels=_CHANNELS[options.channels],
            sample_rate=options.sample_rate or ffmpeg.output_rate(self._sound.sample_rate),
            tags=tags.choose(self._sound.tags, filename, wanted),
            max_seconds=limits.max_duration + 1,
            max_bytes=limits.max_output,
        )

    def _copy(self, how: Encoding, expected: float) -> Mp3 | None:
        """The track as it is, if it is MP3 and nothing is to be changed; None where it has to be encoded."""
        if not self._copies:
            return None
        with self._alone(Piece(self._sound.stream)) as sound:
            track = copying.Track(self._fd, sound.stream)
            copy = copying.copy(track, RESULT, how.tags, self._how, self.share.of(expected))
        if copy is None:
            return None
        self._refuse_long(copy.end)
        self._refuse_truncated(copy.end)
        self.notes.append(Note(notes.COPIED))
        return copy.mp3

    def _encode(self, how: Encoding, expected: float) -> Mp3:
        length = self._options.end - self._start if self._options.end is not None else None
        piece = Piece(self._sound.stream, self._start, length)
        with self._alone(piece) as sound:
            level, begin = self._level(sound, expected)
            mp3, end = self._pass(sound, how, level, expected, begin)
        self._refuse_truncated(end)
        span = end - self._late
        if verification.has_gaps(mp3, span):
            log.debug("Filling gaps: %.3f s of sound in %.3f s", mp3.duration, span)
            with self._alone(piece) as sound:
                mp3, _ = self._pass(replace(sound, fill_gaps=True), how, level, expected, begin)
        return mp3

    @contextmanager
    def _alone(self, piece: Piece) -> Iterator[Piece]:
        """Hides the pictures to save memory, unless that could change the sound; gives the piece of what is left."""
        # ffmpeg seeks by the pictures.
        if self._sound.alone is None or self._start:
            yield piece
            return
        with pictures.hidden(self._path):
            yield replace(piece, stream=f"a:{self._sound.alone}")

    def _level(self, piece: Piece, expected: float) -> tuple[str | None, float]:
        """The filter that normalizes the piece, and the share of the work that finding it took."""
        if not self._options.normalize:
            return None, 0.0
        progress = Progress(self.share.of(expected, 0.0, 0.5))
        finished = self._run(ffmpeg.measuring_loudness(self._fd, piece), progress)
        return loudness.correction(finished.log), 0.5

    def _pass(self, piece: Piece, how: Encoding, level: str | None, expected: float, begin: float) -> tuple[Mp3, float]:
        """Encodes; gives the MP3 and where in the piece its sound ended, in seconds."""
        limits = self._how.limits
        target = self._how.folder / RESULT
        finished, end = self._run_encoder(piece, how, level, expected, self.share.of(expected, begin))
        announced = self._announced.duration
        if announced is not None and any(sign in finished.log for sign in verification.BROKEN_OFF):
            raise verification.broke_off(end + self._start, announced)
        if finished.code:
            log.warning("ffmpeg ended with code %d: %s", finished.code, finished.log[-2000:])
            raise PermanentError("This video's sound cannot be decoded: it is damaged or of an unknown kind")
        self._refuse_long(end)
        # `-fs` ends the output with the packet that reaches it.
        if target.stat().st_size >= limits.max_output - 2000:
            raise limits.too_large()
        return verification.read(target, how.bitrate), end

    def _run_encoder(
        self, piece: Piece, how: Encoding, level: str | None, expected: float, tell: Callable[[float], None]
    ) -> tuple[Finished, float]:
        """Encodes on several processors where that is worth it, else on one; gives where the sound ended too."""
        target = self._how.folder / RESULT
        if self._threads > 1 and expected >= parallel.WORTH:
            order = parallel.Order(self._path, piece, level, how, target, expected)
            log.info("Encoding on %d processors", self._threads)
            try:
                return parallel.encode(order, self._how, self._threads, tell)
            except NotJoinable as error:
                log.warning("Encoding in one go: %s", error)
        progress = Progress(tell)
        finished = self._run(ffmpeg.encoding(self._fd, piece, target, how, level), progress)
        return finished, progress.position

    def _refuse_long(self, duration: float) -> None:
        limit = self._how.limits.max_duration
        if duration > limit:
            raise PermanentError(f"This video is longer than the limit of {limit / 60:.4g} minutes")

    def _refuse_truncated(self, length: float) -> None:
        """Raises when neither the sound nor anything else reaches the announced end: a sound may just be shorter."""
        promise = self._announced.duration
        end, start = self._start + length, max(0.0, self._container.start)
        if promise is None or end + start >= min(promise, self._options.end or promise) - verification.TOLERANCE:
            return
        last = max(end, self._measure(None)) + start
        if verification.is_short(last, promise, self._sound.frame):
            raise verification.broke_off(last, promise)

    def _picture(self, expected: float) -> bytes | None:
        """A frame of the chosen part as a JPEG; a video without pictures has none, and is no worse for it."""
        target = self._how.folder / COVER
        for at in (self._start + expected * _COVER_AT, 0.0):
            finished = self._run(ffmpeg.frame(self._fd, at, target), Progress())
            if finished.code == 0 and target.exists() and target.stat().st_size:
                return target.read_bytes()
        log.info("There is no frame for the cover: %s", finished.log[-200:])
        return None

    def _measure(self, stream: int | None) -> float:
        """Where the packets of a stream, or of all, end, in seconds."""
        progress = Progress()
        self._run(ffmpeg.measuring(self._fd, stream), progress)
        return progress.position

    def _run(self, command: list[str], progress: Progress) -> Finished:
        self._source.seek(0)  # a descriptor's position is shared with the processes that inherit it
        return run(command, self._how, source=self._fd, progress=progress)
