"""What is sent of a video: its sound only, if the MP3 is certain to be the same, or all of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from video2mp3.errors import CliError
from video2mp3.sound_only.extraction import VERSION, extract
from video2mp3.sound_only.plan import Plan
from video2mp3.sound_only.source import Read, Unsure
from video2mp3.uploads import WHOLE, Readable


@dataclass(frozen=True)
class Content:
    stream: Readable
    size: int
    """Bytes that are sent."""
    id: str = WHOLE
    """An upload of content with another id cannot be continued with this one."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """What the server has to know about the video."""


class _PlannedStream:
    """The output of a plan as a file."""

    def __init__(self, plan: Plan, read: Read) -> None:
        self._plan = plan
        self._read = read
        self._at = 0

    def seek(self, offset: int, /) -> int:
        self._at = offset
        return offset

    def read(self, size: int, /) -> bytes:
        try:
            data = self._plan.read(self._read, self._at, size)
        except Unsure as error:
            raise CliError("The file became shorter while it was uploaded.", "file_changed") from error
        self._at += len(data)
        return data


def content(stream: BinaryIO, size: int, options: Mapping[str, str], *, whole: bool) -> Content:
    """What to send of the video, of `size` bytes.

    `whole` sends all of it in any case, and so do options that need the pictures.
    """

    def read(at: int, length: int) -> bytes:
        stream.seek(at)
        return stream.read(length)

    if whole or options.get("cover") == "frame":
        return Content(stream, size)
    try:
        found = extract(read, size)
    except Exception:  # noqa: BLE001  a video that is unlike all others must not prevent its upload
        return Content(stream, size)
    metadata = {"sound_only": "true", "original_size": str(size), "original_start": f"{found.start:.6f}"}
    if found.duration is not None:
        metadata["original_duration"] = f"{found.duration:.3f}"
    id_ = f"sound {VERSION} {found.plan.length}"
    return Content(_PlannedStream(found.plan, read), found.plan.length, id_, metadata)
