"""The video of which a client has uploaded only the sound: docs/sound-only.md. Nothing about it can be verified."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from common.errors import Invalid

# bytes, and seconds: beyond what a file or a clock can have. Some live recordings count from 1970.
_LARGEST = 1 << 50
_LATEST = 1e10
NAMES = ("sound_only", "original_size", "original_duration", "original_start")


@dataclass(frozen=True)
class Original:
    size: int
    """Bytes."""
    start: float
    """The first time stamp of its pictures in seconds: where its times count from, if its sound begins later."""
    duration: float | None = None
    """Seconds, as it declares them."""

    @classmethod
    def parse(cls, fields: Mapping[str, str]) -> "Original | None":
        """Reads the fields of an upload; None unless it is sound only. Raises Invalid."""
        sound_only = fields.get("sound_only", "false")
        if sound_only not in {"true", "false"}:
            raise Invalid("sound_only: true or false")
        if sound_only == "false":
            return None
        size = _number(fields, "original_size", 1, _LARGEST, "the bytes of the video")
        start = _number(fields, "original_start", -_LATEST, _LATEST, "the first time stamp of the pictures in seconds")
        duration = None
        if fields.get("original_duration"):
            duration = _number(fields, "original_duration", 0, _LATEST, "the duration of the video in seconds")
        return cls(int(size), start, duration)

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> "Original | None":
        """None for a whole video, or if a newer release does not store these fields any more."""
        if not document or not {"size", "start"} <= document.keys():
            return None
        return cls(document["size"], document["start"], document.get("duration"))

    def as_document(self) -> dict[str, Any]:
        return asdict(self)


def require_pictures(cover: str | None, original: Original | None) -> None:
    """Raises Invalid when the option `cover` needs pictures that were not uploaded."""
    if original is not None and cover == "frame":
        raise Invalid(
            "cover: only the sound of this video was uploaded, so there is no frame for the cover. Upload the whole "
            "video to get a cover image.",
            code="pictures_not_uploaded",
        )


def _number(fields: Mapping[str, str], name: str, least: float, most: float, what: str) -> float:
    try:
        value = float(fields.get(name, ""))
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise Invalid(f"{name}: {what}, which an upload with sound_only=true needs")
    return value
