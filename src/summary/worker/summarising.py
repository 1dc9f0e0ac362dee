"""What the worker does with a message of the queue `summary`: transcribe the recording, summarise the text, store it.

Each answer that was paid for is stored before the next is asked for. A repetition at any point goes on from there.
"""

import logging
import time
from collections.abc import Callable

from common.domain.leases import LeaseLost, without_lease
from common.domain.summaries import Recording, Stage, Summaries, Summary
from common.domain.transcripts import Segment, Transcript, Transcripts
from common.errors import Failure, PermanentError, TransientError
from common.messaging.handler import Busy, HandedBack
from common.messaging.message import InvalidMessage, SummaryMessage
from common.runtime.checkpoints import Point, checkpoint
from common.storage.bucket import Bucket
from summary.provider.client import Provider, ProviderRefused
from summary.settings import SummarySettings
from summary.worker.leases import SummaryLease, SummaryLeases
from summary.worker.mp3_pieces import pieces
from summary.worker.text_parts import parts

log = logging.getLogger(__name__)

_CRASHED = "The summary was given up: its worker ended unexpectedly each time it was tried."
_SILENT = "There is no speech in this recording."
# Percent of the progress that a recording's transcript is; the rest is its summary.
_TRANSCRIPT_SHARE = 80


class _Turn:
    """When a worker has to stop between two requests, and whether it got on."""

    def __init__(self, seconds: float, must_stop: Callable[[], bool]) -> None:
        self._ends = time.monotonic() + seconds
        self._must_stop = must_stop
        self.got_on = False

    def step(self, lease: SummaryLease) -> None:
        """Called after something paid for was stored."""
        self.got_on = True
        lease.check()
        if self._must_stop():
            raise HandedBack("the worker stops")
        if time.monotonic() >= self._ends:
            raise Busy("others get their turn")


