"""What one conversion may cost: the input is a stranger's, so every resource that ffmpeg uses has an end."""

from dataclasses import dataclass

from common.errors import PermanentError

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """The limits of one conversion; exceeding `stall` is transient, exceeding any other one is permanent."""

    timeout: float
    """Seconds of wall time for the whole conversion, with all of its passes."""
    stall: float
    """Seconds that ffmpeg may spend without any progress."""
    memory_mb: int
    """Megabytes of private memory for ffmpeg (RLIMIT_DATA); it needs about 60 for an ordinary video."""
    max_output_mb: int
    """Megabytes of the MP3."""
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

    def too_large(self) -> PermanentError:
        """The error of an MP3 that reaches `max_output_mb`."""
        return PermanentError(f"The MP3 would be larger than the limit of {self.max_output_mb} MB")
