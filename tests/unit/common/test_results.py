"""What came out of a conversion survives its way through a job's document, and shows sentences."""

from datetime import UTC, datetime
from typing import Any

from bson import ObjectId

from common.domain import notes
from common.domain.jobs import Status, job_from
from common.domain.notes import Note
from common.domain.results import Result, Sound

SOUND = Sound(duration=61.44, size=1_474_560, bitrate=192, quality=None, variable=False, sample_rate=44100, channels=2)
RESULT = Result(SOUND, 10_485_760, (Note(notes.TRACK_SKIPPED, {"wanted": 1, "used": 2}), Note("something_new")))


def document(**fields: Any) -> dict[str, Any]:
    """A job as the release before this one stored it, with further fields."""
    moment = datetime(2026, 1, 31, tzinfo=UTC)
    return {
        "_id": ObjectId(), "username": "person@example.com", "filename": "talk.mp4", "status": Status.COMPLETED.value,
        "progress": 100, "mp3_fid": ObjectId(), "error": None, "created_at": moment, "updated_at": moment, **fields,
    }  # fmt: skip


def test_a_result_is_read_as_it_was_written() -> None:
    assert Result.from_document(RESULT.as_document()) == RESULT


def test_the_job_shows_it_with_a_sentence_for_each_note_that_is_known() -> None:
    assert job_from(document(result=RESULT.as_document())).public()["result"] == {
        "duration": 61.44, "size": 1_474_560, "bitrate": 192, "quality": None, "variable": False, "sample_rate": 44100,
        "channels": 2, "video_size": 10_485_760,
        "notes": [
            {
                "code": "track_skipped", "wanted": 1, "used": 2,
                "text": "Track 2 was used because track 1 cannot be decoded.",
            }
        ],
    }  # fmt: skip


def test_a_job_of_the_last_release_has_none() -> None:
    assert job_from(document()).public()["result"] is None
    assert job_from(document(result=None)).public()["result"] is None


def test_fields_of_a_later_release_are_left_out() -> None:
    later = {**RESULT.as_document(), "loudness": -23}
    assert Result.from_document(later) == RESULT
