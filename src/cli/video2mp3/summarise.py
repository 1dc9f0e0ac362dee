"""Says what is in a video: converts it first if it is a file, asks for the summary, waits with a bar."""

import re
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from video2mp3.api import Api, Job, Summary
from video2mp3.errors import CliError, ConversionFailed, SummaryFailed

# The ending of a file → the name of its format in the API.
FORMATS = {".txt": "text", ".srt": "srt", ".vtt": "vtt"}
_JOB = re.compile(r"[0-9a-fA-F]{24}")


def check_transcript(target: Path | None) -> None:
    """Raises CliError unless the file's name says a format."""
    if target is not None and target.suffix.lower() not in FORMATS:
        raise CliError(f"{target}: the name of the transcript must end with {', '.join(FORMATS)}.")


def summarise(api: Api, source: str, transcript: Path | None, console: Console) -> Summary:
    """The summary of a job or a file; the transcript is written where it is asked for."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(escape(Path(source).name), total=100, state="waiting")

        def shown(what: Job | Summary) -> None:
            progress.update(task, completed=what["progress"], state=what["status"])

        def sent(count: int) -> None:
            progress.update(task, completed=100 * count / size, state="sending")

        path = Path(source)
        if path.is_file():
            api.check_summaries()
            size = path.stat().st_size or 1
            job = api.wait(api.upload(path, {}, sent), shown)
        elif _JOB.fullmatch(source):
            job = api.wait(source, shown)
        else:
            raise CliError(f"There is no file {source}, and it is no job's id.")
        if job["status"] != "completed":
            raise ConversionFailed(str(job["error"]))
        summary = api.wait_for_summary(api.summarise(job["mp3_fid"]), shown)
        if summary["status"] != "completed":
            raise SummaryFailed(str(summary["error"]))
        if transcript is not None:
            text = api.transcript(job["mp3_fid"], FORMATS[transcript.suffix.lower()])
            transcript.parent.mkdir(parents=True, exist_ok=True)
            transcript.write_text(text, encoding="utf-8")
        return summary
