"""Adoption creates jobs for files without one: of the first version, of other software, or of lost jobs."""

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import gridfs
import pytest
from bson import ObjectId

from common.domain.jobs import Status
from common.domain.owners import Owner
from gateway.housekeeping.adopt import Adoptions
from gateway.housekeeping.cursors import Cursors
from gateway.housekeeping.orphan_cleanup import OrphanCleanup
from gateway.housekeeping.orphan_search import OrphanSearch
from gateway.migrations import runner as migrations
from gateway.migrations.records import MigrationRecords
from gateway.settings import HousekeepingSettings
from gateway.uploads.repository import UploadRepository

OWNER = "owner@example.com"
OTHER = "other@example.com"


@pytest.fixture
def adopt(store) -> Callable[..., Adoptions]:
    def run(user: str | None = None, account: str | None = None, *, dry_run: bool = False) -> Adoptions:
        adoptions = Adoptions(store, user, account=account, dry_run=dry_run)
        lines = list(adoptions.run())
        assert len(lines) == adoptions.counts.completed + adoptions.counts.queued
        return adoptions

    return run


def put(db, name: str | None, **metadata: object) -> ObjectId:
    """A file as the first version stored it, or other software does."""
    more = {"filename": name} if name else {}
    return gridfs.GridFS(db).put(b"x" * 1000, **more, **({"metadata": metadata} if metadata else {}))


def seen(db) -> list[dict[str, object]]:
    return list(db["fs.files"].find({}))


def test_a_video_without_an_mp3_is_queued_for_its_owner(store, db, adopt):
    fid = put(db, "talk.mp4", username=OWNER)
    assert adopt().counts.queued == 1
    job = store.jobs.owned(fid, Owner(OWNER))
    assert (job.status, job.filename, job.mp3_fid) == (Status.QUEUED, "talk.mp4", None)
    assert store.jobs.collection.find_one({"_id": fid})["published"] is False


@pytest.mark.parametrize("link", [ObjectId, str])
def test_a_video_with_an_mp3_is_completed_and_can_be_downloaded(store, db, other_db, adopt, link):
    fid = put(db, "talk.mp4", username=OWNER)
    mp3 = put(other_db, "talk.mp3", video_fid=link(fid))
    assert adopt().counts.completed == 1
    job = store.jobs.owned(fid, Owner(OWNER))
    assert (job.status, job.progress, job.mp3_fid) == (Status.COMPLETED, 100, mp3)
    assert job.notified
    assert job.notice_sent
    # As GET /download asks for it, and as a deletion finds it.
    assert store.mp3s.find(mp3).metadata["username"] == OWNER
    assert store.mp3s.ids_of_video(fid) == [mp3]


def test_a_file_without_an_owner_is_adopted_only_with_one(store, db, adopt):
    fid = put(db, None)
    assert adopt().counts.without_owner == 1
    assert store.jobs.get(fid) is None
    assert adopt(OTHER).counts.queued == 1
    assert store.jobs.owned(fid, Owner(OTHER)).filename == "video"
    assert store.videos.find(fid).metadata["username"] == OTHER


def test_files_that_are_older_than_the_account_of_their_owner_need_its_id(store, db, other_db, adopt):
    old, video = put(db, "old.mp4", username=OTHER), put(db, "talk.mp4")
    mp3 = put(other_db, "talk.mp3", video_fid=video)
    adopt(OTHER, "an-id")
    owner = Owner(OTHER, "an-id", datetime.now(UTC) + timedelta(minutes=1))
    assert {job.video_fid for job in store.jobs.page(owner, 10, None)} == {old, video}
    assert store.mp3s.find(mp3).metadata["account"] == "an-id"


def test_the_owner_of_a_file_is_kept(store, db, adopt):
    fid = put(db, "talk.mp4", username=OWNER)
    adopt(OTHER)
    assert store.jobs.owned(fid, Owner(OWNER)) is not None


def test_a_dry_run_changes_nothing(store, db, other_db, adopt):
    fid = put(db, "talk.mp4", username=OWNER)
    put(other_db, "talk.mp3", video_fid=fid)
    before = seen(db) + seen(other_db)
    assert adopt(dry_run=True).counts.completed == 1
    assert seen(db) + seen(other_db) == before
    assert store.jobs.get(fid) is None


def test_a_second_run_changes_nothing(store, db, other_db, adopt):
    fid = put(db, "talk.mp4", username=OWNER)
    put(other_db, "talk.mp3", video_fid=fid)
    adopt()
    before = store.jobs.collection.find_one({"_id": fid})
    again = adopt().counts
    assert (again.completed, again.queued, again.marked) == (0, 0, 0)
    assert store.jobs.collection.find_one({"_id": fid}) == before


def test_an_interrupted_run_is_continued_by_the_next(store, db, adopt):
    fid = put(db, "talk.mp4", username=OWNER)
    # The run ended after it had marked the file.
    (batch,) = store.videos.adoption.files()
    assert store.videos.adoption.take(batch[0], OWNER)
    assert adopt().counts.queued == 1
    assert store.jobs.get(fid) is not None


