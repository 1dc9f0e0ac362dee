"""The commands."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

from video2mp3 import account, api
from video2mp3.account import Account
from video2mp3.api import Api
from video2mp3.convert import Converter, videos, without_suffix
from video2mp3.display import console, emit, plain, result, status
from video2mp3.errors import CliError, WrongUsage
from video2mp3.summarise import JOB_ID, check_transcript
from video2mp3.summarise import summarise as create_summary

app = typer.Typer(
    name="video2mp3",
    help="""Convert videos to MP3 with a Video2MP3 server.

    Sign in once, then convert files or folders:

        video2mp3 --server https://mp3.example.com login

        video2mp3 convert talk.mp4 holidays/ --output music/

        video2mp3 summarise talk.mp4 --transcript talk.srt

    Exit codes: 0 success; 1 local error, such as a missing file; 2 wrong usage; 3 not signed in; 4 the server is not
    available; 5 the server rejected the request; 6 a video cannot be converted; 7 a recording cannot be summarised.
    """,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _job_id(value: str) -> str:
    if not JOB_ID.fullmatch(value):
        raise typer.BadParameter(f'"{value}" is not a job id; see `video2mp3 jobs`.')
    return value


Fid = Annotated[str, typer.Argument(metavar="JOB", parser=_job_id, help="The id of a job, see `video2mp3 jobs`.")]
Fids = Annotated[list[str], typer.Argument(metavar="JOB", parser=_job_id, help="Ids of jobs, see `video2mp3 jobs`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


class _Choice:
    """The server of --server."""

    server: str | None = None


@app.callback()
def main(
    server: Annotated[
        str | None,
        typer.Option(envvar="VIDEO2MP3_SERVER", help="Server address (default: the server you are signed in to)."),
    ] = None,
) -> None:
    """Reads the options of all commands."""
    _Choice.server = account.address(server) if server else None


@app.command()
def login(
    email: Annotated[str, typer.Option(prompt=True, help="Your email address.")],
    password: Annotated[
        str,
        typer.Option(
            prompt=True, hide_input=True, envvar="VIDEO2MP3_PASSWORD", help="Your password (default: ask for it)."
        ),
    ],
    register: Annotated[bool, typer.Option("--register", help="Create the account first.")] = False,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Send the password over plain HTTP without asking.")
    ] = False,
) -> None:
    """Sign in. The token is valid for a day and stored in a file that only you can read.

    The server is the one of --server, or the one that you were signed in to before.
    """
    before = account.stored()
    server = _Choice.server or (before.server if before else None)
    if server is None:
        raise WrongUsage("Name the server: video2mp3 --server https://mp3.example.com login", "no_server")
    if not (insecure or account.is_private(server)):
        _confirm_plain_http(server)
    if register:
        api.register(server, email, password)
    account.save(Account(server, email, api.login(server, email, password)))
    console.print(f"Signed in to {server} as {email}.", markup=False)


def _confirm_plain_http(server: str) -> None:
    danger = f"{server} does not use HTTPS: others on the network can read your password."
    if not sys.stdin.isatty():
        raise WrongUsage(f"{danger} Use an address with https://, or --insecure.", "plain_http")
    typer.confirm(f"{danger} Continue?", abort=True, err=True)


@app.command()
def logout() -> None:
    """Delete the stored token."""
    account.path().unlink(missing_ok=True)


@app.command()
def convert(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER...", help="Videos, or folders with videos.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder for the MP3s (default: the folder of each video).")
    ] = None,
    parallel: Annotated[
        int, typer.Option("--parallel", "-p", min=1, max=16, help="Number of videos to convert at the same time.")
    ] = 3,
    wait: Annotated[bool, typer.Option(help="Wait for the MP3s and download them.")] = True,
    as_json: AsJson = False,
    bitrate: Annotated[int | None, typer.Option(help="Constant bit rate in kbit/s: 64 to 320 (default: 192).")] = None,
    quality: Annotated[int | None, typer.Option(help="Variable bit rate: 0 (best) to 9 (smallest).")] = None,
    channels: Annotated[str | None, typer.Option(help="keep, mono or stereo.")] = None,
    sample_rate: Annotated[int | None, typer.Option(help="Sample rate in Hz: 32000, 44100 or 48000.")] = None,
    start: Annotated[str | None, typer.Option(help="Where to start: seconds or hh:mm:ss.mmm.")] = None,
    end: Annotated[str | None, typer.Option(help="Where to end: seconds or hh:mm:ss.mmm.")] = None,
    normalize: Annotated[bool, typer.Option("--normalize", help="Normalise the volume (EBU R 128).")] = False,
    title: Annotated[str | None, typer.Option(help="Title tag (default: from the video, or its file name).")] = None,
    artist: Annotated[str | None, typer.Option(help="Artist tag (default: from the video).")] = None,
    album: Annotated[str | None, typer.Option(help="Album tag (default: from the video).")] = None,
    cover: Annotated[str | None, typer.Option(help="Cover image: frame (a frame from the video) or none.")] = None,
    track: Annotated[int | None, typer.Option(help="Number of the audio track, from 1.")] = None,
    reencode: Annotated[bool, typer.Option("--reencode", help="Re-encode MP3 audio instead of copying it.")] = False,
) -> None:
    """Convert videos and write the MP3s. Uploads resume automatically when the connection is lost."""
    chosen = {
        "bitrate": bitrate, "quality": quality, "channels": channels, "sample_rate": sample_rate, "start": start,
        "end": end, "normalize": "true" if normalize else None, "title": title, "artist": artist, "album": album,
        "cover": cover, "track": track, "reencode": "true" if reencode else None,
    }  # fmt: skip
    options = {name: str(value) for name, value in chosen.items() if value is not None}
    files = videos(paths)
    converter = Converter(_api(), options, output, wait=wait)
    outcomes = converter.all(files, parallel, console)
    for outcome in outcomes:
        if outcome.error:
            console.print(f"{outcome.video}: {outcome.error}", markup=False, style="red")
        elif not as_json:
            emit(outcome.mp3 or (outcome.job or {})["video_fid"])
            for line in result(outcome.job):
                console.print(f"{outcome.video}: {line}", markup=False)
    if as_json:
        emit(json.dumps([outcome.public() for outcome in outcomes], ensure_ascii=False))
    codes = [outcome.error.exit_code for outcome in outcomes if outcome.error]
    raise typer.Exit(min(codes, default=0))


@app.command()
def summarise(
    source: Annotated[str, typer.Argument(metavar="FILE|JOB", help="A video, or the id of a job.")],
    transcript: Annotated[
        Path | None,
        typer.Option("--transcript", "-t", help="Also write the transcript: .txt, or .srt or .vtt with times."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Summarise a recording, if the server supports it. A file is converted first, and its job is kept."""
    check_transcript(transcript)
    summary = create_summary(_api(), source, transcript, console)
    if as_json:
        emit(json.dumps({**summary, "transcript": str(transcript) if transcript else None}, ensure_ascii=False))
    else:
        emit(f"{plain(summary['category'])}: {plain(summary['summary'])}")


