"""Which files are orphaned by what their job says, and what a missing job does not prove."""

from datetime import UTC, datetime

import pytest
from bson import ObjectId

from common.domain.jobs import Job, Status
from common.storage.suspected_files import OwnFile
from gateway.housekeeping.cursors import Cursors
from gateway.housekeeping.orphan_cleanup import Cleanup, OrphanCleanup, Reason, reason_for_mp3, reason_for_video
from gateway.housekeeping.orphan_search import OrphanSearch
from gateway.uploads.repository import UploadRepository
from tests.unit.gateway.memory import OWNER, World, settings

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
def test_a_video_with_a_job_is_not_orphaned(status, had_job):
    assert reason_for_video(video(had_job=had_job), job(status), no) is None


@pytest.mark.parametrize("had_job", [True, False])
def test_a_video_of_a_deleted_job_is_orphaned(had_job):
    assert reason_for_video(video(had_job=had_job), job(Status.DELETED), no) is Reason.JOB_DELETED


def test_a_video_that_never_had_a_job_is_orphaned_unless_it_is_being_uploaded():
    assert reason_for_video(video(had_job=False), None, no) is Reason.NOT_ACCEPTED
    assert reason_for_video(video(had_job=False), None, yes) is None


def test_a_video_that_had_a_job_has_lost_it():
    assert reason_for_video(video(had_job=True), None, no) is Reason.JOB_LOST


def test_the_files_of_a_job_in_a_status_of_a_newer_release_are_not_orphaned():
    newer = job(Status("archiving"))
    assert reason_for_video(video(had_job=True), newer, no) is None
    assert reason_for_mp3(MP3, newer, yes) is None


def test_an_mp3_without_a_job_has_lost_it():
    assert reason_for_mp3(MP3, None, yes) is Reason.JOB_LOST


def test_an_mp3_of_a_deleted_job_is_orphaned():
    assert reason_for_mp3(MP3, job(Status.DELETED), yes) is Reason.JOB_DELETED


@pytest.mark.parametrize("status", [Status.QUEUED, Status.CONVERTING, *ENDED])
def test_the_result_of_a_job_is_not_orphaned(status):
    assert reason_for_mp3(MP3, job(status, RESULT), yes) is None


def test_an_mp3_of_a_converting_job_may_become_its_result():
    assert reason_for_mp3(MP3, job(Status.CONVERTING, OTHER), yes) is None


@pytest.mark.parametrize("status", [Status.QUEUED, *ENDED])
def test_another_mp3_than_the_result_is_orphaned_while_the_result_is_stored(status):
    assert reason_for_mp3(MP3, job(status, OTHER), yes) is Reason.SUPERSEDED
    assert reason_for_mp3(MP3, job(status, None), no) is Reason.SUPERSEDED
    assert reason_for_mp3(MP3, job(status, OTHER), no) is Reason.JOB_LOST


