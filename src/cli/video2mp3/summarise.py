"""Summarises a job or a file, which is converted first, with a progress bar."""

import re
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from video2mp3.api import Api, Job, Summary
from video2mp3.errors import CliError, ConversionFailed, SummaryFailed

# Extension of a file → name of the format in the API.
FORMATS = {".txt": "text", ".srt": "srt", ".vtt": "vtt"}
JOB_ID = re.compile(r"[0-9a-fA-F]{24}")


def check_transcript(target: Path | None) -> None:
    """Raises CliError unless the extension is one of FORMATS."""
    if target is not None and target.suffix.lower() not in FORMATS:
        raise CliError(f"{target}: the name of the transcript must end with {', '.join(FORMATS)}.", "invalid_format")


def summarise(api: Api, source: str, transcript: Path | None, console: Console) -> Summary:
    """Returns the summary of a job or a file, and writes the transcript to `transcript`."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[state]}"))
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(escape(Path(source).name), total=100, state="waiting")

        def show(what: Job | Summary) -> None:
            progress.update(task, completed=what["progress"], state=what["status"])

        def sent(count: int) -> None:
            progress.update(task, completed=100 * count / size, state="uploading")

        path = Path(source)
        if path.is_file():
            api.check_summaries()
            size = path.stat().st_size or 1
            job = api.wait(api.upload(path, {}, sent), show)
        elif JOB_ID.fullmatch(source):
            job = api.wait(source, show)
        else:
            message = f'There is no file "{source}", and it is not a job id; see `video2mp3 jobs`.'
            raise CliError(message, "file_not_found")
        if job["status"] != "completed":
            raise ConversionFailed(str(job["error"]), job.get("error_code") or "failed")
        summary = api.wait_for_summary(api.summarise(job["mp3_fid"]), show)
        if summary["status"] != "completed":
            raise SummaryFailed(str(summary["error"]), summary.get("error_code") or "failed")
        if transcript is not None:
            text = api.transcript(job["mp3_fid"], FORMATS[transcript.suffix.lower()])
            transcript.parent.mkdir(parents=True, exist_ok=True)
            transcript.write_text(text, encoding="utf-8")
        return summary
