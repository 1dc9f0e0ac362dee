"""Reads what `POST /summaries` asks for: a text, or a file of the caller."""

from dataclasses import dataclass

from bson import ObjectId

from common.errors import Invalid
from common.http.validation import json_object, object_id

_MEGABYTE = 1_000_000
# Characters of a name that are kept for display, as for an upload.
_MAX_NAME = 400
_HOW = (
    'Send a JSON object: {"file_id": "<id of a video or an MP3 of yours>"}, or {"text": "…", "filename": "<optional>"}.'
)


@dataclass(frozen=True)
class Asked:
    """Exactly one of `text` and `file_id` is set."""

    text: str | None
    file_id: ObjectId | None
    filename: str | None

    @classmethod
    def read(cls, max_mb: int) -> "Asked":
        """The request's body; raises a RejectedError that says what is wrong with it."""
        fields = json_object(max_mb * _MEGABYTE, _HOW) or {}
        unknown = fields.keys() - {"text", "file_id", "filename"}
        if unknown:
            raise Invalid(f"{min(unknown)[:60]}: there is no such field. {_HOW}")
        text, file_id, filename = (fields.get(name) for name in ("text", "file_id", "filename"))
        for name, value in fields.items():
            if value is not None and not isinstance(value, str):
                raise Invalid(f"{name} must be a string. {_HOW}")
        if (text is None) == (file_id is None):
            raise Invalid(f"Either text or file_id is needed. {_HOW}")
        if text is not None and not any(c.isalnum() for c in str(text)):
            raise Invalid("text has no words to summarise.")
        return cls(
            # What UTF-8 has no bytes for can neither be stored nor sent.
            text=str(text).encode(errors="replace").decode() if text is not None else None,
            file_id=object_id(str(file_id), "file_id") if file_id is not None else None,
            filename=str(filename).encode(errors="replace").decode().strip()[:_MAX_NAME] or None if filename else None,
        )