class TestCleanup:
    """The whole pass; what MongoDB adds to it is in tests/integration/gateway/test_orphans.py."""

    PASSES = 3

    def passes(self, world: World, number: int = PASSES, **changes: object) -> list[Cleanup]:
        return [self.confirmed(world, 0, **changes) for _ in range(number)]

    def confirmed(self, world: World, number: int, **changes: object) -> Cleanup:
        search = OrphanSearch(world.store, Cursors(world.db))
        uploads = UploadRepository(world.db, 3600)
        return OrphanCleanup(settings(**changes), world.store, uploads, search).run(number)

    def deleted(self, passes: list[Cleanup]) -> list[int]:
        return [done.files + done.chunks for done in passes]

    @pytest.mark.parametrize("since_then", [0, 1])
    def test_a_lost_collection_of_jobs_loses_no_file(self, world, since_then):
        for _ in range(5):
            world.completed()
        world.jobs.clear()
        for _ in range(since_then):
            world.completed()
        passes = self.passes(world)
        assert self.deleted(passes) == [0, 0, 0]
        assert [done.lost for done in passes] == [10, 10, 10]
        assert len(world.videos.files) == len(world.mp3s.files) == 5 + since_then

    def test_files_are_no_longer_suspected_when_their_jobs_are_restored(self, world):
        for _ in range(3):
            world.completed()
        backup = dict(world.jobs)
        world.jobs.clear()
        assert self.passes(world, 1)[0].lost == 6
        world.jobs.update(backup)
        assert self.passes(world, 1)[0].lost == 0
        assert {file.reason for file in world.videos.files.values()} == {None}

    def test_files_of_lost_jobs_are_deleted_when_an_operator_confirms_their_number(self, world):
        for _ in range(3):
            world.completed()
        world.jobs.clear()
        self.passes(world, 1)
        refused = self.confirmed(world, 5)
        assert (refused.files, refused.held) == (0, 6)
        assert self.confirmed(world, 6).files == 6
        assert world.videos.files == world.mp3s.files == {}

    def test_the_mp3_of_a_job_from_an_old_backup_is_kept(self, world):
        job = world.completed()
        world.jobs[job.video_fid]["mp3_fid"] = ObjectId()
        passes = self.passes(world)
        assert (self.deleted(passes), passes[-1].lost) == ([0, 0, 0], 1)
        assert job.mp3_fid in world.mp3s.files

    def test_a_lost_collection_of_file_records_loses_no_chunk(self, world):
        world.completed()
        world.videos.files.clear()
        world.mp3s.files.clear()
        passes = self.passes(world)
        assert (self.deleted(passes), passes[-1].lost) == ([0, 0, 0], 2)
        assert len(world.videos.chunks) == len(world.mp3s.chunks) == 1

    def test_a_video_that_was_never_accepted_is_suspected_first_and_deleted_later(self, world):
        world.videos.put()
        first, second = self.passes(world, 2)
        assert (first.suspected, first.files, second.files) == (1, 0, 1)
        assert world.videos.files == {}

    def test_a_video_that_gets_its_job_after_it_was_suspected_is_kept(self, world):
        fid = world.videos.put()
        self.passes(world, 1)
        world.store.jobs.create(fid, OWNER, "talk.mp4", {})
        assert self.deleted(self.passes(world)) == [0, 0, 0]
        # The pass has recorded that the video had a job, which its gateway did not.
        world.jobs.clear()
        assert self.deleted(self.passes(world)) == [0, 0, 0]

    def test_a_resumable_upload_that_is_about_to_get_its_job_is_not_suspected(self, world):
        upload = UploadRepository(world.db, 3600).create(OWNER, "talk.mp4", 1000, {})
        world.videos.publish(upload.id)
        assert self.passes(world, 1)[0].suspected == 0

    def test_a_superseded_mp3_is_deleted_and_the_result_kept(self, world):
        job = world.completed()
        world.mp3s.put(job.video_fid)
        assert self.deleted(self.passes(world)) == [0, 1, 0]
        assert list(world.mp3s.files) == [job.mp3_fid]

    def test_an_mp3_of_a_job_that_is_converting_is_not_suspected(self, world):
        job = world.completed(status="converting")
        world.mp3s.put(job.video_fid)
        assert self.passes(world, 1)[0].suspected == 0

    def test_the_files_of_an_interrupted_deletion_are_deleted_regardless_of_the_limit(self, world):
        for _ in range(3):
            world.store.jobs.mark_deleted(world.completed().video_fid)
        assert self.deleted(self.passes(world, 2, orphan_minimum=0, orphan_share=0)) == [0, 6]
        assert world.videos.files == world.mp3s.files == {}

    def test_more_orphans_than_the_limit_are_deleted_only_by_an_operator(self, world):
        for _ in range(5):
            world.videos.put()
        limits = {"orphan_minimum": 4, "orphan_share": 0.01}
        passes = self.passes(world, **limits)
        assert (self.deleted(passes), [done.held for done in passes]) == ([0, 0, 0], [0, 5, 5])
        assert self.confirmed(world, 4, **limits).held == 5
        assert len(world.videos.files) == 5
        assert self.confirmed(world, 5, **limits).files == 5

    def test_the_limit_is_a_share_of_the_jobs(self, world):
        for _ in range(4):
            world.completed()
        world.videos.put()
        assert [done.held for done in self.passes(world, 2, orphan_minimum=0, orphan_share=0.2)] == [0, 1]
        assert self.passes(world, 1, orphan_minimum=0, orphan_share=0.25)[0].files == 1

    def test_chunks_without_a_file_count_for_the_limit(self, world):
        world.videos.chunks |= {ObjectId() for _ in range(5)}
        assert self.passes(world, 2, orphan_minimum=4)[-1].held == 5
        assert len(world.videos.chunks) == 5
        assert self.deleted(self.passes(world, 1, orphan_minimum=5)) == [5]
