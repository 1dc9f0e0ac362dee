"""Summarise a job or a file, which is converted first."""

import json
from pathlib import Path
from typing import Annotated

import typer

from video2mp3.api import Api, Job, Summary
from video2mp3.commands.parameters import AsJson, Force, signed_in
from video2mp3.conversion.converter import Converter
from video2mp3.conversion.progress import DONE, Stages, progress
from video2mp3.conversion.runner import where
from video2mp3.display import console, emit, plain
from video2mp3.errors import CliError, ConversionFailed, SummaryFailed
from video2mp3.new_files import new_file, require_absent
from video2mp3.records import Records
from video2mp3.uploads import JOB_ID

# Extension of a file → name of the format in the API.
FORMATS = {".txt": "text", ".srt": "srt", ".vtt": "vtt"}


def summarise(
    source: Annotated[str, typer.Argument(metavar="FILE|JOB", help="A video, or the id of a job.")],
    transcript: Annotated[
        Path | None,
        typer.Option("--transcript", "-t", help="Also write the transcript: .txt, or .srt or .vtt with times."),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Summarise a recording, if the server supports it. A file is converted first, and its job is kept.

    Examples:

        video2mp3 summarise talk.mp4

        video2mp3 summarise 6566f0c2a1b2c3d4e5f60718 --transcript talk.srt
    """
    if transcript is not None:
        if transcript.suffix.lower() not in FORMATS:
            names = ", ".join(FORMATS)
            raise CliError(f"{transcript}: the name of the transcript must end with {names}.", "invalid_format")
        require_absent(transcript, force=force)
    server, stages = signed_in(), progress(console)
    try:
        with stages:
            summary = _summary(server, source, transcript, stages, force=force)
    except KeyboardInterrupt:
        text = where(stages.stages.get(Path(source)))
        console.print(f"Interrupted. Run the same command again to continue.\n  {plain(source)}: {text}", markup=False)
        raise
    if as_json:
        emit(json.dumps({**summary, "transcript": str(transcript) if transcript else None}, ensure_ascii=False))
    else:
        emit(f"{plain(summary['category'])}: {plain(summary['summary'])}")


def _summary(api: Api, source: str, transcript: Path | None, stages: Stages, *, force: bool) -> Summary:
    """The summary of a job or a file; writes the transcript to `transcript`."""
    path, records = Path(source), Records(api.account)

    def show(what: Job | Summary) -> None:
        stages.update(path, what["status"], what["progress"])

    if path.is_file():
        api.check_summaries()
        job = Converter(api, records, {}, stages).completed(path)
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
        with new_file(transcript, force=force) as file:
            file.write(text.encode())
    if path.is_file():
        records.delete_without_mp3(records.key(path, {}))
    stages.update(path, DONE)
    return summary