class Summarising:
    """Handles the messages of the queue `summary`."""

    def __init__(
        self,
        settings: SummarySettings,
        *,
        summaries: Summaries,
        transcripts: Transcripts,
        mp3s: Bucket,
        provider: Provider,
        must_stop: Callable[[], bool],
    ) -> None:
        self._settings = settings
        self._summaries = summaries
        self._transcripts = transcripts
        self._mp3s = mp3s
        self._provider = provider
        self._must_stop = must_stop
        self._leases = SummaryLeases(summaries, settings.claim_lease)

    def handle(self, message: SummaryMessage) -> None:
        """Makes the summary, or finds that nothing is to be done."""
        if self._current(message) is None:
            return
        lease = self._leases.take(message.summary_id)
        if lease is None:
            self._settle_without_lease(message)
            return
        checkpoint(Point.SUMMARY_LEASED)
        turn = _Turn(self._settings.summary_turn, self._must_stop)
        try:
            with self._leases.kept(lease):
                self._make(lease, turn)
        except LeaseLost as error:
            log.info("Nothing left to do: %s", error)
        except ProviderRefused as error:
            # The operator has to do something: the message becomes a dead letter, and can be replayed.
            self._fail(lease, error)
            raise
        except PermanentError as error:
            log.warning("The summary failed: %s", error)
            self._fail(lease, error)
        except (Busy, HandedBack):
            self._release(lease)
            raise
        except TransientError as error:
            self._release(lease)
            if turn.got_on:
                raise Busy(str(error), retry_after=error.retry_after) from error
            raise
        else:
            log.info("Summary complete!")

    def give_up(self, message: SummaryMessage, reason: str) -> None:
        """Marks the summary as failed; its owner may ask for it again."""
        log.error("No attempt is left: %s", reason)
        sentence = "The summary could not be made: the provider did not answer. Ask for it again later."
        found = self._current(message)
        if found is None:
            return
        checkpoint(Point.SUMMARY_BEFORE_GIVE_UP)
        self._summaries.fail(
            message.summary_id, sentence, Failure.PROVIDER_UNAVAILABLE, where={**found.this_run, **without_lease()}
        )
        self._settle_without_lease(message)

    def _release(self, lease: SummaryLease) -> None:
        checkpoint(Point.SUMMARY_BEFORE_RELEASE)
        self._leases.release(lease)

    def _fail(self, lease: SummaryLease, error: PermanentError) -> None:
        checkpoint(Point.SUMMARY_BEFORE_FAIL)
        self._summaries.fail(lease.id, str(error), error.code, where={"claim.token": lease.token})

    def _current(self, message: SummaryMessage) -> Summary | None:
        """The message's summary, None when the message has nothing to do; raises InvalidMessage."""
        found = self._summaries.get(message.summary_id)
        if found is None:
            log.info("The summary was deleted")
            return None
        if found.username != message.username:
            raise InvalidMessage("no summary has this id and username")
        if message.outdated(found.run):
            log.info("The summary was queued again since this message was sent")
            return None
        return found

    def _settle_without_lease(self, message: SummaryMessage) -> None:
        found = self._current(message)
        if found is not None and found.status not in {Stage.COMPLETED, Stage.FAILED}:
            raise Busy("another worker holds this summary")

    def _make(self, lease: SummaryLease, turn: _Turn) -> None:
        found = lease.summary
        if lease.attempts > self._settings.max_crashes + 1:
            raise PermanentError(_CRASHED, Failure.CRASHED)
        self._provider.check_configured()
        if found.recording is None:
            text, done = found.text or "", 0
        else:
            text, done = self._transcribe(found.recording, lease, turn).text, _TRANSCRIPT_SHARE
        if not text.strip():
            raise PermanentError(_SILENT, Failure.NO_SPEECH)
        digest, truncated = self._summarise(text, lease, turn, done)
        checkpoint(Point.SUMMARY_SUMMARISED)
        self._leases.complete(lease, {**digest, "context_truncated": truncated})

    def _transcribe(self, recording: Recording, lease: SummaryLease, turn: _Turn) -> Transcript:
        known = self._transcripts.begin(recording.mp3_fid, recording.video_fid, lease.summary.username)
        if known.complete:
            return known
        file = self._mp3s.find(recording.mp3_fid)
        if file is None:
            raise PermanentError("The MP3 is no longer stored.", Failure.NO_LONGER_STORED)
        limits = {
            "max_bytes": self._settings.ai_transcription_max_mb * 1_000_000,
            "max_seconds": float(self._settings.ai_transcription_max_seconds),
        }
        for piece in pieces(self._mp3s.read(file, known.offset), known.offset, **limits):  # type: ignore[arg-type]
            progress = known.offset * _TRANSCRIPT_SHARE // file.length
            self._leases.change(lease, status=Stage.TRANSCRIBING.value, progress=progress)
            log.info("Transcribing from %.0f s...", known.seconds)
            heard = self._provider.transcribe(piece.data, piece.seconds)
            checkpoint(Point.SUMMARY_HEARD)
            segments = [Segment(s.start + known.seconds, s.end + known.seconds, s.text) for s in heard]
            seconds = known.seconds + piece.seconds
            known = self._append(lease, known, segments, offset=piece.end, seconds=seconds, complete=False)
            checkpoint(Point.SUMMARY_APPENDED)
            turn.step(lease)
        return self._append(lease, known, [], offset=known.offset, seconds=known.seconds, complete=True)

    def _append(
        self,
        lease: SummaryLease,
        known: Transcript,
        segments: list[Segment],
        *,
        offset: int,
        seconds: float,
        complete: bool,
    ) -> Transcript:
        if not self._transcripts.append(known, segments, offset=offset, seconds=seconds, complete=complete):
            # Whoever continued it may have lost the summary to this worker, which then has to come back to it.
            self._leases.change(lease, status=Stage.TRANSCRIBING.value)
            raise Busy("another worker has continued the transcript")
        return Transcript(known.mp3_fid, (*known.segments, *segments), offset, seconds, complete)

    def _summarise(self, text: str, lease: SummaryLease, turn: _Turn, done: int) -> tuple[dict[str, str], bool]:
        settings = self._settings
        found = parts(text, settings.ai_summary_max_chars)
        chosen, truncated = found[: settings.ai_summary_max_parts], len(found) > settings.ai_summary_max_parts
        if len(chosen) > 1:
            text, shortened = self._notes(chosen, lease, turn, done)
            truncated |= shortened
        else:
            text = chosen[0]
        self._leases.change(lease, status=Stage.SUMMARISING.value, progress=max(done, 99 if len(chosen) > 1 else done))
        log.info("Summarising...")
        return self._provider.summarise(text).model_dump(), truncated

    def _notes(self, chosen: list[str], lease: SummaryLease, turn: _Turn, done: int) -> tuple[str, bool]:
        """What is in each part, together short enough for one request; whether notes had to be cut."""
        room = self._settings.ai_summary_max_chars // len(chosen) - 1
        notes = list(lease.summary.notes[: len(chosen)])
        for number, part in enumerate(chosen[len(notes) :], start=len(notes) + 1):
            log.info("Summarising part %d of %d...", number, len(chosen))
            # Models count characters badly: they are asked for less than there is room for.
            notes.append(self._provider.note(part, room * 3 // 4))
            checkpoint(Point.SUMMARY_NOTED)
            progress = done + (99 - done) * number // (len(chosen) + 1)
            self._leases.change(lease, status=Stage.SUMMARISING.value, progress=progress, notes=notes)
            turn.step(lease)
        return "\n".join(note[:room] for note in notes), any(len(note) > room for note in notes)
