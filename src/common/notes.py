"""What a user should know about a finished conversion: stable codes with values, stored in the job, shown as sentences."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SILENCE_INSERTED = "silence_inserted"
"""`seconds`, `places`: the recording has gaps; they are silence in the MP3, so that the rest keeps its time."""
GAP_CLOSED = "gap_closed"
"""`seconds`, `places`: the time stamps jump by more than the longest gap that is kept; the sound continues at once."""
TRACK_SKIPPED = "track_skipped"
"""`wanted`, `used`: numbers of audio tracks, from 1. The default track cannot be decoded; another one was used."""
SOUND_DAMAGED = "sound_damaged"
"""`seconds`: damaged parts of the sound that cannot be decoded; they are silence in the MP3."""
CODES = frozenset({SILENCE_INSERTED, GAP_CLOSED, TRACK_SKIPPED, SOUND_DAMAGED})


@dataclass(frozen=True)
class Note:
    """One thing to know."""

    code: str
    """One of `CODES`; a reader ignores codes that it does not know."""
    values: Mapping[str, float | int | str] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        """As stored in the job."""
        return {"code": self.code, **self.values}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Note":
        """Reads what `as_document` wrote."""
        values = {name: value for name, value in document.items() if name != "code"}
        return cls(str(document["code"]), values)
