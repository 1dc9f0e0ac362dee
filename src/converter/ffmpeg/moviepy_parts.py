"""The part of moviepy that a conversion needs: its ffmpeg. What that lists is read in linear time by `media`."""

import functools
import os


@functools.cache
def binary() -> str:
    """The path of moviepy's ffmpeg (or of the one that `FFMPEG_BINARY` names): version 6 or later, for `fd:`."""
    _load()
    from moviepy.config import FFMPEG_BINARY  # noqa: PLC0415 - costs 40 MB and half a second, see `_load`

    return str(FFMPEG_BINARY)


@functools.cache
def _load() -> None:
    """Imports moviepy without its side effect: it would read the nearest `.env` into our environment."""
    before = os.environ.get("PYTHON_DOTENV_DISABLED")
    os.environ["PYTHON_DOTENV_DISABLED"] = "1"
    try:
        import moviepy.config  # noqa: F401, PLC0415
    finally:
        if before is None:
            del os.environ["PYTHON_DOTENV_DISABLED"]
        else:
            os.environ["PYTHON_DOTENV_DISABLED"] = before
