"""The limits of one conversion: the input may be hostile, so every resource that ffmpeg uses is limited."""

import math
from dataclasses import dataclass, replace

from common.errors import Failure, PermanentError

MEGABYTE = 1 << 20
# Bits of a second of sound: the lowest rate in use, of Codec 2 for speech. Silence needs less in some codecs.
_LOWEST_RATE = 700
# The size that every MP3 may have, 23 minutes at 192 kbit/s, and how many times the source's size may be added: an MP3
# with the highest rate has 457 times the lowest rate in use.
_ALWAYS_MB = 32
_TIMES = 500
# Bytes of a second of MP3 with the highest rate, 320 kbit/s.
_HIGHEST_RATE = 40_000
# Seconds of processor time that every file may take; more by its megabytes, and by the seconds of its sound and of the
# silence in its gaps. Ordinary files take a tenth of it or less (docs/performance.md).
PROCESSOR_SECONDS = 60.0
_PER_MEGABYTE = 2.0
_PER_SECOND = 0.5
_PER_SILENT_SECOND = 0.1


@dataclass(frozen=True)
class Limits:
    """Exceeding `stall` is transient for the first time, exceeding any other limit is permanent."""

    timeout: float
    """Seconds of wall time for the whole conversion, with all of its passes."""
    stall: float
    """Seconds that ffmpeg may run without progress."""
    memory_mb: int
    """Megabytes of private memory for ffmpeg (RLIMIT_DATA); it needs about 60 for an ordinary video."""
    max_output_mb: int
    max_duration: float
    """Seconds of sound."""
    processor_seconds: float = PROCESSOR_SECONDS
    """Seconds of processor time that every file may take, whatever its size and duration."""

    size: int | None = None
    """Bytes of the file, by `for_file`: without it, the limits that depend on the file do not apply."""
    sound: float = 0.0
    """Seconds of sound, by `for_sound`, as far as the time stamps can be trusted."""
    silence: float = 0.0
    """Seconds of silence in its gaps."""

    @property
    def max_output(self) -> int:
        """Bytes of the MP3, which may be larger than its source, but not without limit."""
        most = self.max_output_mb * MEGABYTE
        if self.size is None:
            return most
        return min(most, _ALWAYS_MB * MEGABYTE + _TIMES * self.size + math.ceil(_HIGHEST_RATE * self.silence))

    @property
    def processor_time(self) -> float:
        """Seconds of processor time for the whole conversion, with all of its passes."""
        if self.size is None:
            return math.inf
        # A duration counts as far as the size allows, because time stamps cost nothing.
        sound = min(self.sound, self.size * 8 / _LOWEST_RATE)
        by_duration = _PER_SECOND * sound + _PER_SILENT_SECOND * self.silence
        return self.processor_seconds + _PER_MEGABYTE * self.size / MEGABYTE + by_duration

    @property
    def memory(self) -> int:
        """Bytes of private memory for ffmpeg."""
        return self.memory_mb * MEGABYTE

    def for_file(self, size: int) -> "Limits":
        return replace(self, size=size)

    def for_sound(self, sound: float, silence: float) -> "Limits":
        return replace(self, sound=sound, silence=silence)

    def too_large(self) -> PermanentError:
        return PermanentError(
            f"The MP3 would be larger than the limit of {self.max_output / MEGABYTE:.0f} MB for this file.",
            Failure.OUTPUT_TOO_LARGE,
        )
