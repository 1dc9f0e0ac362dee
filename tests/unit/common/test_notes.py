"""Notes survive their way through a job's document."""

import pytest

from common.domain import notes
from common.domain.notes import Note


def test_a_note_is_read_as_it_was_written() -> None:
    note = Note(notes.TRACK_SKIPPED, {"wanted": 1, "used": 2})

    assert note.as_document() == {"code": "track_skipped", "wanted": 1, "used": 2}
    assert Note.from_document(note.as_document()) == note


def test_a_code_of_a_later_release_is_read() -> None:
    assert Note.from_document({"code": "something_new", "x": 1}) == Note("something_new", {"x": 1})


@pytest.mark.parametrize(
    ("note", "text"),
    [
        (Note(notes.TRACK_SKIPPED, {"wanted": 1, "used": 2}), "Track 2 was used because track 1 cannot be decoded."),
        (
            Note(notes.SILENCE_INSERTED, {"seconds": 12.04, "places": 1}),
            "12 s of silence where the recording has a gap.",
        ),
        (
            Note(notes.SILENCE_INSERTED, {"seconds": 3725.0, "places": 3}),
            "1 h 2 min 5 s of silence where the recording has 3 gaps.",
        ),
        (
            Note(notes.GAP_CLOSED, {"seconds": 90, "places": 1}),
            "The recording's time stamps jump by 1 min 30 s in total. The MP3 has no pause there.",
        ),
        (
            Note(notes.SOUND_DAMAGED, {"seconds": 0.25}),
            "0.25 s of damaged audio were replaced by silence.",
        ),
        (Note(notes.COPIED), "Copied without re-encoding: the audio was MP3 already."),
    ],
)
def test_a_note_is_a_sentence(note: Note, text: str) -> None:
    assert note.text == text


@pytest.mark.parametrize("code", sorted(notes.CODES))
def test_each_code_has_a_sentence(code: str) -> None:
    assert Note(code, {"seconds": 1.0, "places": 1, "wanted": 1, "used": 2}).text


@pytest.mark.parametrize("note", [Note("something_new"), Note(notes.TRACK_SKIPPED, {"used": 2})])
def test_what_this_release_does_not_know_has_no_sentence(note: Note) -> None:
    assert note.text is None
