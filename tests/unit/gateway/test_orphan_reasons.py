"""What a job says about its files, and what its absence does not say."""

from datetime import UTC, datetime

import pytest
from bson import ObjectId

from common.domain.jobs import Job, Status
from common.storage.orphaned_files import OwnFile
from gateway.housekeeping.orphan_reasons import Reason, reason_for_mp3, reason_for_video

FID, RESULT, OTHER = ObjectId(), ObjectId(), ObjectId()
ENDED = [Status.COMPLETED, Status.FAILED]


def job(status: Status, mp3_fid: ObjectId | None = None) -> Job:
    moment = datetime.now(UTC)
    return Job(FID, "owner@example.com", "talk.mp4", status, 0, mp3_fid, None, moment, moment)


def video(*, had_job: bool) -> OwnFile:
    return OwnFile(FID, None, had_job=had_job, reason=None, since=None)


MP3 = OwnFile(RESULT, FID, had_job=False, reason=None, since=None)


def yes(_: ObjectId) -> bool:
    return True


def no(_: ObjectId) -> bool:
    return False


@pytest.mark.parametrize("had_job", [True, False])
@pytest.mark.parametrize("status", [Status.QUEUED, Status.CONVERTING, *ENDED])
def test_a_video_with_a_job_is_no_orphan(status, had_job):
    assert reason_for_video(video(had_job=had_job), job(status), no) is None


@pytest.mark.parametrize("had_job", [True, False])
def test_a_video_of_a_deleted_job_is_one(had_job):
    assert reason_for_video(video(had_job=had_job), job(Status.DELETED), no) is Reason.JOB_DELETED


def test_a_video_that_never_had_a_job_is_one_unless_its_upload_is_about_to_make_it():
    assert reason_for_video(video(had_job=False), None, no) is Reason.NOT_ACCEPTED
    assert reason_for_video(video(had_job=False), None, yes) is None


def test_a_video_that_had_a_job_has_lost_it():
    assert reason_for_video(video(had_job=True), None, no) is Reason.JOB_LOST


def test_an_mp3_without_a_job_has_lost_it():
    assert reason_for_mp3(MP3, None, yes) is Reason.JOB_LOST


def test_an_mp3_of_a_deleted_job_is_an_orphan():
    assert reason_for_mp3(MP3, job(Status.DELETED), yes) is Reason.JOB_DELETED


@pytest.mark.parametrize("status", [Status.QUEUED, Status.CONVERTING, *ENDED])
def test_a_result_is_no_orphan(status):
    assert reason_for_mp3(MP3, job(status, RESULT), yes) is None


def test_an_mp3_of_a_job_that_is_being_converted_may_become_its_result():
    assert reason_for_mp3(MP3, job(Status.CONVERTING, OTHER), yes) is None


@pytest.mark.parametrize("status", [Status.QUEUED, *ENDED])
def test_another_mp3_than_the_result_is_an_orphan_while_the_result_is_there(status):
    assert reason_for_mp3(MP3, job(status, OTHER), yes) is Reason.SUPERSEDED
    assert reason_for_mp3(MP3, job(status, None), no) is Reason.SUPERSEDED
    assert reason_for_mp3(MP3, job(status, OTHER), no) is Reason.JOB_LOST
