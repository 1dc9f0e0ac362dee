"""What ffmpeg reads: a file or a pipe, always as a descriptor, and the part of it that is converted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from converter.media.demuxers import DEMUXERS

# s. Decoders need some packets before their output is right (the bit reservoir of MP3, overlapping blocks), and some
# containers seek to a packet that is a little late.
PREROLL = 2.0
# How much of a file ffmpeg may read to find its tracks; more when it finds none (`Source.looking_further`).
PROBE_BYTES = 50_000_000
PROBE_MICROSECONDS = 30_000_000
_FURTHER_MICROSECONDS = 3 * 3600 * 1_000_000


@dataclass(frozen=True)
class Source:
    path: Path
    fd: int = -1
    """The descriptor that ffmpeg inherits, inside `opened`."""
    probe: tuple[int, int] = (PROBE_BYTES, PROBE_MICROSECONDS)
    """Bytes and microseconds of sound in which the tracks are found."""
    merged: bool = False
    """Whether a track of a transport stream continues on the PID to which its programme's sound moves."""

    def looking_further(self, size: int) -> "Source":
        """The same file, of which ffmpeg reads up to `size` bytes to find tracks; it keeps them in memory meanwhile."""
        return replace(self, probe=(max(size, PROBE_BYTES), _FURTHER_MICROSECONDS))

    @contextmanager
    def opened(self) -> Iterator[Self]:
        """The same file with a descriptor of its own, because processes that share one also share its position."""
        with self.path.open("rb") as file:
            yield replace(self, fd=file.fileno())

    @property
    def options(self) -> tuple[str, ...]:
        return (
            *("-protocol_whitelist", "fd"),
            *("-format_whitelist", ",".join(DEMUXERS)),
            *("-probesize", str(self.probe[0])),
            *("-analyzeduration", str(self.probe[1])),
            *(("-merge_pmt_versions", "1") if self.merged else ()),
            *("-fd", str(self.fd)),
            *("-i", "fd:"),
        )


@dataclass(frozen=True)
class Pcm:
    """Samples from a pipe: 32-bit floats, little-endian, channels interleaved."""

    fd: int
    rate: int
    """Hertz."""
    channels: int

    @property
    def frame(self) -> int:
        """Bytes of one sample of all channels."""
        return 4 * self.channels

    @property
    def options(self) -> tuple[str, ...]:
        return (
            *("-protocol_whitelist", "fd"),
            *("-f", "f32le", "-ar", str(self.rate), "-ac", str(self.channels)),
            *("-fd", str(self.fd)),
            *("-i", "fd:"),
        )


@dataclass(frozen=True)
class Piece:
    stream: int
    """The track's number among all tracks of the file."""
    start: float = 0.0
    """Seconds from the file's start."""
    length: float | None = None
    """Seconds; `None` is to the end."""
    mix: str | None = None
    """The filter that makes one or two channels of a layout that swresample cannot mix."""
    mono: bool = False
    """Whether the track has one channel."""
    offset: float = 0.0
    """Seconds that the file, as ffmpeg sees it, begins after the start from which times count."""
    late: float | None = None
    """The same for the track, in containers whose start ffmpeg moves to that of the track, unless it seeks."""

    @property
    def ahead(self) -> float:
        """Seconds that are decoded before the start and dropped."""
        return min(self.start, PREROLL)
