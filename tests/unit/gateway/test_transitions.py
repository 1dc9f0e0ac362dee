"""Which jobs can be retried and cancelled."""

import pytest
from bson import ObjectId

from common.domain.jobs import Job, Status
from common.domain.owners import Owner
from common.errors import Conflict, Invalid, NotFound
from tests.unit.gateway.memory import OWNER, World


def refusal(world: World, job: Job, fields: dict[str, object] | None = None) -> str:
    with pytest.raises(Conflict) as refused:
        world.store.retry(world.outbox, job, fields)
    assert world.publisher.published == []
    return refused.value.code


def test_a_failed_job_is_queued_and_published_again(world):
    failed = world.job(status="failed", error="a reason", attempts=3)
    queued = world.store.retry(world.outbox, failed, None)
    assert (queued.status, queued.error, queued.attempts, queued.run) == (Status.QUEUED, None, 0, 1)
    ((queue, message),) = world.publisher.published
    assert (queue, message.video_fid, message.run) == ("video", failed.video_fid, 1)
    assert world.jobs[failed.video_fid]["published"]


def test_a_retry_that_cannot_be_published_is_left_for_housekeeping(world):
    world.publisher.available = False
    queued = world.store.retry(world.outbox, world.job(status="failed"), None)
    assert queued.status is Status.QUEUED
    assert not world.jobs[queued.video_fid]["published"]


def test_a_completed_job_can_be_converted_with_other_options_and_keeps_its_mp3_until_then(world):
    completed = world.completed()
    assert refusal(world, completed) == refusal(world, completed, {}) == "same_options"
    queued = world.store.retry(world.outbox, completed, {"bitrate": "64"})
    assert (queued.options, queued.mp3_fid) == ({"bitrate": 64}, completed.mp3_fid)


@pytest.mark.parametrize("status", ["queued", "converting"])
def test_a_job_that_has_not_ended_cannot_be_retried(world, status):
    assert refusal(world, world.job(status=status)) == "job_in_progress"


def test_a_job_without_its_video_cannot_be_retried(world):
    failed = world.job(status="failed")
    world.videos.delete(failed.video_fid)
    assert refusal(world, failed) == "no_longer_stored"


def test_a_retry_of_an_earlier_run_does_not_queue_a_later_run_again(world):
    seen = world.job(status="failed")
    world.store.jobs.reopen(seen.video_fid)
    world.store.jobs.fail(seen.video_fid, "another reason")
    assert refusal(world, seen) == "job_modified"
    assert world.reloaded(seen.video_fid).run == 1


def test_invalid_options_change_nothing(world):
    failed = world.job(status="failed")
    with pytest.raises(Invalid):
        world.store.retry(world.outbox, failed, {"bitrate": "1"})
    assert world.reloaded(failed.video_fid) == failed


@pytest.mark.parametrize("status", ["queued", "converting"])
def test_a_job_in_progress_can_be_cancelled_without_an_email(world, status):
    cancelled = world.store.cancel(world.job(status=status))
    assert (cancelled.status, cancelled.error_code) == (Status.FAILED, "cancelled")
    assert cancelled.notified


@pytest.mark.parametrize("status", ["completed", "failed", "deleted"])
def test_a_job_that_has_ended_cannot_be_cancelled(world, status):
    with pytest.raises(Conflict, match="ended"):
        world.store.cancel(world.job(status=status))


def test_a_cancellation_of_an_earlier_run_does_not_cancel_a_later_run(world):
    seen = world.job(status="failed")
    world.store.jobs.reopen(seen.video_fid)
    with pytest.raises(Conflict):
        world.store.cancel(seen)
    assert world.reloaded(seen.video_fid).status is Status.QUEUED


def test_a_status_of_a_newer_release_is_shown_and_only_a_deletion_changes_it(world):
    newer = world.job(status="archiving")
    assert refusal(world, newer) == "job_in_progress"
    with pytest.raises(Conflict):
        world.store.cancel(newer)
    assert world.store.jobs.fail(newer.video_fid, "a reason") is None
    assert not world.store.jobs.reopen(newer.video_fid)
    assert world.store.jobs.owned(newer.video_fid, Owner(OWNER)) == newer
    assert world.store.jobs.page(Owner(OWNER), 10, None)[0].public()["status"] == "archiving"
    world.store.delete(newer.video_fid)
    assert world.reloaded(newer.video_fid).status is Status.DELETED


def test_a_retry_keeps_options_of_a_newer_release(world):
    options = {"bitrate": 64, "loudness": -14}
    queued = world.store.retry(world.outbox, world.job(status="failed", options=options), None)
    assert queued.options == options


def test_a_deleted_job_stays_deleted(world):
    failed = world.job(status="failed")
    world.store.delete(failed.video_fid)
    with pytest.raises((Conflict, NotFound)):
        world.store.retry(world.outbox, failed, None)
    assert world.reloaded(failed.video_fid).status is Status.DELETED


def test_a_job_is_deleted_with_its_files(world):
    deleted, kept = world.completed(), world.completed()
    world.store.delete(deleted.video_fid)
    assert list(world.videos.files) == [kept.video_fid]
    assert list(world.mp3s.files) == [kept.mp3_fid]


def test_a_refused_upload_leaves_a_tombstone_with_or_without_a_job(world):
    for fid in (world.job().video_fid, world.videos.put(), ObjectId()):
        world.store.refuse(fid, OWNER, "talk.mp4")
        assert world.reloaded(fid).status is Status.DELETED
    assert world.videos.files == {}
