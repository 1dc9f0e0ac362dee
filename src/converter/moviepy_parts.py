"""The two parts of moviepy that a conversion needs: its ffmpeg, and its reader of what ffmpeg says about a file."""

import functools
import os
from typing import Any

from common.errors import PermanentError


@functools.cache
def binary() -> str:
    """The path of moviepy's ffmpeg (or of the one that `FFMPEG_BINARY` names): version 6 or later, for `fd:`."""
    _load()
    from moviepy.config import FFMPEG_BINARY  # noqa: PLC0415 - costs 40 MB and half a second, see `_load`

    return str(FFMPEG_BINARY)


def parse(listing: str) -> dict[str, Any]:
    """What moviepy reads from ffmpeg's listing; raises `PermanentError` when it cannot make sense of it."""
    _load()
    from moviepy.video.io.ffmpeg_reader import FFmpegInfosParser  # noqa: PLC0415

    try:
        result: dict[str, Any] = FFmpegInfosParser(listing, "the file", check_duration=False).parse()
    # What a regular expression that does not match, or a missing number, ends in.
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, OSError) as error:
        raise PermanentError("This file's description of itself cannot be read") from error
    return result


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
