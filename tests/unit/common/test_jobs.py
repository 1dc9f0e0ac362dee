"""What the fields of a job's record mean."""

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import ObjectId

from common.domain.jobs import job_from
from common.errors import Failure


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"status": "failed", "error": "No sound.", "error_code": "no_audio"}, Failure.NO_AUDIO),
        # Jobs of earlier releases have no code.
        ({"status": "failed", "error": "No sound."}, Failure.FAILED),
        ({"status": "failed", "error": "Cancelled by you."}, Failure.CANCELLED),
        ({"status": "completed"}, None),
        ({"status": "queued", "error": None, "error_code": None}, None),
    ],
)
def test_a_failed_job_has_a_code(fields: dict[str, Any], code: Failure | None) -> None:
    moment = datetime.now(UTC)
    record = {"_id": ObjectId(), "username": "a@example.com", "filename": "a.mp4", "created_at": moment}
    job = job_from({**record, "updated_at": moment, **fields})
    assert job.error_code == code
    assert job.public()["error_code"] == code
