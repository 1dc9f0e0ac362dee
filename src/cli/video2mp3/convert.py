"""Converts videos: uploads them, waits and downloads the MP3s, several at a time with a progress bar for each."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from video2mp3.api import Api
from video2mp3.errors import CliError, ConversionFailed

# The files that are converted in a folder. A named file is always converted.
SUFFIXES = frozenset(
    {"3g2", "3gp", "asf", "avi", "divx", "f4v", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf"}
    | {"ogm", "ogv", "rm", "rmvb", "ts", "vob", "webm", "wmv"}
)


def without_suffix(name: str) -> str:
    """The name without its extension. "Interview with Dr. No" has none."""
    return re.sub(r"(?<=.)\.[A-Za-z0-9]{2,5}$", "", name)


@dataclass(frozen=True)
class Outcome:
    video: Path
    mp3: Path | None = None
    job: dict[str, Any] | None = None
    error: CliError | None = None

    def public(self) -> dict[str, Any]:
        return {
            "video": str(self.video),
            "mp3": str(self.mp3) if self.mp3 else None,
            "job": self.job,
            "error": str(self.error) if self.error else None,
            "error_code": self.error.code if self.error else None,
        }


def videos(paths: Iterable[Path]) -> list[Path]:
    """The files and the videos in the folders, in order and without duplicates; raises CliError if one is missing."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix[1:].lower() in SUFFIXES and file.is_file())
            found.update(dict.fromkeys(inside))
        elif path.is_file():
            found[path] = None
        else:
            raise CliError(f"There is no file or folder {path}.", "file_not_found")
    if not found:
        raise CliError(f"There is no video in {', '.join(map(str, paths))}.", "file_not_found")
    return list(found)


@dataclass(frozen=True)
class Converter:
    api: Api
    options: Mapping[str, str]
    output: Path | None
    wait: bool

    def all(self, files: list[Path], parallel: int, console: Console) -> list[Outcome]:
        """Converts `parallel` files at a time; the outcomes are in the order of the files."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[state]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as progress, ThreadPoolExecutor(parallel) as pool:

            def one(video: Path, target: Path) -> Outcome:
                task = progress.add_task(escape(video.name), total=200, state="waiting")
                return self._one(video, target, progress, task)

            return list(pool.map(one, files, self._targets(files)))

    def _targets(self, files: list[Path]) -> list[Path]:
        """The path of each MP3: talk.mp3, or talk.mkv.mp3 if talk.mp4 is converted too."""
        plain = [(self.output or video.parent) / f"{without_suffix(video.name)}.mp3" for video in files]
        counted = Counter(plain)
        return [
            target if counted[target] == 1 else target.with_name(f"{video.name}.mp3")
            for video, target in zip(files, plain, strict=True)
        ]

    def _one(self, video: Path, target: Path, progress: Progress, task: TaskID) -> Outcome:
        try:
            outcome = self._convert(video, target, progress, task)
        except CliError as error:
            outcome = Outcome(video, error=error)
        except OSError as error:
            outcome = Outcome(video, error=CliError(f"{error.strerror}: {error.filename}"))
        progress.update(task, state="failed" if outcome.error else "done")
        return outcome

    def _convert(self, video: Path, target: Path, progress: Progress, task: TaskID) -> Outcome:
        size = video.stat().st_size or 1

        def sent(count: int) -> None:
            progress.update(task, completed=100 * count / size, state="uploading")

        fid = self.api.upload(video, self.options, sent)
        if not self.wait:
            return Outcome(video, job=self.api.job(fid))

        def converted(job: dict[str, Any]) -> None:
            progress.update(task, completed=100 + job["progress"], state=job["status"])

        job = self.api.wait(fid, converted)
        if job["status"] != "completed":
            return Outcome(video, job=job, error=ConversionFailed(str(job["error"]), job.get("error_code") or "failed"))
        target.parent.mkdir(parents=True, exist_ok=True)
        self.api.download(job["mp3_fid"], target)
        return Outcome(video, target, job)
