"""What housekeeping deletes after RETENTION_DAYS, and what it continues."""

from datetime import UTC, datetime, timedelta

import pytest
from bson import ObjectId

from common.domain.jobs import NOTIFIED, Status
from common.domain.summaries import Recording, Stage
from common.errors import Conflict
from gateway.housekeeping.runner import Housekeeping
from gateway.uploads.repository import Upload, UploadRepository
from tests.unit.gateway.memory import OWNER, World, ago, settings

LENGTH = 1000


def housekeeping(world: World, **changes: object) -> Housekeeping:
    return Housekeeping(settings(**changes), world.db, world.store, world.outbox)


def uploaded(world: World, offset: int, **changes: object) -> Upload:
    """A resumable upload of which `offset` bytes are stored, changed in the database."""
    upload = UploadRepository(world.db, 3600).create(OWNER, "talk.mp4", LENGTH, {"bitrate": 64})
    world.db["uploads"].documents[upload.id].update({"offset": offset, **changes})
    return upload


def test_without_anything_to_do_every_pass_does_nothing(world):
    completed = world.completed()
    assert set(housekeeping(world).run().values()) == {0}
    assert world.reloaded(completed.video_fid) == completed
    assert world.publisher.published == []


class TestRetention:
    def test_jobs_are_deleted_with_their_files_after_the_retention(self, world):
        old, fresh = (world.completed(updated_at=ago(days=days)) for days in (31, 29))
        assert housekeeping(world).retention.delete_expired_jobs() == 1
        assert world.reloaded(old.video_fid).status is Status.DELETED
        assert list(world.videos.files) == [fresh.video_fid]
        assert list(world.mp3s.files) == [fresh.mp3_fid]

    def test_a_kept_mp3_does_not_expire_until_its_owner_no_longer_keeps_it(self, world):
        job = world.completed()
        assert world.store.keep(job, kept=True).kept
        world.jobs[job.video_fid]["updated_at"] = ago(days=4000)
        assert housekeeping(world).retention.delete_expired_jobs() == 0
        # RETENTION_DAYS begin again.
        assert not world.store.keep(world.reloaded(job.video_fid), kept=False).kept
        assert housekeeping(world).retention.delete_expired_jobs() == 0
        world.jobs[job.video_fid]["updated_at"] = ago(days=31)
        assert housekeeping(world).retention.delete_expired_jobs() == 1

    def test_only_the_mp3_of_a_job_that_has_ended_can_be_kept(self, world):
        for job in (world.job(), world.job(status="failed"), world.completed(status="converting")):
            with pytest.raises(Conflict) as refused:
                world.store.keep(job, kept=True)
            assert refused.value.code == "not_completed"

    def test_videos_are_deleted_before_their_jobs_and_mp3s(self, world):
        old, fresh = (world.completed(updated_at=ago(days=days)) for days in (8, 6))
        kept = world.completed(updated_at=ago(days=8), kept=True)
        failed = world.job(updated_at=ago(days=8), status="failed")
        retention = housekeeping(world).retention
        assert [retention.delete_expired_videos() for _ in range(2)] == [2, 0]
        assert set(world.videos.files) == {fresh.video_fid, failed.video_fid}
        assert set(world.mp3s.files) == {old.mp3_fid, fresh.mp3_fid, kept.mp3_fid}
        job = world.reloaded(old.video_fid)
        assert (job.status, job.video_stored, job.updated_at) == (Status.COMPLETED, False, old.updated_at)
        with pytest.raises(Conflict) as refused:
            world.store.retry(world.outbox, job, {"bitrate": 64})
        assert refused.value.code == "no_longer_stored"

    def test_a_video_is_deleted_with_the_next_pass_if_none_is_kept(self, world):
        world.completed()
        assert housekeeping(world, keep_videos_days=0).retention.delete_expired_videos() == 1

    def test_an_interrupted_deletion_of_a_video_is_continued(self, world):
        job = world.completed(updated_at=ago(days=8))
        assert world.store.jobs.retention.expire_video(job)
        assert not world.reloaded(job.video_fid).video_stored
        assert housekeeping(world).retention.delete_expired_videos() == 1
        assert job.video_fid not in world.videos.files

    def test_a_job_that_is_deleted_while_its_video_expires_gives_its_bytes_back_once(self, world):
        job = world.completed(updated_at=ago(days=8), size=1000)
        retention = world.store.jobs.retention
        assert retention.expire_video(job)
        assert world.store.jobs.mark_deleted(job.video_fid).stored >= 1000
        assert retention.forget_video(job) == 0

    def test_a_video_that_is_converted_again_is_kept(self, world):
        seen = world.completed(updated_at=ago(days=8))
        assert world.store.jobs.reopen(seen.video_fid, {"quality": "high"}, ended=(Status.COMPLETED,))
        assert world.store.delete_videos(seen) == 0
        assert seen.video_fid in world.videos.files

    def test_a_video_that_expires_during_a_retry_is_not_converted_again(self, world):
        seen = world.completed()
        assert world.store.jobs.retention.expire_video(seen)
        with pytest.raises(Conflict) as refused:
            world.store.retry(world.outbox, seen, {"bitrate": 64})
        assert refused.value.code == "job_modified"

    @pytest.mark.parametrize("status", ["queued", "converting", "deleted", "of a newer release"])
    def test_jobs_that_have_not_ended_do_not_expire(self, world, status):
        world.job(status=status, updated_at=ago(days=4000))
        assert housekeeping(world).retention.delete_expired_jobs() == 0

    def test_a_retention_of_zero_keeps_everything(self, world):
        world.completed(updated_at=ago(days=4000))
        text = world.store.summaries.create(OWNER, None, "", status="completed")
        world.db["summaries"].documents[text.id]["updated_at"] = ago(days=4000)
        retention = housekeeping(world, retention_days=0).retention
        assert (retention.delete_expired_jobs(), retention.delete_expired_summaries()) == (0, 0)

    def test_a_job_that_was_queued_again_in_time_does_not_expire(self, world):
        seen = world.completed(updated_at=ago(days=31))
        world.store.jobs.reopen(seen.video_fid, {"quality": "high"}, ended=(Status.COMPLETED,))
        assert not world.store.delete_ended(seen)
        assert world.reloaded(seen.video_fid).status is Status.QUEUED
        assert seen.video_fid in world.videos.files

    def test_uploads_are_deleted_when_they_expire_unless_a_request_continues_them(self, world):
        moment = datetime.now(UTC)
        lock = {"token": "x", "until": moment + timedelta(seconds=9)}
        expired = uploaded(world, 10, expires_at=ago(seconds=1))
        live = uploaded(world, 10)
        locked = uploaded(world, 10, expires_at=ago(seconds=1), lock=lock)
        assert housekeeping(world).retention.delete_expired_uploads() == 1
        assert world.db["uploads"].documents.keys() == {live.id, locked.id}
        assert expired.id not in world.db["uploads"].documents

    def test_summaries_of_texts_expire_and_those_of_jobs_do_not(self, world):
        create = world.store.summaries.create
        recording = Recording(*(ObjectId() for _ in range(3)))
        old, fresh, in_progress, of_job = (
            create(OWNER, None, source, status=status)
            for source, status in (("", "completed"), ("", "failed"), ("", "queued"), (recording, "completed"))
        )
        for summary in (old, in_progress, of_job):
            world.db["summaries"].documents[summary.id]["updated_at"] = ago(days=31)
        assert housekeeping(world).retention.delete_expired_summaries() == 1
        assert world.db["summaries"].documents.keys() == {fresh.id, in_progress.id, of_job.id}

    def test_summaries_are_deleted_with_a_deleted_job_and_kept_with_a_lost_one(self, world):
        for fid in (deleted := ObjectId(), lost := ObjectId()):
            world.store.summaries.create(OWNER, "talk.mp4", Recording(fid, fid, fid))
            world.store.transcripts.begin(fid, fid, OWNER)
        retention = housekeeping(world).retention
        assert retention.delete_summaries_of_deleted_jobs() == 0
        world.store.jobs.forbid(deleted, OWNER, "talk.mp4")
        assert retention.delete_summaries_of_deleted_jobs() == 2
        for name in ("summaries", "transcripts"):
            assert [row["video_fid"] for row in world.db[name].documents.values()] == [lost]


