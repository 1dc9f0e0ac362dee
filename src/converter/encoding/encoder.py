"""Encodes a selection and checks the result: with one ffmpeg if its clock is steady, else spliced."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from common.domain import notes
from common.domain.notes import Note
from common.errors import Failure, PermanentError, TransientError
from converter.encoding import silence_insertion, verification
from converter.encoding.silence_insertion import Decoded
from converter.encoding.verification import Mp3
from converter.ffmpeg import commands
from converter.ffmpeg.commands import Encoding
from converter.ffmpeg.inputs import Pcm, Piece
from converter.ffmpeg.output import Progress, Share
from converter.ffmpeg.process import Finished, Run, run
from converter.media import probe
from converter.media.recording import Selection, Undecodable
from converter.mp3.frames import BadFrame
from converter.parallel import encoding
from converter.parallel.joining import NotJoinable

log = logging.getLogger(__name__)

RESULT = "audio.mp3"
# s of lost sound that are worth a note, and the share of lost sound above which the conversion fails.
_WORTH_NOTING = 0.25
_MOST_LOST = 0.2
# s of sound that even a slow machine decodes in a second: the encoder makes no progress before the chosen start.
_SLOWEST = 20


@dataclass(frozen=True)
class Wanted:
    selection: Selection
    start: float
    """Seconds from the file's start."""
    end: float | None
    """Seconds from the file's start; None for the end of the sound."""

    @property
    def begin(self) -> float:
        """Seconds from the start of the sound."""
        return max(0.0, self.start - self.selection.late)

    @property
    def expected(self) -> float:
        """Seconds of the MP3, by the clock."""
        return self._seconds(self.selection.duration)

    @property
    def least(self) -> float:
        """Seconds of the MP3 by the packets' durations, if that is less."""
        return min(self.expected, self._seconds(self.selection.least))

    def samples(self, rate: int) -> slice:
        """The samples to keep of the whole sound, at that rate."""
        stop = None if self.end is None else round(max(0.0, self.end - self.selection.late) * rate)
        return slice(round(self.begin * rate), stop)

    def _seconds(self, total: float) -> float:
        end = total if self.end is None else min(total, self.end - self.selection.late)
        return max(0.0, end - self.begin)


