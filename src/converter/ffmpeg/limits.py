"""The limits of one conversion: the input may be hostile, so every resource that ffmpeg uses is limited."""

from dataclasses import dataclass, replace

from common.errors import Failure, PermanentError

MEGABYTE = 1 << 20
# The size that every MP3 may have, three hours at 192 kbit/s, and how many times the source's size may be added.
_ALWAYS_MB = 256
_TIMES = 100


@dataclass(frozen=True)
class Limits:
    """Exceeding `stall` is transient, exceeding any other limit is permanent."""

    timeout: float
    """Seconds of wall time for the whole conversion, with all of its passes."""
    stall: float
    """Seconds that ffmpeg may run without progress."""
    memory_mb: int
    """Megabytes of private memory for ffmpeg (RLIMIT_DATA); it needs about 60 for an ordinary video."""
    max_output_mb: int
    max_duration: float
    """Seconds of sound."""

    @property
    def max_output(self) -> int:
        """Bytes of the MP3."""
        return self.max_output_mb * MEGABYTE

    @property
    def memory(self) -> int:
        """Bytes of private memory for ffmpeg."""
        return self.memory_mb * MEGABYTE

    def for_file(self, size: int) -> "Limits":
        """The limits for a file of that many bytes: the MP3 may be larger than its source, but not without limit.

        The lowest rates in use (700 bit/s for speech) are less than a hundredth of an MP3's in the first hours.
        """
        return replace(self, max_output_mb=min(self.max_output_mb, _ALWAYS_MB + _TIMES * -(-size // MEGABYTE)))

    def too_large(self) -> PermanentError:
        return PermanentError(
            f"The MP3 would be larger than the limit of {self.max_output_mb} MB.", Failure.OUTPUT_TOO_LARGE
        )
