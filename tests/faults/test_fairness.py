"""The turns of accounts survive crashes, and one account's videos do not delay another's."""

from pymongo import MongoClient

from tests import invariant, media
from tests.waiting import eventually

MANY = 30


def completed(person) -> list[str]:
    """When each completed job of the person ended."""
    jobs = person.request("GET", f"/jobs?limit={2 * MANY}").json()["jobs"]
    return [job["updated_at"] for job in jobs if job["status"] == "completed"]


def test_the_videos_of_one_account_do_not_delay_another(person, newcomer, faults, stack, environment):
    other = newcomer().joins()
    video = media.make("mp4")
    faults.stop("converter")
    for _ in range(MANY):
        person.uploads(video)
    # The page and the command line show all of them as queued.
    assert {job["status"] for job in person.request("GET", "/jobs").json()["jobs"]} == {"queued"}
    assert invariant.depth(environment, "video") < 5
    fid = other.uploads(video)
    faults.start("converter")
    job = other.waits_for(fid)
    assert job["status"] == "completed"
    eventually(lambda: len(completed(person)) == MANY, seconds=120, what="the others")
    assert sum(end < job["updated_at"] for end in completed(person)) < 10


def test_a_converter_that_is_killed_before_it_publishes_the_next_video_loses_no_turn(
    person, faults, stack, environment
):
    video = media.make("mp4")
    faults.restart("converter", STOP_AT="converter.confirmed")
    fids = [person.uploads(video) for _ in range(5)]
    with MongoClient(environment["MONGO_URI"]) as client:
        jobs = client["videos"]["jobs"]
        eventually(lambda: jobs.count_documents({"username": person.email, "notice_sent": True}) == 1, what="the stop")
        assert jobs.count_documents({"username": person.email, "waiting": True}) > 0
    faults.kill("converter")
    faults.restart("converter")
    for fid in fids:
        assert person.waits_for(fid, seconds=120)["status"] == "completed"
