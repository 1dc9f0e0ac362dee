"""Whether the MP3 is whole, and whether the source was: ffmpeg's exit code is 0 for a file that breaks off."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from mutagen import MutagenError
from mutagen.mp3 import MP3, BitrateMode

from common.errors import PermanentError, TransientError

from .announced import Announcement

# Seconds by which the MP3 may be longer than what went in: encoder delay and padding (3 frames of 26 ms), and the
# last packet of the source, which decodes to whole frames.
SLACK = 0.2
# Seconds by which it may be shorter.
TOLERANCE = 0.1

# What ffmpeg's mov and matroska demuxers say about a file that ends inside a sample or cluster.
BROKEN_OFF = ("partial file", "File ended prematurely")


@dataclass(frozen=True)
class Mp3:
    """A finished MP3."""

    path: Path
    duration: float
    """Seconds, by the number of frames in its Xing header."""


def read(path: Path, bitrate: int | None) -> Mp3:
    """Reads the MP3; raises `PermanentError` when it is empty and `TransientError` when it is not whole.

    `bitrate` in kbit/s, `None` for a variable one: then the Xing header says how many bytes there should be.
    """
    try:
        info: Any = MP3(path).info  # type: ignore[no-untyped-call]
    except MutagenError as error:
        raise PermanentError("This video's audio track holds no sound that can be decoded") from error
    # The size of the frames, against the number that ffmpeg went back to write when it was done.
    expected, mode = (info.bitrate, BitrateMode.VBR) if bitrate is None else (bitrate * 1000, BitrateMode.CBR)
    by_size = (path.stat().st_size - info.frame_offset) * 8 / max(1, expected)
    if info.bitrate_mode is not mode or abs(by_size - info.length) > TOLERANCE:
        raise TransientError(f"The MP3 is not whole: {info.length:.3f} s announced, {by_size:.3f} s there")
    return Mp3(path, info.length)


def has_gaps(mp3: Mp3, span: float) -> bool:
    """Whether less was decoded than the time stamps of the sound span: lost packets, a pause in a recording."""
    return mp3.duration < span - TOLERANCE


def refuse_missing_bytes(source: BinaryIO, announcement: Announcement) -> None:
    """Raises `PermanentError` when the file has less bytes than its header says."""
    missing = (announcement.size or 0) - os.fstat(source.fileno()).st_size
    if missing > 0:
        raise PermanentError(f"This video is incomplete: its last {missing} bytes are missing; please upload it again")


def is_short(end: float, announced: float, frame: float) -> bool:
    """Whether a file whose last packet ends at `end` breaks off before the `announced` length (seconds).

    Time stamps of pictures lag by up to four frames (reordering, and a last one without duration).
    """
    slack = max(SLACK, min(1.0, announced * 0.05)) + 4 * frame
    return end < announced - slack


def broke_off(end: float, announced: float) -> PermanentError:
    """The error that tells the user where the video ends, in seconds."""
    return PermanentError(
        f"This video is incomplete: it ends after {end:.1f} of the {announced:.1f} seconds that it announces;"
        " please upload it again"
    )
