"""The converter's settings from the environment."""

from pathlib import Path
from typing import Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from common.runtime.settings import WorkerSettings
from converter.ffmpeg.limits import PROCESSOR_SECONDS, Limits
from converter.parallel import processors


class ConverterSettings(WorkerSettings):
    # s. A worker that does not renew its lease for this long loses the job.
    claim_lease: PositiveFloat = 30.0
    # How often a worker may crash with a job before the job fails.
    max_crashes: PositiveInt = 3
    # s. Ten hours of video take about 15 minutes on one core.
    conversion_timeout: PositiveFloat = 3600.0
    # s without progress.
    conversion_stall: PositiveFloat = 120.0
    # s of processor time for every file; docs/media.md, "Limits", has what is added by its size and duration.
    conversion_cpu_seconds: PositiveFloat = PROCESSOR_SECONDS
    conversion_memory_mb: PositiveInt = 1024
    max_output_mb: PositiveInt = 2048
    # s of sound.
    max_duration: PositiveFloat = 24 * 3600.0
    # The folder for videos and MP3s during a conversion; the system's folder for temporary files by default.
    work_folder: Path | None = None
    # s between two updates of the progress in the job.
    progress_interval: NonNegativeFloat = 1.0

    # Encoders that run at the same time for one video while no other one waits.
    converter_threads: PositiveInt = Field(default_factory=processors.usable)

    # Whether each ffmpeg is bound to one processor (converter.ffmpeg.cpu_affinity).
    bind_processors: bool = True

    # auto: ffmpeg is confined as far as the machine allows. required: the converter does not start if that is not
    # complete. off: for debugging only.
    sandbox: Literal["auto", "required", "off"] = "auto"

    @property
    def limits(self) -> Limits:
        return Limits(
            timeout=self.conversion_timeout,
            stall=self.conversion_stall,
            memory_mb=self.conversion_memory_mb,
            max_output_mb=self.max_output_mb,
            max_duration=self.max_duration,
            processor_seconds=self.conversion_cpu_seconds,
        )