class TestRecovery:
    def test_a_job_whose_message_was_not_confirmed_is_published_once(self, world):
        job = world.job(updated_at=ago(seconds=1))
        recovery = housekeeping(world).recovery
        assert [recovery.publish_jobs() for _ in range(2)] == [1, 0]
        ((queue, message),) = world.publisher.published
        assert (queue, message.video_fid) == ("video", job.video_fid)

    def test_a_message_has_a_grace_to_be_confirmed(self, world):
        world.job(updated_at=ago(seconds=30))
        assert housekeeping(world, publish_grace=60).recovery.publish_jobs() == 0

    @pytest.mark.parametrize("status", ["queued", "converting"])
    def test_a_stalled_job_is_published_once_more_for_each_time_that_it_stalls(self, world, status):
        job = world.job(status=status, published=True, updated_at=ago(hours=2))
        recovery = housekeeping(world).recovery
        assert [recovery.publish_jobs() for _ in range(2)] == [1, 0]
        world.jobs[job.video_fid]["updated_at"] = ago(hours=2)
        assert recovery.publish_jobs() == 1

    def test_without_rabbitmq_nothing_is_lost(self, world):
        job = world.job(updated_at=ago(seconds=1))
        world.publisher.available = False
        recovery = housekeeping(world).recovery
        assert recovery.publish_jobs() == 0
        assert world.reloaded(job.video_fid) == job
        world.publisher.available = True
        assert recovery.publish_jobs() == 1

    def test_an_owner_whose_notice_was_never_published_is_notified(self, world):
        completed = world.completed(**{NOTIFIED: False}, notice_sent=False, updated_at=ago(seconds=1))
        assert housekeeping(world).recovery.publish_notices() == 1
        ((queue, message),) = world.publisher.published
        assert (queue, message.mp3_fid) == ("mp3", completed.mp3_fid)

    @pytest.mark.parametrize(
        ("state", "lost"),
        [
            ({}, True),
            ({"updated_at": ago(minutes=30)}, False),
            ({"undeliverable": True}, False),
            ({"notice_expected_until": ago(seconds=1)}, True),
            ({"notice_expected_until": datetime.now(UTC) + timedelta(hours=1)}, False),
            ({NOTIFIED: True}, False),
        ],
    )
    def test_a_notice_is_published_again_when_it_was_lost(self, world, state, lost):
        job = world.completed(**{NOTIFIED: False, "updated_at": ago(hours=2), **state})
        recovery = housekeeping(world).recovery
        assert [recovery.publish_notices() for _ in range(2)] == [int(lost), 0]
        assert [message.video_fid for _, message in world.publisher.published] == [job.video_fid] * lost

    def test_the_notice_of_a_failed_job_names_no_mp3(self, world):
        world.completed(status="failed", **{NOTIFIED: False}, notice_sent=False, updated_at=ago(seconds=1))
        housekeeping(world).recovery.publish_notices()
        assert world.publisher.published[0][1].mp3_fid is None

    @pytest.mark.parametrize("state", [{"published": False}, {"updated_at": ago(hours=2), "published": True}])
    def test_a_summary_whose_message_was_lost_is_published(self, world, state):
        summary = world.store.summaries.create(OWNER, None, "A text.", updated_at=ago(seconds=1))
        world.db["summaries"].documents[summary.id].update(state)
        recovery = housekeeping(world).recovery
        assert [recovery.publish_summaries() for _ in range(2)] == [1, 0]
        assert world.publisher.published[0][0] == "summary"
        assert world.store.summaries.get(summary.id).status is Stage.QUEUED

    def test_without_their_queue_no_summaries_are_published(self, world):
        world.store.summaries.create(OWNER, None, "A text.", updated_at=ago(hours=2))
        assert housekeeping(world, summary_queue=None).recovery.publish_summaries() == 0

    def test_a_complete_upload_becomes_a_job_even_if_it_has_expired(self, world):
        complete, incomplete = (uploaded(world, offset, expires_at=ago(days=1)) for offset in (LENGTH, LENGTH - 1))
        assert housekeeping(world).recovery.complete_uploads() == 1
        job = world.reloaded(complete.id)
        assert (job.status, job.options, job.username) == (Status.QUEUED, {"bitrate": 64}, OWNER)
        assert list(world.videos.files) == [complete.id]
        assert world.db["uploads"].documents.keys() == {incomplete.id}

    def test_a_complete_upload_whose_request_is_in_progress_is_left_alone(self, world):
        lock = {"token": "x", "until": datetime.now(UTC) + timedelta(seconds=9)}
        uploaded(world, LENGTH, expires_at=ago(days=1), lock=lock)
        assert housekeeping(world).recovery.complete_uploads() == 0
        assert world.jobs == {}

    def test_a_complete_upload_that_its_owner_has_ended_stays_ended(self, world):
        upload = uploaded(world, LENGTH, expires_at=ago(days=1))
        world.store.jobs.forbid(upload.id, OWNER, "talk.mp4")
        assert housekeeping(world).recovery.complete_uploads() == 0
        assert world.reloaded(upload.id).status is Status.DELETED
        assert world.videos.files == {}
