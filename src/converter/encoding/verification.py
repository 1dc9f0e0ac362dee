"""Whether an MP3 is whole, and what its owner is shown about it: ffmpeg's exit code is 0 for a file that is cut."""

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mutagen import MutagenError
from mutagen.mp3 import MP3, BitrateMode

from common.domain.notes import Note
from common.domain.results import Sound
from common.errors import Failure, PermanentError, TransientError
from converter.media import probe
from converter.mp3 import xing

# Seconds by which the MP3 may be longer than its source: encoder delay and padding (3 frames of 26 ms), and the last
# packet of the source, which decodes to whole frames.
SLACK = 0.2
# Seconds by which it may be shorter: decoders drop what their codecs put before the sound, 0.1 s at most.
TOLERANCE = 0.15


@dataclass(frozen=True)
class Mp3:
    path: Path
    duration: float
    """Seconds, by the number of frames in its Xing header."""
    notes: tuple[Note, ...] = ()


def read(path: Path, bitrate: int | None) -> Mp3:
    """Reads the MP3; raises `PermanentError` when it is empty and `TransientError` when it is not whole.

    `bitrate` in kbit/s, `None` for a variable one: then the Xing header says how many bytes there should be.
    """
    try:
        info = _info(path)
    except MutagenError as error:
        raise PermanentError(probe.NO_SOUND, Failure.NO_AUDIO) from error
    # The size of the frames, against the number that ffmpeg writes into the header at the end.
    expected, mode = (info.bitrate, BitrateMode.VBR) if bitrate is None else (bitrate * 1000, BitrateMode.CBR)
    by_size = (path.stat().st_size - info.frame_offset) * 8 / max(1, expected)
    if info.length <= 0:
        raise PermanentError(probe.NO_SOUND, Failure.NO_AUDIO)
    if info.bitrate_mode is not mode or abs(by_size - info.length) > 0.1:
        raise TransientError(f"The MP3 is not whole: its header says {info.length:.3f} s, its size {by_size:.3f} s")
    return Mp3(path, info.length)


def agrees(mp3: Mp3, expected: float, least: float) -> bool:
    """Whether the MP3 is as long as the packets of its source.

    `expected` is their length in seconds by the clock; `least` is by their durations, if that is less. Durations are
    rounded, and clocks drift.
    """
    return least - TOLERANCE <= mp3.duration <= max(expected, least) + max(SLACK, 0.02 * expected)


def describe(path: Path, quality: int | None) -> Sound:
    """The facts that the owner is shown; `quality` is the one that was chosen for a variable bit rate."""
    info = _info(path)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        duration = xing.duration(xing.head(data))
    variable = info.bitrate_mode is BitrateMode.VBR
    return Sound(
        duration=round(duration, 3),
        size=path.stat().st_size,
        bitrate=round(info.bitrate / 1000),
        quality=quality if variable else None,
        variable=variable,
        sample_rate=info.sample_rate,
        channels=info.channels,
    )


def _info(path: Path) -> Any:
    return MP3(path).info  # type: ignore[no-untyped-call]
