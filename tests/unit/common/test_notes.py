"""Notes survive their way through a job's document."""

from common import notes
from common.notes import Note


def test_a_note_is_read_as_it_was_written() -> None:
    note = Note(notes.TRACK_SKIPPED, {"wanted": 1, "used": 2})

    assert note.as_document() == {"code": "track_skipped", "wanted": 1, "used": 2}
    assert Note.from_document(note.as_document()) == note


def test_a_code_of_a_later_release_is_read() -> None:
    assert Note.from_document({"code": "something_new", "x": 1}) == Note("something_new", {"x": 1})
