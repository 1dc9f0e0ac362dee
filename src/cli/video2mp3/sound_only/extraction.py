"""Chooses the container, and decides whether it is worthwhile to send the sound only."""

from collections.abc import Callable
from dataclasses import dataclass

from video2mp3.sound_only import matroska, mp4, mpegts
from video2mp3.sound_only.found import Found
from video2mp3.sound_only.plan import Plan
from video2mp3.sound_only.source import TIMEOUT, Read, Source, Unsure

# Changes with each change of the output: an upload that another version has begun is not resumed.
VERSION = 1
# The share of the video above which it is sent whole.
_MOST = 0.7
_HEAD = 400


@dataclass(frozen=True)
class SoundOnly:
    plan: Plan
    start: float
    """The first time stamp of the pictures in seconds, on the clock of the video: the sound may begin later."""
    duration: float | None
    """Seconds, as the video declares it."""


def extract(read: Read, size: int, timeout: float = TIMEOUT) -> SoundOnly:
    """Raises Unsure when the whole video has to be sent. `read(offset, length)` reads the video, of `size` bytes."""
    source = Source(read, size, timeout)
    found = _container(source.get(0, min(_HEAD, size)))(source)
    if found.plan.length > _MOST * size:
        raise Unsure("Most of the file is sound.")
    return SoundOnly(found.plan, found.start / 1e6, found.duration)


def _container(head: bytes) -> Callable[[Source], Found]:
    if head.startswith(matroska.SIGNATURE):
        return matroska.extract
    if head[4:8] == b"ftyp":
        return mp4.extract
    if mpegts.packet_size(head):
        return mpegts.extract
    raise Unsure("The container is unknown.")
