"""What the extractors of all containers return."""

from dataclasses import dataclass

from video2mp3.sound_only.plan import Plan


@dataclass(frozen=True)
class Found:
    plan: Plan
    start: int
    """Microseconds: the first time stamp of the pictures."""
    duration: float | None
    """Seconds, if the container declares it."""


def microseconds(ticks: int, scale: int) -> int:
    """`ticks` of 1/`scale` seconds, rounded as ffmpeg does: to the nearest one, half away from zero."""
    rounded = (2 * abs(ticks) * 1_000_000 + scale) // (2 * scale)
    return rounded if ticks >= 0 else -rounded
