"""The command `video2mp3`."""

import io
import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from video2mp3 import __version__, account
from video2mp3.commands import keys
from video2mp3.commands.accounts import login, logout
from video2mp3.commands.convert import convert
from video2mp3.commands.export import export
from video2mp3.commands.jobs import cancel, delete, download, jobs, keep, retry
from video2mp3.commands.parameters import Choice
from video2mp3.commands.summarise import summarise
from video2mp3.display import console, plain
from video2mp3.errors import CliError

app = typer.Typer(
    name="video2mp3",
    help="""Convert videos to MP3 with a Video2MP3 server.

    Sign in with your password, or with an API key (login --key), then convert files or folders:

        video2mp3 --server https://mp3.example.com login

        video2mp3 convert talk.mp4 holidays/ --output music/

        video2mp3 summarise talk.mp4 --transcript talk.srt

    To complete commands and options with the tab key, once: video2mp3 --install-completion

    Exit codes: 0 success; 1 local error, such as a missing file, or some of several files failed; 2 wrong usage; 3 not
    signed in; 4 the server is not available; 5 the server rejected the request; 6 a video cannot be converted; 7 a
    recording cannot be summarised; 130 interrupted.
    """,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
for command in (login, logout, convert, summarise, jobs, download, cancel, retry, keep, delete, export):
    app.command()(command)
app.add_typer(keys.app, name="keys")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"video2mp3 {__version__}")
        raise typer.Exit


@app.callback()
def main(
    server: Annotated[
        str | None,
        typer.Option(envvar="VIDEO2MP3_SERVER", help="Server address (default: the server you are signed in to)."),
    ] = None,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Reads the options of all commands."""
    Choice.server = account.address(server) if server else None


# They end the command in the same way, so that it says what is where.
_INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # Another one must not end the report of the first.
    for number in _INTERRUPTIONS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def run() -> None:
    """Errors are printed to stderr and set the exit code."""
    for number in _INTERRUPTIONS:
        # A shell ignores SIGINT in what it runs in the background.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # File names need not be UTF-8.
        sys.stdout.reconfigure(errors="surrogateescape")
    try:
        app()
    except CliError as error:
        message, code = str(error), error.exit_code
    except OSError as error:
        message, code = f"{error.strerror}: {error.filename}", CliError.exit_code
    else:
        return
    console.print(f"video2mp3: {plain(message)}", markup=False)
    sys.exit(code)
