"""Notes for the user about a finished conversion: stable codes with values, stored in the job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SILENCE_INSERTED = "silence_inserted"
"""`seconds`, `places`: the recording has gaps; they are silence in the MP3, so that later sound keeps its time."""
GAP_CLOSED = "gap_closed"
"""`seconds`, `places`: time stamps jump by more than the longest gap that is kept; the sound has no pause there."""
TRACK_SKIPPED = "track_skipped"
"""`wanted`, `used`: numbers of audio tracks, from 1. The default track cannot be decoded; another one was used."""
SOUND_DAMAGED = "sound_damaged"
"""`seconds`: damaged parts of the sound that cannot be decoded; they are silence in the MP3."""
COPIED = "copied"
"""No values: the sound of the video already is MP3, and the result is exactly this sound."""
CODES = frozenset({SILENCE_INSERTED, GAP_CLOSED, TRACK_SKIPPED, SOUND_DAMAGED, COPIED})

_TEXTS = {
    SILENCE_INSERTED: "{seconds} of silence where the recording has {places}.",
    GAP_CLOSED: "The recording's time stamps jump by {seconds} in total. The MP3 has no pause there.",
    TRACK_SKIPPED: "Track {used} was used because track {wanted} cannot be decoded.",
    SOUND_DAMAGED: "{seconds} of damaged audio were replaced by silence.",
    COPIED: "Copied without re-encoding: the audio was MP3 already.",
}


@dataclass(frozen=True)
class Note:
    code: str
    """One of `CODES`; a reader ignores codes that it does not know."""
    values: Mapping[str, float | int | str] = field(default_factory=dict)

    @property
    def text(self) -> str | None:
        """A sentence for the user; None for a code or values of another release."""
        try:
            return _TEXTS[self.code].format(**{name: _shown(name, value) for name, value in self.values.items()})
        except (KeyError, TypeError, ValueError):
            return None

    def as_document(self) -> dict[str, Any]:
        return {"code": self.code, **self.values}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Note":
        values = {name: value for name, value in document.items() if name != "code"}
        return cls(str(document["code"]), values)


def _shown(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    if name == "places":
        return "a gap" if value == 1 else f"{value} gaps"
    if name != "seconds":
        return str(value)
    if value < 60:
        return f"{value:.3g} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min {seconds} s" if hours else f"{minutes} min {seconds} s"
