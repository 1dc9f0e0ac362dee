"""The files that are uploaded: small, of several containers and codecs, and one kind without sound."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from tests import media
from tests.integration.converter import sounds


@dataclass(frozen=True)
class Sample:
    make: Callable[[], Path]
    weight: int
    """How often it is chosen, relative to the others."""
    has_sound: bool = True


_KINDS = ("mp4", "mkv", "webm", "avi", "ts", "mov", "wav")
# The long one is for faults during the conversion, the large one for faults during the upload: its tus upload needs
# several requests.
SAMPLES: Mapping[str, Sample] = {
    **{kind: Sample(partial(media.make, kind), 12) for kind in _KINDS},
    "long": Sample(partial(media.long, 300), 10),
    "large": Sample(partial(media.large, 24, media.CACHE), 3),
    "silent": Sample(media.without_audio, 3, has_sound=False),
}


@cache
def path(kind: str) -> Path:
    return SAMPLES[kind].make()


@cache
def duration(kind: str) -> float:
    """Seconds of sound in the file."""
    return len(sounds.decode(path(kind))) / sounds.RATE if SAMPLES[kind].has_sound else 0.0
