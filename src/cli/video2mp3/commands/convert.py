"""Convert files and folders."""

import json
from pathlib import Path
from typing import Annotated

import typer

from video2mp3.commands import parameters
from video2mp3.commands.parameters import AsJson, Force, Whole, conversion_options, signed_in
from video2mp3.conversion.converter import Converter
from video2mp3.conversion.plan import targets, videos
from video2mp3.conversion.progress import progress
from video2mp3.conversion.runner import Runner, exit_code, report
from video2mp3.display import console, emit, plain, result
from video2mp3.errors import CliError
from video2mp3.records import Records


def convert(
    paths: Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER", help="Videos, or folders with videos.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder for the MP3s (default: the folder of each video).")
    ] = None,
    parallel: Annotated[
        int, typer.Option("--parallel", "-p", min=1, max=16, help="Number of videos to convert at the same time.")
    ] = 3,
    wait: Annotated[bool, typer.Option(help="Wait for the MP3s and download them.")] = True,
    whole: Whole = False,
    force: Force = False,
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
    """Convert videos and write the MP3s.

    Uploads resume when the connection is lost. After Ctrl-C, the same command continues: nothing is uploaded or
    converted a second time.

    Only the sound of a video is uploaded if the MP3 is certain to be the same; --whole uploads the pictures too.

    With --output, the folders inside a folder are kept. With several folders, their own names are kept too. A file
    that exists already is never replaced without --force: its video is not converted, and reported as failed.

    Examples:

        video2mp3 convert talk.mp4

        video2mp3 convert talk.mp4 holidays/ --output music/

        video2mp3 convert lecture.mkv --quality 5 --channels mono --normalize --start 1:30

        video2mp3 convert holidays/ --no-wait --json
    """
    options = conversion_options(
        bitrate=bitrate, quality=quality, channels=channels, sample_rate=sample_rate, start=start, end=end,
        normalize=normalize, title=title, artist=artist, album=album, cover=cover, track=track, reencode=reencode,
    )  # fmt: skip
    found = videos(paths)
    if output and output.exists() and not output.is_dir():
        raise CliError(f"{output} is not a folder.", "not_a_folder")
    plan = list(zip((video.path for video in found), targets(found, output), strict=True))
    server = signed_in()
    records = Records(server.account)
    records.delete_old()
    converter = Converter(server, records, options, progress(console), wait=wait, force=force, whole=whole)
    outcomes = Runner(converter, parallel).run(plan)
    if as_json:
        emit(json.dumps([outcome.public() for outcome in outcomes], ensure_ascii=False))
    for outcome in outcomes:
        if not outcome.error and not as_json:
            emit(outcome.mp3 or (outcome.job or {})["video_fid"])
            for line in result(outcome.job):
                console.print(f"{plain(str(outcome.video))}: {line}", markup=False)
    for line in report(outcomes):
        console.print(line, markup=False, highlight=False)
    raise typer.Exit(exit_code(outcomes))
