"""Decodes sounds and says how alike they are."""

import subprocess
from pathlib import Path
from typing import Any

import numpy
from mutagen.mp3 import MP3
from numpy.typing import NDArray

from converter.ffmpeg import binary

RATE = 16000
Samples = NDArray[numpy.floating[Any]]


def mp3(path: Path) -> Any:
    """mutagen's view of an MP3: its tags, and `info` about its sound."""
    return MP3(path)  # type: ignore[no-untyped-call]


def decode(path: Path, track: int = 0, *, filters: str = "anull") -> Samples:
    """The samples of one audio track, mixed to mono at `RATE`."""
    command = [
        *(binary(), "-nostdin", "-v", "error", "-i", f"file:{path}", "-map", f"0:a:{track}"),
        *("-af", filters, "-ac", "1", "-ar", str(RATE), "-f", "f32le", "-"),
    ]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    return numpy.frombuffer(done.stdout, dtype=numpy.float32).astype(numpy.float64)


def likeness(one: Samples, other: Samples) -> float:
    """The highest correlation of two sounds, 1 for the same, when one may be up to 0.1 s later than the other."""
    size = len(one) + len(other)
    spectrum = numpy.fft.rfft(one, size) * numpy.conj(numpy.fft.rfft(other, size))
    correlation = numpy.fft.irfft(spectrum, size)
    near = numpy.concatenate([correlation[: RATE // 10], correlation[-RATE // 10 :]])
    return float(near.max() / numpy.sqrt((one**2).sum() * (other**2).sum()))


def pitch(samples: Samples) -> float:
    """The loudest frequency in hertz."""
    spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
    return float(numpy.argmax(spectrum) * RATE / len(samples))


def quietest(samples: Samples, seconds: float = 0.02) -> float:
    """The lowest peak of all pieces of that length, but for the encoder's beginning and end."""
    inner = samples[RATE // 10 : -RATE // 10]
    size = int(seconds * RATE)
    pieces = inner[: len(inner) // size * size].reshape(-1, size)
    return float(numpy.abs(pieces).max(axis=1).min())
