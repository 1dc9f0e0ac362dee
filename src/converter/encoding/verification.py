"""Whether the MP3 is whole, and whether the source was: ffmpeg's exit code is 0 for a file that breaks off."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutagen import MutagenError
from mutagen.mp3 import MP3, BitrateMode

from common.errors import Failure, PermanentError, TransientError

# Seconds by which the MP3 may be longer than what went in: encoder delay and padding (3 frames of 26 ms), and the
# last packet of the source, which decodes to whole frames.
SLACK = 0.2
# Seconds by which it may be shorter: decoders drop what their codecs put before the sound, 0.1 s at most.
TOLERANCE = 0.15

NO_SOUND = "This video's audio track holds no sound that can be decoded"


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
        raise PermanentError(NO_SOUND, Failure.NO_AUDIO) from error
    # The size of the frames, against the number that ffmpeg went back to write when it was done.
    expected, mode = (info.bitrate, BitrateMode.VBR) if bitrate is None else (bitrate * 1000, BitrateMode.CBR)
    by_size = (path.stat().st_size - info.frame_offset) * 8 / max(1, expected)
    if info.length <= 0:
        raise PermanentError(NO_SOUND, Failure.NO_AUDIO)
    if info.bitrate_mode is not mode or abs(by_size - info.length) > 0.1:
        raise TransientError(f"The MP3 is not whole: {info.length:.3f} s announced, {by_size:.3f} s there")
    return Mp3(path, info.length)


def agrees(mp3: Mp3, expected: float, least: float) -> bool:
    """Whether the MP3 is as long as the packets of its source promise.

    `expected` and `least` are seconds by the clock and by the packets' durations, whichever are fewer: durations are
    rounded, and clocks drift.
    """
    return least - TOLERANCE <= mp3.duration <= max(expected, least) + max(SLACK, 0.02 * expected)


def is_short(end: float, declared: float, frame: float) -> bool:
    """Whether a file whose last packet ends at `end` breaks off before the `declared` length (seconds).

    Time stamps of pictures lag by up to four frames (reordering, and a last one without duration).
    """
    slack = max(SLACK, min(1.0, declared * 0.05)) + 4 * frame
    return end < declared - slack


def incomplete(end: float) -> PermanentError:
    """The error of a file that was cut; it ends after so many seconds."""
    return PermanentError(
        f"This video is incomplete: it breaks off after {end:.1f} seconds; please upload it again", Failure.INCOMPLETE
    )
