"""How the converter handles messages: one MP3 whatever is redelivered, one terminal state for each job."""

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from bson import ObjectId

from common.domain.jobs import Status
from common.domain.leases import LeaseLost
from common.errors import Failure, TransientError
from common.messaging.handler import Busy, HandedBack
from common.messaging.message import InvalidMessage, Message
from common.runtime.clock import now
from converter.conversion import Conversion
from converter.job_lease import JobLeases
from converter.settings import ConverterSettings
from tests import media, stored
from tests.waiting import eventually

OWNER = "owner@example.com"


@pytest.fixture
def conversion(store, rabbit, publisher, environment, tmp_path) -> Callable[..., Conversion]:
    """Creates handlers on the test's databases and queues."""

    def make(must_stop: Callable[[], bool] = lambda: False, **changes: object) -> Conversion:
        values: dict[str, object] = {
            "mongo_uri": environment["MONGO_URI"],
            "rabbitmq_uri": environment["RABBITMQ_URI"],
            "video_queue": rabbit.video_queue,
            "mp3_queue": rabbit.mp3_queue,
            "work_folder": tmp_path,
            "claim_lease": 5,
            "progress_interval": 0.1,
            **changes,
        }
        settings = ConverterSettings(**values)
        return Conversion(
            settings,
            jobs=store.jobs,
            videos=store.videos,
            mp3s=store.mp3s,
            publisher=publisher,
            must_stop=must_stop,
            advance=lambda _: None,
            usage=store.usage,
        )

    return make


def queued(store, path, name="talk.mp4", **options) -> Message:
    """An accepted upload."""
    with store.videos.create(name, "video/*", {"username": OWNER}) as writer:
        writer.write(path.read_bytes())
        fid = writer.finish()
    store.jobs.create(fid, OWNER, name, options)
    return Message(video_fid=fid, mp3_fid=None, username=OWNER)


def notices(rabbit, taken) -> list[dict]:
    found = []
    while (message := taken(rabbit.mp3_queue)) is not None:
        found.append(json.loads(message[0]))
    return found


