"""The result of a conversion: facts about the MP3 and the video, stored in the job by the converter."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from common.domain.notes import Note


@dataclass(frozen=True)
class Sound:
    duration: float
    """Seconds of sound."""
    size: int
    """Bytes of the file."""
    bitrate: int
    """kbit/s: the constant one, or the average."""
    quality: int | None
    """The chosen quality of a variable bit rate, from 0 to 9."""
    variable: bool
    sample_rate: int
    """Hertz."""
    channels: int


@dataclass(frozen=True)
class Result:
    sound: Sound
    video_size: int
    """Bytes."""
    notes: tuple[Note, ...] = ()

    def as_document(self) -> dict[str, Any]:
        return {
            **asdict(self.sound),
            "video_size": self.video_size,
            "notes": [note.as_document() for note in self.notes],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any] | None) -> "Result | None":
        """None if it was not recorded, or if a newer release does not store all of these fields any more."""
        if not document or not {*Sound.__dataclass_fields__, "video_size"} <= document.keys():
            return None
        sound = Sound(**{name: document[name] for name in Sound.__dataclass_fields__})
        return cls(sound, document["video_size"], tuple(map(Note.from_document, document.get("notes") or ())))

    def public(self) -> dict[str, Any]:
        """As the API shows it: with a sentence for each note that this release knows."""
        notes = [{**note.as_document(), "text": note.text} for note in self.notes if note.text is not None]
        return {**self.as_document(), "notes": notes}