@app.command()
def jobs(
    most: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="The maximum number of jobs.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List your jobs, newest first."""
    found = list(_api().jobs(most))
    if as_json:
        emit(json.dumps(found, ensure_ascii=False))
        return
    table = Table(Column("Job", no_wrap=True), "Video", "Status", Column("Created", no_wrap=True))
    for job in found:
        table.add_row(job["video_fid"], plain(job["filename"]), status(job), job["created_at"][:16].replace("T", " "))
    Console(markup=False).print(table)


@app.command()
def download(
    fid: Fid,
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder for the MP3.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """Download the MP3 of a job."""
    server = _api()
    job = server.job(fid)
    if job["mp3_fid"] is None:
        raise CliError(f"The job has no MP3. Its status is: {status(job)}.", "no_mp3")
    output.mkdir(parents=True, exist_ok=True)
    name = plain(job["filename"]).rpartition("/")[2].replace("\\", "_")
    target = output / f"{without_suffix(name) or 'audio'}.mp3"
    server.download(job["mp3_fid"], target)
    emit(json.dumps({"mp3": str(target), "job": job}, ensure_ascii=False) if as_json else target)


@app.command()
def delete(fids: Fids, as_json: AsJson = False) -> None:
    """Delete jobs with their videos and MP3s."""
    server = _api()
    for fid in fids:
        server.delete(fid)
    if as_json:
        emit(json.dumps({"deleted": fids}))


def run() -> None:
    """The command `video2mp3`. Errors are printed to stderr and set the exit code."""
    try:
        app()
    except CliError as error:
        console.print(f"video2mp3: {error}", markup=False)
        sys.exit(error.exit_code)


def _api() -> Api:
    return Api(account.required(_Choice.server))
