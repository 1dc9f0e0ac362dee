"""The progress of several files: bars on a terminal, lines in a log."""

import sys
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from video2mp3.display import plain
from video2mp3.errors import CliError

# per cent between two lines about a file in the same state.
_STEP = 10


@dataclass(frozen=True)
class Stage:
    """How far a file is."""

    state: str
    percent: float | None = None
    job: str | None = None
    """The id of its upload, which becomes a job."""
    note: str | None = None
    """Why a request is repeated."""

    @property
    def text(self) -> str:
        return self.note or self.state


@dataclass
class Stages:
    """The stage of each file, without a display. It is closed when the command ends, even if threads do not."""

    stages: dict[Path, Stage] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closed: bool = False

    def update(self, video: Path, state: str, percent: float | None = None, job: str | None = None) -> None:
        """Without `job`, the one that was given before stays."""
        before = self.stages.get(video)
        self._set(video, Stage(state, percent, job or (before.job if before else None)))

    def repeats(self, video: Path, error: CliError) -> None:
        """A request about the file failed and is repeated."""
        before = self.stages.get(video, Stage("waiting"))
        self._set(video, replace(before, note=f"trying again: {error}"))

    def _set(self, video: Path, stage: Stage) -> None:
        with self._lock:
            if not self._closed:
                self.stages[video] = stage
                self.show(video, stage)

    def announce(self, video: Path, text: str) -> None:
        """Displays a line about the file that stays."""
        with self._lock:
            if not self._closed:
                self.write(f"{plain(str(video))}: {plain(text)}")

    def show(self, video: Path, stage: Stage) -> None:
        """Displays a stage."""

    def write(self, line: str) -> None:
        """Displays a line."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._closed = True


@dataclass
class Lines(Stages):
    """A line for each change of state, and for each step of `_STEP` per cent."""

    shown: dict[Path, tuple[str, int]] = field(default_factory=dict)

    def show(self, video: Path, stage: Stage) -> None:
        step = 0 if stage.note else int((stage.percent or 0) // _STEP * _STEP)
        if self.shown.get(video) == (stage.text, step):
            return
        self.shown[video] = (stage.text, step)
        percent = f", {step} %" if step else ""
        self.write(f"{plain(str(video))}: {plain(stage.text)}{percent}")

    def write(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


@dataclass
class Bars(Stages):
    """A bar for each file in progress, and a line for each that has ended."""

    bars: Progress = field(kw_only=True)
    tasks: dict[Path, TaskID] = field(default_factory=dict)

    def show(self, video: Path, stage: Stage) -> None:
        if stage.state in ENDED:
            if video in self.tasks:
                self.bars.remove_task(self.tasks.pop(video))
            self.write(f"{plain(str(video))}: {stage.state}")
            return
        if video not in self.tasks:
            self.tasks[video] = self.bars.add_task(escape(plain(video.name)), total=200, state="")
        # The upload is the first half of the bar, and the conversion the second.
        done = None if stage.percent is None else stage.percent + 100 * (stage.state == "converting")
        self.bars.update(self.tasks[video], completed=done, state=escape(plain(stage.text)))

    def write(self, line: str) -> None:
        self.bars.console.print(line, markup=False, highlight=False)

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self.bars.stop()


DONE, FAILED = "done", "failed"
ENDED = {DONE, FAILED}


def progress(console: Console) -> Stages:
    """Bars if a person watches, otherwise lines."""
    if not sys.stderr.isatty() or console.is_dumb_terminal:
        return Lines()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"), TimeRemainingColumn())
    return Bars(bars=Progress(*columns, console=console))
