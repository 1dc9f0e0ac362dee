"""Download everything that is stored for the account."""

from pathlib import Path
from typing import Annotated

import typer

from video2mp3.commands.parameters import Force, signed_in
from video2mp3.display import emit
from video2mp3.new_files import new_file, require_absent


def export(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The new ZIP file.")], force: Force = False
) -> None:
    """Download all MP3s and transcripts as a ZIP file, with a list of all jobs and summaries (account.json).

    Example:

        video2mp3 export backup.zip
    """
    server = signed_in()
    require_absent(target, force=force)
    with new_file(target, force=force) as file:
        server.export(file)
    emit(target)