class Encoder:
    def __init__(self, wanted: Wanted, encoding: Encoding, how: Run, threads: int) -> None:
        self._selection = wanted.selection
        self._wanted = wanted
        self._encoding = encoding
        self._how = how
        self._threads = threads
        self._target = how.folder / RESULT

    def encode(self, share: Share, *, normalize: bool) -> Mp3:
        """Raises Undecodable when nothing can be decoded, `PermanentError`, and as `process.run` does."""
        if self._selection.steady:
            mp3 = self._straight(share, normalize=normalize)
            if mp3 is not None:
                return mp3
            log.info("Converting again, by the time stamps of the decoded frames")
        return self._spliced(share, normalize=normalize)

    def _straight(self, share: Share, *, normalize: bool) -> Mp3 | None:
        """One ffmpeg reads, decodes and encodes; None when it fails, or loses sound."""
        [part] = self._selection.parts
        end = self._wanted.end
        piece = replace(part.piece, start=self._wanted.start, length=None if end is None else end - self._wanted.start)
        level, begin = None, 0.0
        if normalize:
            progress = Progress(share.of(self._wanted.expected, 0.0, 0.5))
            with part.source.opened() as source:
                command = commands.measuring_loudness(source, piece)
                level = commands.loudness_correction(run(command, self._how, source=source.fd, output=progress).log)
            begin = 0.5
        finished = self._run_encoder(piece, level, share.of(self._wanted.expected, begin))
        if finished.code or any(sign in finished.log for sign in silence_insertion.DECODING_FAILED):
            log.info("ffmpeg exited with code %d: %s", finished.code, finished.log[-2000:])
            return None
        mp3 = self._result()
        return mp3 if mp3 and verification.agrees(mp3, self._wanted.expected, self._wanted.least) else None

    def _run_encoder(self, piece: Piece, level: str | None, on_position: Callable[[float], None]) -> Finished:
        """Encodes on several processors where that saves time, else on one."""
        [part] = self._selection.parts
        if self._threads > 1 and self._wanted.expected >= encoding.WORTH:
            order = encoding.Order(part.source, piece, level, self._encoding, self._target, self._wanted.expected)
            log.info("Encoding on %d processors", self._threads)
            try:
                return encoding.encode(order, self._how, self._threads, on_position)
            except (NotJoinable, BadFrame) as error:
                log.warning("Encoding on one processor: %s", error)
        with part.source.opened() as source:
            command = commands.encoding(source, piece, self._target, self._encoding, level)
            return run(command, self._how, source=source.fd, output=Progress(on_position))

    def _spliced(self, share: Share, *, normalize: bool) -> Mp3:
        """One ffmpeg decodes, another one encodes, with silence where the sound has gaps."""
        level, begin = None, 0.0
        if normalize:
            progress = Progress(share.of(self._wanted.expected, 0.0, 0.5))
            measured, _ = self._splice(commands.measuring_loudness, progress)
            level, begin = commands.loudness_correction(measured.log), 0.5

        def command(source: Pcm, piece: Piece) -> list[str]:
            return commands.encoding(source, piece, self._target, self._encoding, level)

        finished, decoded = self._splice(command, Progress(share.of(self._wanted.expected, begin)))
        if not decoded.written:
            raise Undecodable(probe.NO_SOUND, Failure.NO_AUDIO)
        if finished.code:
            raise TransientError(f"ffmpeg could not encode: {finished.log[-200:]}")
        mp3 = self._result()
        written = decoded.written / self._encoding.sample_rate
        self._refuse_long(written)
        if mp3 is None or abs(mp3.duration - written) > verification.SLACK:
            raise TransientError(f"The MP3 is not whole: {mp3.duration if mp3 else 0} of {written:.3f} s")
        return replace(mp3, notes=tuple(self._notes(decoded)))

    def _splice(self, command: Callable[[Pcm, Piece], list[str]], progress: Progress) -> tuple[Finished, Decoded]:
        stall = self._how.limits.stall + (self._wanted.start + self._wanted.expected) / _SLOWEST
        how = replace(self._how, limits=replace(self._how.limits, stall=stall))
        mono = all(part.piece.mono for part in self._selection.parts)
        shape = Pcm(-1, self._encoding.sample_rate, self._encoding.channels or (1 if mono else 2))

        def consume(source: Pcm) -> Finished:
            return run(command(source, Piece(0)), how, source=source.fd, output=progress)

        return silence_insertion.spliced(self._selection.parts, shape, self._wanted.samples(shape.rate), how, consume)

    def _notes(self, decoded: Decoded) -> list[Note]:
        """Raises `PermanentError` when too much is lost."""
        found = []
        silence = decoded.silence
        lost = 0.0
        if decoded.complete:
            lost = silence_insertion.lost(decoded, self._selection.parts)
        if lost > _WORTH_NOTING:
            log.warning("%.3f s of audio cannot be decoded", lost)
            promised = self._selection.duration
            if decoded.errors and lost > _MOST_LOST * promised:
                raise PermanentError(
                    f"This video is damaged: {lost:.1f} of its {promised:.1f} seconds of audio cannot be decoded.",
                    Failure.DAMAGED,
                )
            found.append(Note(notes.SOUND_DAMAGED, {"seconds": round(lost, 1)}))
        gaps = silence.inserted - lost
        if gaps > _WORTH_NOTING:
            found.append(Note(notes.SILENCE_INSERTED, {"seconds": round(gaps, 1), "places": silence.places}))
        if silence.closed_places:
            closed = {"seconds": round(silence.closed, 1), "places": silence.closed_places}
            found.append(Note(notes.GAP_CLOSED, closed))
        return found

    def _result(self) -> Mp3 | None:
        """The MP3 that ffmpeg has written; None when it holds no sound."""
        limits = self._how.limits
        # `-fs` ends the output with the packet that reaches it.
        if self._target.exists() and self._target.stat().st_size >= limits.max_output - 2000:
            raise limits.too_large()
        try:
            mp3 = verification.read(self._target, self._encoding.bitrate)
        except PermanentError:
            return None
        self._refuse_long(mp3.duration - verification.SLACK)
        return mp3

    def _refuse_long(self, duration: float) -> None:
        limit = self._how.limits.max_duration
        if duration > limit:
            raise PermanentError(f"This video is longer than the limit of {limit / 60:.4g} minutes.", Failure.TOO_LONG)
