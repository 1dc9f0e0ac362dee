"""Arguments and options that several commands have."""

from typing import Annotated

import typer

from video2mp3 import account
from video2mp3.api import Api
from video2mp3.uploads import JOB_ID


def _job_id(value: str) -> str:
    if not JOB_ID.fullmatch(value):
        raise typer.BadParameter(f'"{value}" is not a job id; see `video2mp3 jobs`.')
    return value


Fid = Annotated[str, typer.Argument(metavar="JOB", parser=_job_id, help="The id of a job, see `video2mp3 jobs`.")]
Fids = Annotated[list[str], typer.Argument(metavar="JOB", parser=_job_id, help="Ids of jobs, see `video2mp3 jobs`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Whole = Annotated[bool, typer.Option("--whole", help="Upload whole videos, not only their sound.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace files that exist already.")]

Bitrate = Annotated[int | None, typer.Option(help="Constant bit rate in kbit/s: 64 to 320 (default: 192).")]
Quality = Annotated[int | None, typer.Option(help="Variable bit rate: 0 (best) to 9 (smallest).")]
Channels = Annotated[
    str | None, typer.Option(help="keep, mono or stereo.", autocompletion=lambda: ["keep", "mono", "stereo"])
]
SampleRate = Annotated[
    int | None,
    typer.Option(help="Sample rate in Hz: 32000, 44100 or 48000.", autocompletion=lambda: ["32000", "44100", "48000"]),
]
Start = Annotated[str | None, typer.Option(help="Where to start: seconds or hh:mm:ss.mmm.")]
End = Annotated[str | None, typer.Option(help="Where to end: seconds or hh:mm:ss.mmm.")]
Normalize = Annotated[bool, typer.Option("--normalize", help="Normalise the volume (EBU R 128).")]
Title = Annotated[str | None, typer.Option(help="Title tag (default: from the video, or its file name).")]
Artist = Annotated[str | None, typer.Option(help="Artist tag (default: from the video).")]
Album = Annotated[str | None, typer.Option(help="Album tag (default: from the video).")]
Cover = Annotated[
    str | None,
    typer.Option(help="Cover image: frame (a frame from the video) or none.", autocompletion=lambda: ["frame", "none"]),
]
Track = Annotated[int | None, typer.Option(help="Number of the audio track, from 1.")]
Reencode = Annotated[bool, typer.Option("--reencode", help="Re-encode MP3 audio instead of copying it.")]


class Choice:
    """The server of --server."""

    server: str | None = None


def signed_in() -> Api:
    """The API of the account for the server; raises NotSignedIn."""
    return Api(account.required(Choice.server))


def conversion_options(**chosen: str | int | bool | None) -> dict[str, str]:
    """The fields for the API: without what was not chosen."""
    return {
        name: "true" if value is True else str(value)
        for name, value in chosen.items()
        if value is not None and value is not False
    }
