"""List jobs, download and keep their MP3s, and cancel, repeat and delete them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.table import Column, Table

from video2mp3.api import Api, Job
from video2mp3.commands import parameters
from video2mp3.commands.parameters import AsJson, Fid, Fids, Force, conversion_options, signed_in
from video2mp3.conversion.plan import without_suffix
from video2mp3.conversion.progress import progress
from video2mp3.display import console, emit, plain, status
from video2mp3.errors import CliError, Refused
from video2mp3.new_files import new_file, require_absent, safe_name

Result = TypeVar("Result")


def jobs(
    most: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="The maximum number of jobs.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List your jobs, newest first.

    Examples:

        video2mp3 jobs

        video2mp3 jobs --limit 200 --json
    """
    found = list(signed_in().jobs(most))
    if as_json:
        emit(json.dumps(found, ensure_ascii=False))
        return
    if not found:
        emit("There are no jobs yet. Convert a video: video2mp3 convert talk.mp4")
        return
    table = Table(Column("Job", no_wrap=True), "Video", "Status", Column("Created", no_wrap=True))
    for job in found:
        table.add_row(job["video_fid"], plain(job["filename"]), status(job), job["created_at"][:16].replace("T", " "))
    Console(markup=False).print(table)


def download(
    fid: Fid,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for the MP3.")] = Path(),
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait until the job has ended.")] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Download the MP3 of a job.

    Examples:

        video2mp3 download 6566f0c2a1b2c3d4e5f60718 --output music/

        video2mp3 retry 6566f0c2a1b2c3d4e5f60718 --bitrate 64 && video2mp3 download --wait 6566f0c2a1b2c3d4e5f60718
    """
    server = signed_in()
    job = _ended(server, fid) if wait else server.job(fid)
    if job["mp3_fid"] is None or (wait and job["status"] != "completed"):
        raise CliError(f"The job has no MP3. Its status is: {status(job)}.", "no_mp3")
    target = output / f"{safe_name(without_suffix(job['filename']))}.mp3"
    require_absent(target, force=force)
    with new_file(target, force=force) as file:
        server.download(job["mp3_fid"], file)
    emit(json.dumps({"mp3": str(target), "job": job}, ensure_ascii=False) if as_json else target)


def _ended(server: Api, fid: str) -> Job:
    with progress(console) as shown:
        return server.wait(
            fid, lambda job: shown.update(Path(safe_name(job["filename"])), job["status"], job["progress"])
        )


def cancel(fids: Fids, as_json: AsJson = False) -> None:
    """Cancel jobs that have not ended. Their videos stay on the server.

    Example:

        video2mp3 cancel 6566f0c2a1b2c3d4e5f60718
    """
    _change(fids, signed_in().cancel, as_json=as_json)


def keep(
    fids: Fids,
    end: Annotated[bool, typer.Option("--end", help="Delete them with the others again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep MP3s that the server would delete after some weeks. They count for the storage quota.

    Examples:

        video2mp3 keep 6566f0c2a1b2c3d4e5f60718

        video2mp3 keep --end 6566f0c2a1b2c3d4e5f60718
    """
    server = signed_in()
    _change(fids, lambda fid: server.keep(fid, kept=not end), as_json=as_json)


def retry(
    fid: Fid,
    as_json: AsJson = False,
    bitrate: parameters.Bitrate = None,
    quality: parameters.Quality = None,
    channels: parameters.Channels = None,
    sample_rate: parameters.SampleRate = None,
    start: parameters.Start = None,
    end: parameters.End = None,
    normalize: parameters.Normalize = False,
    title: parameters.Title = None,
    artist: parameters.Artist = None,
    album: parameters.Album = None,
    cover: parameters.Cover = None,
    track: parameters.Track = None,
    reencode: parameters.Reencode = False,
) -> None:
    """Convert the video of a job again, without uploading it again.

    A failed or cancelled job can be repeated as it was. A completed job needs other options. The options that are
    given replace all of the job's. Some days after a conversion, the server deletes the video: upload it again then.

    Examples:

        video2mp3 retry 6566f0c2a1b2c3d4e5f60718

        video2mp3 retry 6566f0c2a1b2c3d4e5f60718 --bitrate 320 --cover frame
    """
    options = conversion_options(
        bitrate=bitrate, quality=quality, channels=channels, sample_rate=sample_rate, start=start, end=end,
        normalize=normalize, title=title, artist=artist, album=album, cover=cover, track=track, reencode=reencode,
    )  # fmt: skip
    job = signed_in().retry(fid, options)
    emit(json.dumps(job, ensure_ascii=False) if as_json else _line(job))


def delete(fids: Fids, as_json: AsJson = False) -> None:
    """Delete jobs with their videos and MP3s.

    Example:

        video2mp3 delete 6566f0c2a1b2c3d4e5f60718
    """
    server = signed_in()

    def one(fid: str) -> str:
        server.delete(fid)
        return fid

    deleted, errors = _each(fids, one)
    if as_json:
        emit(json.dumps({"deleted": deleted}))
    _fail_with(errors)


def _change(fids: list[str], act: Callable[[str], Job], *, as_json: bool) -> None:
    """Changes jobs and shows them."""
    changed, errors = _each(fids, act)
    if as_json:
        emit(json.dumps(changed, ensure_ascii=False))
    else:
        for job in changed:
            emit(_line(job))
    _fail_with(errors)


def _each(fids: list[str], act: Callable[[str], Result]) -> tuple[list[Result], list[str]]:
    """The results, and a line for each job that the server rejected: the others are not affected."""
    results, errors = [], []
    for fid in fids:
        try:
            results.append(act(fid))
        except Refused as error:
            errors.append(f"{fid}: {error}")
    return results, errors


def _fail_with(errors: list[str]) -> None:
    for error in errors:
        console.print(plain(error), markup=False)
    if errors:
        raise typer.Exit(Refused.exit_code)


def _line(job: Job) -> str:
    return f"{job['video_fid']} {plain(job['filename'])}: {status(job)}"
