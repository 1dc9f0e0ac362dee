"""A conversion with generous limits, and a look at the processes that it starts."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from common.domain.options import ConversionOptions
from converter.encoding.transcoder import transcode
from converter.encoding.verification import Mp3
from converter.ffmpeg.limits import Limits
from converter.sandbox.confinement import Sandbox

Convert = Callable[..., Mp3]
SANDBOX = Sandbox.detect()


def limits(**changes: Any) -> Limits:
    """Limits that no small video reaches on a busy machine, but for the ones named."""
    usual = {"timeout": 120.0, "stall": 60.0, "memory_mb": 256, "max_output_mb": 100, "max_duration": 3600.0}
    return Limits(**{**usual, **changes})


def convert_in(parent: Path, source: Path, **options: Any) -> Mp3:
    """Converts a copy of a file in a folder; keywords change limits, name, options, listeners, threads or sandbox."""
    folder = parent / "conversion"
    folder.mkdir()
    own = parent / f"source{source.suffix}"
    shutil.copyfile(source, own)
    filename = options.pop("filename", source.name)
    chosen = {name: options.pop(name) for name in ConversionOptions.model_fields if name in options}
    on_progress = options.pop("on_progress", lambda _: None)
    should_stop = options.pop("should_stop", lambda: False)
    threads = options.pop("threads", 1)
    sandbox = options.pop("sandbox", SANDBOX)
    return transcode(
        own,
        folder,
        filename=filename,
        options=ConversionOptions.parse(chosen),
        recording_start=options.pop("recording_start", None),
        limits=limits(**options),
        on_progress=on_progress,
        should_stop=should_stop,
        threads=threads,
        sandbox=sandbox,
    )


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    """Converts a file, as `convert_in` does."""
    return lambda source, **options: convert_in(tmp_path, source, **options)


def running_ffmpegs() -> list[psutil.Process]:
    """The ffmpeg processes that this test process has started and not reaped."""
    return [child for child in psutil.Process().children(recursive=True) if child.name().startswith("ffmpeg")]
