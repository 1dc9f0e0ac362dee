"""Converts several videos at a time, until all have ended or the command is interrupted."""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from video2mp3.conversion.converter import Converter, Outcome
from video2mp3.conversion.progress import Stage
from video2mp3.display import plain
from video2mp3.errors import CliError, NotSignedIn, Stopped

# s that the threads have to close their requests and files. The process ends without those that need longer.
_GRACE = 0.3
# Files that were not begun and are listed.
_LISTED = 10

NOT_BEGUN = "not begun"


@dataclass(frozen=True)
class Runner:
    converter: Converter
    parallel: int
    outcomes: dict[Path, Outcome] = field(default_factory=dict)

    def run(self, plan: Sequence[tuple[Path, Path]]) -> list[Outcome]:
        """The outcomes of the videos, each with its target. After an interruption, those of the others are Stopped."""
        waiting = deque(plan)
        # Daemons, because a thread that waits for the network cannot be interrupted.
        threads = [
            threading.Thread(target=self._work, args=[waiting], daemon=True)
            for _ in range(min(self.parallel, len(plan)))
        ]
        try:
            with self.converter.stages:
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
        except KeyboardInterrupt:
            self.converter.api.stop.set()
            deadline = time.monotonic() + _GRACE
            for thread in threads:
                # A thread that has not started has no file.
                if thread.is_alive():
                    thread.join(max(0, deadline - time.monotonic()))
        outcomes = [self.outcomes.get(video) or self._unfinished(video) for video, _ in plan]
        self._delete_records(outcomes)
        return outcomes

    def _work(self, waiting: deque[tuple[Path, Path]]) -> None:
        while waiting and not self.converter.api.stop.is_set():
            try:
                video, target = waiting.popleft()
            except IndexError:
                return
            outcome = self.converter.convert(video, target)
            if isinstance(outcome.error, NotSignedIn):
                # All other files would fail in the same way.
                self.converter.api.stop.set()
            if not isinstance(outcome.error, Stopped):
                self.outcomes[video] = outcome

    def _unfinished(self, video: Path) -> Outcome:
        stage = self.converter.stages.stages.get(video)
        return Outcome(video, error=Stopped(where(stage), "interrupted"))

    def _delete_records(self, outcomes: Sequence[Outcome]) -> None:
        """The records are needed until the same command would find nothing left to do."""
        if not any(outcome.error for outcome in outcomes):
            records = self.converter.records
            for outcome in outcomes:
                # A file may have been moved in the meantime: its record is deleted when it is old.
                with suppress(FileNotFoundError):
                    records.delete(records.key(outcome.video, self.converter.options))


def report(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What is where after an interruption, and what failed otherwise."""
    stopped = [outcome for outcome in outcomes if isinstance(outcome.error, Stopped)]
    failed = [outcome for outcome in outcomes if outcome.error and outcome not in stopped]
    if stopped:
        done = len(outcomes) - len(stopped) - len(failed)
        yield f"Interrupted: {done} of {len(outcomes)} files finished. Run the same command again to continue."
        for outcome in outcomes:
            if not outcome.error:
                yield f"  {_name(outcome)}: finished" + (f": {plain(str(outcome.mp3))}" if outcome.mp3 else "")
    elif failed and len(outcomes) > 1:
        yield f"{len(failed)} of {len(outcomes)} files failed:"
    margin = "  " if len(outcomes) > 1 or stopped else ""
    for outcome in failed:
        yield f"{margin}{_name(outcome)}: {plain(str(outcome.error))}"
    waiting = [outcome for outcome in stopped if str(outcome.error) == NOT_BEGUN]
    shown = [outcome for outcome in stopped if outcome not in waiting] + waiting[:_LISTED]
    for outcome in shown:
        yield f"{margin}{_name(outcome)}: {outcome.error}"
    if len(waiting) > _LISTED:
        yield f"{margin}{len(waiting) - _LISTED} more files: {NOT_BEGUN}"


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """The code of the error of a single file; 1 if some of several files failed."""
    errors: list[CliError] = [outcome.error for outcome in outcomes if outcome.error]
    for kind in (NotSignedIn, Stopped):
        if any(isinstance(error, kind) for error in errors):
            return kind.exit_code
    if not errors:
        return 0
    return errors[0].exit_code if len(outcomes) == 1 else CliError.exit_code


def _name(outcome: Outcome) -> str:
    return plain(str(outcome.video))


def where(stage: Stage | None) -> str:
    """Where a file is that was not finished."""
    match stage:
        case None | Stage(job=None):
            return NOT_BEGUN
        case Stage(state="uploading", percent=float() | int() as percent):
            return f"uploaded to {percent:.0f} %"
        case Stage(state="resuming" | "finding the sound"):
            return "partly or completely uploaded"
        case Stage(state="downloading"):
            return f"converted on the server (job {stage.job}), not downloaded"
        case _:
            return f"uploaded, being converted on the server (job {stage.job})"