def test_a_video_becomes_an_mp3_and_a_notice_is_published(store, rabbit, taken, conversion, tmp_path):
    message = queued(store, media.make("mp4"))
    conversion().handle(message)
    job = store.jobs.get(message.video_fid)
    file = store.mp3s.find(job.mp3_fid)
    assert (job.status, job.progress, job.error) == (Status.COMPLETED, 100, None)
    assert (file.filename, file.metadata["username"]) == ("talk.mp3", OWNER)
    assert file.metadata["video_fid"] == message.video_fid
    assert notices(rabbit, taken) == [
        {"video_fid": str(message.video_fid), "mp3_fid": str(job.mp3_fid), "username": OWNER}
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_redelivered_message_changes_nothing(store, rabbit, taken, conversion):
    message = queued(store, media.make("mp4"))
    conversion().handle(message)
    first = store.jobs.get(message.video_fid)
    conversion().handle(message)
    assert store.jobs.get(message.video_fid) == first
    assert len(store.mp3s.ids_of_video(message.video_fid)) == 1
    assert len(notices(rabbit, taken)) == 1


def test_an_mp3_of_a_killed_worker_is_left_for_housekeeping(store, conversion):
    message = queued(store, media.make("mp4"))
    with store.mp3s.create("left.mp3", "audio/mpeg", {"username": OWNER, "video_fid": message.video_fid}) as writer:
        writer.write(b"from the attempt before")
        leftover = writer.finish()
    conversion().handle(message)
    result = store.jobs.get(message.video_fid).mp3_fid
    assert result != leftover
    # A worker cannot know whether a file that it has not stored itself has become another worker's result.
    assert set(store.mp3s.ids_of_video(message.video_fid)) == {result, leftover}


def test_an_mp3_that_is_replaced_is_deleted(store, conversion):
    message = queued(store, media.make("mp4"))
    conversion().handle(message)
    first = store.jobs.get(message.video_fid).mp3_fid
    assert store.jobs.reopen(message.video_fid, {"bitrate": 64}, ended=(Status.COMPLETED,))
    conversion().handle(message)
    second = store.jobs.get(message.video_fid).mp3_fid
    assert first != second
    assert store.mp3s.ids_of_video(message.video_fid) == [second]


def test_a_message_of_an_earlier_run_does_nothing_to_the_next(store, rabbit, taken, conversion):
    message = replace(queued(store, media.make("mp4")), run=0)
    store.jobs.cancel(message.video_fid)
    store.jobs.reopen(message.video_fid)
    conversion().handle(message)
    # Its attempts belong to the earlier run.
    conversion().give_up(message, "after 5 attempts: the disk is full")
    assert store.jobs.get(message.video_fid).status is Status.QUEUED
    assert notices(rabbit, taken) == []
    conversion().handle(replace(message, run=1))
    assert store.jobs.get(message.video_fid).status is Status.COMPLETED


def test_a_notice_that_a_killed_worker_did_not_confirm_is_published_again(store, rabbit, taken, conversion):
    message = queued(store, media.make("mp4"))
    conversion().handle(message)
    notices(rabbit, taken)
    store.jobs.confirm(store.jobs.get(message.video_fid), notice_sent=False)
    conversion().handle(message)
    assert len(notices(rabbit, taken)) == 1
    assert store.jobs.get(message.video_fid).notice_sent


def test_a_job_with_another_workers_lease_is_busy(store, conversion):
    message = queued(store, media.make("mp4"))
    lease = JobLeases(store.jobs, duration=60).take(message.video_fid)
    with pytest.raises(Busy):
        conversion().handle(message)
    JobLeases(store.jobs, duration=60).release(lease)
    conversion().handle(message)
    assert store.jobs.get(message.video_fid).status is Status.COMPLETED


def test_an_expired_lease_is_acquired_by_another_worker_and_its_holder_cannot_finish(store, conversion):
    message = queued(store, media.make("mp4"))
    leases = JobLeases(store.jobs, duration=60)
    stale = leases.take(message.video_fid)
    store.jobs.update(message.video_fid, {}, {"claim.until": now() - timedelta(seconds=1)})
    conversion().handle(message)
    result = store.jobs.get(message.video_fid).mp3_fid
    with pytest.raises(LeaseLost):
        leases.complete(stale, ObjectId(), stored.RESULT)
    assert store.jobs.get(message.video_fid).mp3_fid == result


def test_a_renewed_lease_does_not_expire_and_stores_the_progress(store):
    message = queued(store, media.make("mp4"))
    leases = JobLeases(store.jobs, duration=1)
    lease = leases.take(message.video_fid)
    begun = now()
    with leases.renewed(lease, 0.2):
        lease.progress = 42
        eventually(lambda: (now() - begun).total_seconds() > 2)
        assert leases.take(message.video_fid) is None
        assert store.jobs.get(message.video_fid).progress == 42
    assert not lease.lost


def test_a_video_without_sound_fails_with_the_reason(store, rabbit, taken, conversion):
    message = queued(store, media.without_audio())
    conversion().handle(message)
    job = store.jobs.get(message.video_fid)
    assert job.status is Status.FAILED
    assert "audio" in job.error
    assert notices(rabbit, taken) == [{"video_fid": str(message.video_fid), "mp3_fid": None, "username": OWNER}]
    assert store.mp3s.ids_of_video(message.video_fid) == []


def test_a_message_about_an_unknown_job_or_another_users_job_is_invalid(store, conversion):
    with pytest.raises(InvalidMessage):
        conversion().handle(Message(video_fid=ObjectId(), mp3_fid=None, username=OWNER))
    message = queued(store, media.make("mp4"))
    conversion().handle(message)
    with pytest.raises(InvalidMessage):
        conversion().handle(Message(video_fid=message.video_fid, mp3_fid=None, username="other@example.com"))


def test_an_invalid_message_does_not_change_a_running_job(store, conversion):
    message = queued(store, media.make("mp4"))
    lease = JobLeases(store.jobs, duration=60).take(message.video_fid)
    invalid = Message(video_fid=message.video_fid, mp3_fid=None, username="other@example.com")
    with pytest.raises(InvalidMessage):
        conversion().handle(invalid)
    conversion().give_up(invalid, "no job has this video_fid and username")
    assert store.jobs.get(message.video_fid).status is Status.CONVERTING
    # A redelivered message does not change it either while another worker has the lease.
    with pytest.raises(Busy):
        conversion().give_up(message, "after 5 attempts")
    assert store.jobs.get(message.video_fid).status is Status.CONVERTING
    JobLeases(store.jobs, duration=60).release(lease)


def test_an_unusable_work_folder_is_a_transient_error(store, conversion, tmp_path):
    message = queued(store, media.make("mp4"))
    with pytest.raises(TransientError, match="temporary folder"):
        conversion(work_folder=tmp_path / "nowhere").handle(message)
    assert store.jobs.get(message.video_fid).attempts == 0


def test_a_deleted_job_is_not_converted(store, rabbit, taken, conversion):
    message = queued(store, media.make("mp4"))
    store.delete(message.video_fid)
    conversion().handle(message)
    assert notices(rabbit, taken) == []
    assert store.mp3s.ids_of_video(message.video_fid) == []


def test_a_job_that_is_deleted_during_its_conversion_leaves_no_mp3(store, rabbit, taken, conversion):
    message = queued(store, media.long(300))
    thread = threading.Thread(target=conversion().handle, args=(message,))
    thread.start()
    eventually(lambda: store.jobs.get(message.video_fid).status is Status.CONVERTING)
    store.delete(message.video_fid)
    thread.join(60)
    assert not thread.is_alive()
    assert store.jobs.get(message.video_fid).status is Status.DELETED
    assert store.mp3s.ids_of_video(message.video_fid) == []
    assert notices(rabbit, taken) == []


def test_a_job_that_crashes_its_workers_fails(store, conversion):
    message = queued(store, media.make("mp4"))
    store.jobs.update(message.video_fid, {}, {"attempts": 3})
    conversion(max_crashes=3).handle(message)
    job = store.jobs.get(message.video_fid)
    assert job.status is Status.FAILED
    assert job.error_code is Failure.CRASHED


def test_a_worker_that_stops_releases_the_job_without_counting_the_attempt(store, conversion):
    message = queued(store, media.long(300))
    with pytest.raises(HandedBack):
        conversion(must_stop=lambda: store.jobs.get(message.video_fid).progress > 0).handle(message)
    job = store.jobs.get(message.video_fid)
    assert (job.status, job.attempts, job.mp3_fid) == (Status.QUEUED, 0, None)


def test_giving_up_fails_the_job_and_publishes_a_notice(store, rabbit, taken, conversion):
    message = queued(store, media.make("mp4"))
    conversion().give_up(message, "after 5 attempts: the disk is full")
    job = store.jobs.get(message.video_fid)
    assert job.status is Status.FAILED
    assert "disk" not in job.error
    assert len(notices(rabbit, taken)) == 1


def test_the_chosen_bitrate_is_used(store, conversion):
    message = queued(store, media.make("mp4"), bitrate=64)
    other = queued(store, media.make("mp4"))
    conversion().handle(message)
    conversion().handle(other)
    small = store.mp3s.find(store.jobs.get(message.video_fid).mp3_fid)
    large = store.mp3s.find(store.jobs.get(other.video_fid).mp3_fid)
    assert small.length < large.length / 2


def test_a_single_video_gets_all_processors(store, conversion, caplog):
    message = queued(store, media.long(60))
    with caplog.at_level(logging.INFO):
        conversion(converter_threads=2).handle(message)
    assert "Encoding on 2 processors" in caplog.messages
    file = store.mp3s.find(store.jobs.get(message.video_fid).mp3_fid)
    assert file.metadata["duration"] == pytest.approx(60, abs=0.5)


def test_a_video_gets_one_processor_while_others_wait(store, rabbit, publisher, conversion, caplog):
    message = queued(store, media.long(60))
    publisher.publish(rabbit.video_queue, queued(store, media.make("mp4")))
    eventually(lambda: publisher.waiting(rabbit.video_queue) == 1)
    with caplog.at_level(logging.INFO):
        conversion(converter_threads=2).handle(message)
    assert "Encoding on 2 processors" not in caplog.messages
    assert store.jobs.get(message.video_fid).status is Status.COMPLETED
