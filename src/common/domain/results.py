"""What came out of a conversion: facts about the MP3 and the video, stored in the job by the converter."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from common.domain.notes import Note


@dataclass(frozen=True)
class Sound:
    """The MP3."""

    duration: float
    """Seconds of sound."""
    size: int
    """Bytes of the file."""
    bitrate: int
    """kbit/s: the constant one, or the average."""
    quality: int | None
    """The chosen quality of a variable bit rate, from 0 to 9."""
    variable: bool
    """Whether the bit rate varies."""
    sample_rate: int
    """Hertz."""
    channels: int


@dataclass(frozen=True)
class Result:
    """A finished MP3, the size of its video in bytes, and what its owner should know about it."""

    sound: Sound
    video_size: int
    notes: tuple[Note, ...] = ()

    def as_document(self) -> dict[str, Any]:
        """As stored in the job."""
        return {
            **asdict(self.sound),
            "video_size": self.video_size,
            "notes": [note.as_document() for note in self.notes],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Result":
        """Reads what `as_document` wrote."""
        sound = Sound(**{name: document[name] for name in Sound.__dataclass_fields__})
        return cls(sound, document["video_size"], tuple(map(Note.from_document, document["notes"])))

    def public(self) -> dict[str, Any]:
        """As the API shows it: with a sentence for each note that this release knows."""
        notes = [{**note.as_document(), "text": note.text} for note in self.notes if note.text is not None]
        return {**self.as_document(), "notes": notes}
