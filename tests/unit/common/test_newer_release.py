"""What a newer release has stored or sent is read by this one: they run side by side during a rolling update."""

import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from bson import ObjectId
from pika import BasicProperties
from pydantic import SecretStr

from auth.tokens import Tokens
from common.domain.jobs import Status, job_from
from common.domain.notes import TRACK_SKIPPED, Note
from common.domain.options import ConversionOptions
from common.domain.owners import Owner
from common.domain.results import Result
from common.domain.summaries import Stage, summary_from
from common.domain.transcripts import Segment, Transcripts
from common.errors import Failure, NewerRelease
from common.messaging.message import InvalidMessage, Received, decode, decode_summary
from common.storage.adoption import found
from gateway.uploads.repository import UploadRepository
from tests.stored import RESULT
from tests.unit.gateway.memory import Database

MOMENT = datetime(2026, 1, 31, tzinfo=UTC)
OWNER = "owner@example.com"
# A field that this release does not know.
NEW = {"invented": {"later": [1, 2, 3]}}


def job(**fields: Any) -> dict[str, Any]:
    times = {"created_at": MOMENT, "updated_at": MOMENT}
    return {
        "_id": ObjectId(),
        "username": OWNER,
        "filename": "talk.mp4",
        "status": "completed",
        **times,
        **NEW,
    } | fields


def test_an_unknown_status_is_shown_as_it_is_and_is_in_progress() -> None:
    read = job_from(job(status="archiving"))
    assert read.public()["status"] == f"{read.status}" == "archiving"
    assert not read.status.terminal
    assert not read.status.known
    assert read.status not in list(Status)
    assert read.status == Status("archiving") != Status("QUEUED")


@pytest.mark.parametrize("status", Status)
def test_a_status_of_this_release_is_known(status: Status) -> None:
    assert Status(status.value) is status
    assert status.known


@pytest.mark.parametrize("value", [None, 7, ["queued"]])
def test_a_status_that_is_no_text_is_an_error(value: object) -> None:
    with pytest.raises(ValueError, match="not a valid Status"):
        Status(value)  # type: ignore[arg-type]


def test_an_unknown_error_code_is_a_failure() -> None:
    assert job_from(job(status="failed", error="A reason.", error_code="too_loud")).error_code is Failure.FAILED


def test_unknown_options_are_kept_and_shown_and_not_read() -> None:
    read = job_from(job(options={"bitrate": 64, "loudness": -14}))
    assert read.public()["options"] == {"bitrate": 64, "loudness": -14}
    with pytest.raises(NewerRelease, match="does not have: loudness"):
        ConversionOptions.from_document(read.options)


def test_an_unknown_value_of_an_option_is_not_read() -> None:
    with pytest.raises(NewerRelease, match="channels"):
        ConversionOptions.from_document({"channels": "5.1"})


def test_known_options_are_read() -> None:
    assert ConversionOptions.from_document({"bitrate": 64}).as_document() == {"bitrate": 64}


def test_a_result_with_other_fields_and_notes_is_read() -> None:
    stored = {**RESULT.as_document(), **NEW, "notes": [{"code": "too_loud", **NEW}]}
    read = job_from(job(result=stored))
    assert read.result == Result(RESULT.sound, RESULT.video_size, (Note("too_loud", NEW),))
    assert read.public()["result"]["notes"] == []


@pytest.mark.parametrize("missing", ["duration", "sample_rate", "video_size", "notes"])
def test_a_result_without_a_field_does_not_make_its_job_unreadable(missing: str) -> None:
    stored = {name: value for name, value in RESULT.as_document().items() if name != missing}
    assert job_from(job(result=stored)).public()["result"] == (RESULT.public() if missing == "notes" else None)


@pytest.mark.parametrize("seconds", [None, [1.0], {"from": 0, "to": 1}])
def test_a_note_with_values_of_other_types_has_no_text(seconds: Any) -> None:
    assert Note("sound_damaged", {"seconds": seconds}).text is None


def test_a_note_with_further_values_has_its_text() -> None:
    assert Note.from_document({"code": TRACK_SKIPPED, "wanted": 1, "used": 2, **NEW}).text


def test_a_summary_in_an_unknown_stage_is_shown_and_in_progress() -> None:
    read = summary_from(job(status="translating", mp3_fid=ObjectId(), file_id=ObjectId(), video_fid=ObjectId()))
    assert read.public()["status"] == "translating"
    assert not read.status.known
    assert read.status not in {Stage.COMPLETED, Stage.FAILED}


def test_a_transcript_with_further_fields_is_read() -> None:
    mp3_fid, database = ObjectId(), Database()
    row = {"start": 0.0, "end": 1.0, "text": "Hello.", "speaker": "A"}
    stored = {"_id": mp3_fid, "segments": [row], "offset": 7, "seconds": 1.0, "complete": True, **NEW}
    database["transcripts"].documents[mp3_fid] = stored
    read = Transcripts(database).get(mp3_fid)  # type: ignore[arg-type]
    assert read is not None
    assert read.segments == (Segment(0.0, 1.0, "Hello."),)


def test_an_upload_with_further_fields_and_options_is_read() -> None:
    database = Database()
    uploads = UploadRepository(database, 60)  # type: ignore[arg-type]
    upload = uploads.create(OWNER, "talk.mp4", 10, {"loudness": -14})
    database["uploads"].documents[upload.id].update(NEW)
    assert uploads.owned(upload.id, Owner(OWNER)) == upload


def test_a_stored_file_with_further_metadata_is_read() -> None:
    record = {"_id": ObjectId(), "filename": "talk.mp4", "uploadDate": MOMENT, "metadata": {"username": OWNER, **NEW}}
    assert found({**record, **NEW}).username == OWNER


def test_a_message_with_further_fields_and_headers_is_read() -> None:
    fid = ObjectId()
    body = json.dumps({"video_fid": str(fid), "mp3_fid": None, "username": OWNER, **NEW}).encode()
    headers = {"x-run": 2, "x-attempt": 1, "x-priority": NEW, "x-request-id": NEW}
    received = Received.read(BasicProperties(headers=headers), body, probing=False)
    assert (received.attempt, received.run, received.request) == (1, 2, None)
    assert decode(received.body, received.run).video_fid == fid
    summary = json.dumps({"summary_id": str(fid), "username": OWNER, **NEW}).encode()
    assert decode_summary(summary).summary_id == fid


def test_a_message_without_its_fields_is_invalid() -> None:
    with pytest.raises(InvalidMessage):
        decode(json.dumps({"playlist": str(ObjectId()), "username": OWNER}).encode())


def test_a_token_with_further_claims_is_accepted() -> None:
    claims = {"username": OWNER, "iat": 1_767_225_600, "exp": 4_000_000_000, "admin": False, "jti": "1", **NEW}
    token = jwt.encode(claims, "k" * 32, algorithm="HS256")
    assert Tokens(SecretStr("k" * 32), 60, admins=()).claims(token).username == OWNER
