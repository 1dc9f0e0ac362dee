"""Runs the ffmpeg that moviepy provides: its command lines, its limits, its output."""

import functools
import os


@functools.cache
def binary() -> str:
    """The path of moviepy's ffmpeg, or of the one that `FFMPEG_BINARY` names: version 6 or later, for `fd:`."""
    # Otherwise moviepy reads the nearest `.env` into the environment.
    os.environ["PYTHON_DOTENV_DISABLED"] = "1"
    from moviepy.config import FFMPEG_BINARY  # noqa: PLC0415 - the import takes half a second and 40 MB

    return str(FFMPEG_BINARY)