def test_adopted_files_are_kept_by_housekeeping_and_deleted_with_their_job(store, db, other_db, adopt, environment):
    fid = put(db, "talk.mp4", username=OWNER)
    put(other_db, "talk.mp3", video_fid=fid)
    kept = put(db, "other.mp4")
    adopt()
    addresses = {name.lower(): environment[name] for name in ("MONGO_URI", "RABBITMQ_URI", "AUTH_SVC_ADDRESS")}
    settings = HousekeepingSettings(**addresses, orphan_grace=0)
    cleanup = OrphanCleanup(settings, store, UploadRepository(db, 60), OrphanSearch(store, Cursors(db)))
    assert [cleanup.run().files for _ in range(3)] == [0, 0, 0]
    store.delete(fid)
    assert [file["_id"] for file in seen(db) + seen(other_db)] == [kept]


def test_an_upload_that_is_not_accepted_yet_is_left_alone(store, adopt):
    with store.videos.create("talk.mp4", "video/*", {"username": OWNER}) as writer:
        writer.write(b"x")
        fid = writer.finish()
    assert adopt(OTHER).counts.queued == 0
    assert store.jobs.get(fid) is None


def test_a_file_of_a_deleted_job_is_not_adopted(store, db, adopt):
    fid = put(db, "talk.mp4", username=OWNER)
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    store.jobs.mark_deleted(fid)
    adopt()
    assert store.jobs.get(fid).status is Status.DELETED


def test_lost_jobs_are_created_again_even_without_their_videos(store, db, other_db, adopt):
    with_video, without_video = (put(db, "talk.mp4", username=OWNER) for _ in range(2))
    for fid in (with_video, without_video):
        put(other_db, "talk.mp3", video_fid=fid, username=OWNER)
    adopt()
    store.videos.delete(without_video)
    store.jobs.collection.delete_many({})
    assert adopt().counts.completed == 2
    assert {store.jobs.owned(fid, Owner(OWNER)).status for fid in (with_video, without_video)} == {Status.COMPLETED}


def test_an_mp3_without_the_id_of_its_video_is_counted_and_kept(other_db, adopt):
    put(other_db, "talk.mp3")
    before = seen(other_db)
    assert adopt(OTHER).counts.without_video == 1
    assert seen(other_db) == before


def test_files_whose_metadata_is_not_an_object_are_left_alone(db, adopt):
    gridfs.GridFS(db).put(b"x", metadata="text")
    gridfs.GridFS(db).put(b"x", _id="no ObjectId")
    before = seen(db)
    counts = adopt(OTHER).counts
    assert (counts.queued, seen(db)) == (0, before)


def test_metadata_that_is_null_is_set(store, db, adopt):
    fid = gridfs.GridFS(db).put(b"x", metadata=None)
    assert adopt(OTHER).counts.queued == 1
    assert store.videos.find(fid).metadata["username"] == OTHER


def previous_release(store, db, other_db) -> tuple[ObjectId, ObjectId]:
    """A job with its files as they were before files had a marker."""
    fid = put(db, "talk.mp4", username=OWNER)
    mp3 = put(other_db, "talk.mp3", username=OWNER, video_fid=fid)
    store.jobs.create(fid, OWNER, "talk.mp4", {})
    store.jobs.update(fid, {}, {"status": "completed", "mp3_fid": mp3})
    return fid, mp3


def test_the_migration_marks_the_files_of_the_jobs_and_no_others_once(store, db, other_db):
    fid, mp3 = previous_release(store, db, other_db)
    replaced = put(other_db, "old.mp3", video_fid=fid)
    put(db, "other.mp4")
    put(other_db, "other.mp3", video_fid=ObjectId())
    migrations.run(store, MigrationRecords(db), timeout=0)
    ours = {"metadata.service": "video2mp3"}
    assert [file["_id"] for file in db["fs.files"].find(ours)] == [fid]
    assert {file["_id"] for file in other_db["fs.files"].find(ours)} == {mp3, replaced}
    assert store.videos.find(fid).metadata == {"username": OWNER, "service": "video2mp3", "job": True}
    assert db["migrations"].find_one({"_id": 1})["changed"] == 3
    # It is recorded, and does not run again.
    previous_release(store, db, other_db)
    migrations.run(store, MigrationRecords(db), timeout=0)
    assert db["fs.files"].count_documents(ours) == 1


def test_files_that_a_replica_of_the_previous_release_stored_during_the_rollout_are_marked_after_it(
    store, db, other_db
):
    migrations.run(store, MigrationRecords(db), timeout=0)
    fid, mp3 = previous_release(store, db, other_db)
    ended = datetime.now(UTC) - timedelta(seconds=migrations.ROLLOUT + 60)
    db["migrations"].update_one({"_id": 1}, {"$set": {"done_at": ended}})
    migrations.run(store, MigrationRecords(db), timeout=0)
    assert store.videos.find(fid).metadata["service"] == store.mp3s.find(mp3).metadata["service"] == "video2mp3"


def test_files_that_a_replica_of_the_previous_release_stored_later_are_marked_by_adoption(store, db, other_db, adopt):
    migrations.run(store, MigrationRecords(db), timeout=0)
    fid, mp3 = previous_release(store, db, other_db)
    counts = adopt().counts
    assert (counts.marked, counts.completed) == (1, 0)
    assert store.videos.find(fid).metadata["service"] == store.mp3s.find(mp3).metadata["service"] == "video2mp3"


def test_the_command_shows_what_it_would_change(environment):
    done = subprocess.run(
        [sys.executable, "-m", "gateway.housekeeping.adopt", "--dry-run"],
        env={**os.environ, "PYTHONPATH": "src", **{key: environment[key] for key in ("MONGO_URI", "RABBITMQ_URI")}},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Jobs: " in done.stdout
