"""Makes a summary: transcribes the recording, summarises the text, and stores the result.

Requests to the provider cost money. Each response is stored before the next request, and a later attempt continues
from there.
"""

import logging
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common.domain.leases import Lease, Leases
from common.domain.summaries import Recording, Stage, Summary
from common.domain.transcripts import Segment, Transcript, Transcripts
from common.errors import Failure, PermanentError
from common.messaging.handler import Busy, HandedBack
from common.runtime.checkpoints import Point, checkpoint
from common.storage.bucket import Bucket
from summary.provider.client import Provider
from summary.settings import SummarySettings
from summary.worker.mp3_pieces import Piece, pieces

log = logging.getLogger(__name__)

# Percent of the progress for the transcript of a recording; the rest is for its summary.
_TRANSCRIPT_SHARE = 80
# Where a long text can be split, best first: after a sentence, after a word.
_BOUNDARIES = (re.compile(r"[.!?…][\"'»”)]*\s"), re.compile(r"\s"))


@dataclass
class SummaryLease(Lease):
    """A summary as it was when the lease was acquired, and how often a worker has started it."""

    summary: Summary
    attempts: int


class TimeSlice:
    """How long a worker continues with one summary before it yields to others."""

    def __init__(self, seconds: float, must_stop: Callable[[], bool]) -> None:
        self._ends = time.monotonic() + seconds
        self._must_stop = must_stop
        self.progressed = False

    def check(self, lease: SummaryLease) -> None:
        """Called after each stored response; raises HandedBack, Busy or LeaseLost if the worker has to stop."""
        self.progressed = True
        lease.check()
        if self._must_stop():
            raise HandedBack("the worker is stopping")
        if time.monotonic() >= self._ends:
            raise Busy("yielding to other requests")


@dataclass(frozen=True)
class Pipeline:
    """The work on a summary whose lease this worker holds."""

    settings: SummarySettings
    leases: Leases
    transcripts: Transcripts
    mp3s: Bucket
    provider: Provider

    def run(self, lease: SummaryLease, time_slice: TimeSlice) -> None:
        """Completes the summary. Raises PermanentError, TransientError, or what `TimeSlice.check` raises."""
        found = lease.summary
        if lease.attempts > self.settings.max_crashes + 1:
            raise PermanentError("The summary failed: its worker crashed at each attempt.", Failure.CRASHED)
        self.provider.check_configured()
        if found.recording is None:
            text, done = found.text or "", 0
        else:
            text, done = self._transcribe(found.recording, lease, time_slice).text, _TRANSCRIPT_SHARE
        if not text.strip():
            raise PermanentError("There is no speech in this recording.", Failure.NO_SPEECH)
        digest, truncated = self._summarise(text, lease, time_slice, done)
        checkpoint(Point.SUMMARY_SUMMARISED)
        result = {**digest, "context_truncated": truncated, "error": None, "error_code": None}
        ended = {"status": Stage.COMPLETED.value, "progress": 100, "claim": None}
        self.leases.change(lease, {**result, **ended}, drop=("text", "notes"))

    def _transcribe(self, recording: Recording, lease: SummaryLease, time_slice: TimeSlice) -> Transcript:
        known = self.transcripts.begin(recording.mp3_fid, recording.video_fid, lease.summary.username)
        if known.complete:
            return known
        file = self.mp3s.find(recording.mp3_fid)
        if file is None:
            raise PermanentError("The MP3 is no longer stored.", Failure.NO_LONGER_STORED)
        max_bytes = self.settings.ai_transcription_max_mb * 1_000_000
        max_seconds = float(self.settings.ai_transcription_max_seconds)
        chunks = self.mp3s.read(file, known.offset)
        for piece in pieces(chunks, known.offset, max_bytes=max_bytes, max_seconds=max_seconds):
            progress = known.offset * _TRANSCRIPT_SHARE // file.length
            self._update(lease, status=Stage.TRANSCRIBING.value, progress=progress)
            log.info("Transcribing from %.0f s...", known.seconds)
            spoken = self.provider.transcribe(piece.data, piece.seconds)
            checkpoint(Point.SUMMARY_HEARD)
            segments = [Segment(s.start + known.seconds, s.end + known.seconds, s.text) for s in spoken]
            known = self._append(lease, known, segments, piece)
            checkpoint(Point.SUMMARY_APPENDED)
            time_slice.check(lease)
        return self._append(lease, known, [], None)

    def _append(
        self, lease: SummaryLease, known: Transcript, segments: list[Segment], piece: Piece | None
    ) -> Transcript:
        """Stores the segments of the next piece; without a piece, the transcript is complete."""
        end, seconds = (piece.end, known.seconds + piece.seconds) if piece else (known.offset, known.seconds)
        longer = self.transcripts.append(known, segments, offset=end, seconds=seconds, complete=piece is None)
        if longer is None:
            # The other worker may have lost the lease to this one: then this worker has to retry, not stop.
            self._update(lease, status=Stage.TRANSCRIBING.value)
            raise Busy("another worker has continued the transcript")
        return longer

    def _summarise(
        self, text: str, lease: SummaryLease, time_slice: TimeSlice, done: int
    ) -> tuple[dict[str, str], bool]:
        parts = split(text, self.settings.ai_summary_max_chars)
        included = parts[: self.settings.ai_summary_max_parts]
        truncated = len(included) < len(parts)
        text = included[0]
        if len(included) > 1:
            text, shortened = self._notes(included, lease, time_slice, done)
            truncated |= shortened
            done = 99
        self._update(lease, status=Stage.SUMMARISING.value, progress=done)
        log.info("Summarising...")
        return self.provider.summarise(text).model_dump(), truncated

    def _notes(self, parts: list[str], lease: SummaryLease, time_slice: TimeSlice, done: int) -> tuple[str, bool]:
        """Notes on each part, together short enough for one request, and whether notes had to be shortened."""
        limit = self.settings.ai_summary_max_chars // len(parts) - 1
        notes = list(lease.summary.notes[: len(parts)])
        for number, part in enumerate(parts[len(notes) :], start=len(notes) + 1):
            log.info("Summarising part %d of %d...", number, len(parts))
            # Models often exceed a length in characters, so they are asked for less than the limit.
            notes.append(self.provider.note(part, limit * 3 // 4))
            checkpoint(Point.SUMMARY_NOTED)
            progress = done + (99 - done) * number // (len(parts) + 1)
            self._update(lease, status=Stage.SUMMARISING.value, progress=progress, notes=notes)
            time_slice.check(lease)
        return "\n".join(note[:limit] for note in notes), any(len(note) > limit for note in notes)

    def _update(self, lease: SummaryLease, **fields: Any) -> None:
        lease.check()
        self.leases.change(lease, fields)


def split(text: str, limit: int) -> list[str]:
    """Splits a text into parts of at most `limit` characters, none of them empty."""
    parts, rest = [], text.strip()
    while len(rest) > limit:
        end = _boundary(rest, limit)
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [part for part in (*parts, rest) if part]


def _boundary(text: str, limit: int) -> int:
    # Only in the last fifth: much shorter parts would need more requests.
    earliest = limit * 4 // 5
    for pattern in _BOUNDARIES:
        ends = [match.end() for match in pattern.finditer(text, earliest, limit)]
        if ends:
            return ends[-1]
    return limit
