"""Uploads continue after interruptions, and end at once when the server rejects them."""

import pytest

from tests.unit.cli.tus_server import error
from video2mp3 import http_client
from video2mp3.conversion.converter import Converter
from video2mp3.conversion.runner import Runner
from video2mp3.errors import Busy, ConversionFailed, NotSignedIn, Refused, Stopped, Unreachable
from video2mp3.records import Record
from video2mp3.uploads import Part

REFUSALS = {
    400: "bad_request", 403: "refused", 409: "conflict", 410: "gone", 411: "length_required", 413: "too_large",
    415: "unsupported_media_type", 422: "invalid",
}  # fmt: skip


def test_a_file_is_uploaded_with_its_name_and_options(converter, state, video, tmp_path):
    outcome = converter(options={"title": "Ünï"}).convert(video, tmp_path / "talk.mp3")
    assert (outcome.error, (tmp_path / "talk.mp3").read_text()) == (None, "an MP3")
    (content,) = state.content.values()
    assert content == video.read_bytes()
    assert list(state.metadata.values()) == [{"filename": b"talk.mp4", "title": "Ünï".encode()}]


def test_an_impossible_folder_for_the_mp3_is_reported_before_the_upload(converter, state, video):
    outcome = converter().convert(video, video / "music" / "talk.mp3")
    assert str(video) in str(outcome.error)
    assert state.asked == []


def test_a_name_that_is_not_utf8_is_sent_as_it_is(converter, state, tmp_path):
    video = tmp_path / "caf\udce9.mp4"
    video.write_bytes(b"x")
    assert converter().convert(video, tmp_path / "talk.mp3").error is None
    assert next(iter(state.metadata.values()))["filename"] == b"caf\xe9.mp4"


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("status", REFUSALS)
def test_a_rejection_is_final_and_has_the_message_of_the_server(
    converter, state, clock, video, tmp_path, status, method
):
    state.next_answers[method].append(error(status, REFUSALS[status], "This is why."))
    outcome = converter().convert(video, tmp_path / "talk.mp3")
    assert isinstance(outcome.error, Refused)
    assert (str(outcome.error), outcome.error.code) == ("This is why.", REFUSALS[status])
    assert (state.asked.count(method), clock.waits) == (1, [])


def test_an_expired_token_ends_the_command(converter, state, clock, tmp_path):
    plan = []
    for name in "abc":
        (tmp_path / f"{name}.mp4").write_bytes(b"x")
        plan.append((tmp_path / f"{name}.mp4", tmp_path / f"{name}.mp3"))
    state.next_answers["POST"].append(error(401, "invalid_token", "The token has expired."))
    first, *others = Runner(converter(), 1).run(plan)
    assert isinstance(first.error, NotSignedIn)
    assert all(isinstance(outcome.error, Stopped) for outcome in others)
    assert (state.asked, clock.waits) == (["POST"], [])


def test_an_empty_file_is_not_sent(converter, state, tmp_path):
    (tmp_path / "empty.mp4").touch()
    outcome = converter().convert(tmp_path / "empty.mp4", tmp_path / "empty.mp3")
    assert (str(outcome.error), outcome.error.code, state.asked) == ("empty.mp4 is empty.", "empty_file", [])


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("status", [408, 423, 500, 502, 503])
def test_a_temporary_failure_is_repeated_with_growing_delays(converter, state, clock, video, tmp_path, status, method):
    state.next_answers[method].extend([error(status, "unavailable", "Not now.")] * 6)
    assert converter().convert(video, tmp_path / "talk.mp3").error is None
    assert clock.waits == [1, 2, 4, 8, 15, 15]
    assert next(iter(state.content.values())) == video.read_bytes()


@pytest.mark.parametrize(("status", "seconds"), [(429, 70), (503, 30)])
def test_retry_after_is_honoured(converter, state, clock, video, tmp_path, status, seconds):
    state.next_answers["PATCH"].append(error(status, "busy", "Later.", Retry_After=str(seconds)))
    assert converter().convert(video, tmp_path / "talk.mp3").error is None
    assert clock.waits == [seconds]


@pytest.mark.parametrize(
    ("status", "kind", "most"), [(500, Unreachable, http_client._UNREACHABLE_FOR), (429, Busy, http_client._BUSY_FOR)]
)
def test_a_failure_that_lasts_ends_the_file(converter, state, clock, video, tmp_path, status, kind, most):
    state.next_answers["POST"].extend([error(status, "unavailable", "Not now.")] * 100)
    outcome = converter().convert(video, tmp_path / "talk.mp3")
    assert (type(outcome.error), str(outcome.error)) == (kind, "Not now.")
    assert most - http_client._LONGEST_DELAY < clock.now <= most


def test_after_a_failure_the_server_says_what_it_has(converter, state, video, tmp_path):
    state.next_answers["PATCH"].append(error(409, "offset_mismatch", "The upload is at byte 0."))
    assert converter().convert(video, tmp_path / "talk.mp3").error is None
    assert state.asked[:4] == ["POST", "PATCH", "HEAD", "PATCH"]


def test_an_upload_continues_where_an_earlier_command_was_interrupted(converter, state, video, tmp_path, clock):
    clock.set()
    assert isinstance(converter().convert(video, tmp_path / "talk.mp3").error, Stopped)
    (fid,) = state.content
    state.content[fid][:] = video.read_bytes()[:100_000]
    clock.clear()
    assert converter().convert(video, tmp_path / "talk.mp3").error is None
    assert list(state.content) == [fid]
    assert state.content[fid] == video.read_bytes()


def test_a_job_of_an_earlier_command_is_not_uploaded_again(converter, state, video, tmp_path):
    converter(wait=False).convert(video, tmp_path / "talk.mp3")
    uploaded = list(state.asked)
    assert converter().convert(video, tmp_path / "talk.mp3").mp3 == tmp_path / "talk.mp3"
    assert not {"POST", "PATCH"} & set(state.asked[len(uploaded) :])
    # A changed file, and other options, are another job.
    assert converter(options={"bitrate": "64"}).convert(video, tmp_path / "small.mp3").error is None
    video.write_bytes(b"another one")
    assert converter().convert(video, tmp_path / "another.mp3").error is None
    assert len(state.content) == 3


def test_an_upload_that_the_server_has_deleted_begins_again(converter, state, video, tmp_path, api):
    first: Converter = converter()
    first.records.save(first.records.key(video, {}), Record("f" * 24))
    assert first.convert(video, tmp_path / "talk.mp3").error is None
    assert len(state.content) == 1


def test_a_finished_file_of_an_interrupted_command_is_kept(converter, state, video, tmp_path):
    target = tmp_path / "talk.mp3"
    converter().convert(video, target)
    before, asked = target.stat(), len(state.asked)
    again = converter().convert(video, target)
    assert (again.mp3, again.error, target.stat()) == (target, None, before)
    assert state.asked[asked:] == [f"GET /jobs/{next(iter(state.content))}"]
    target.write_text("changed by its owner")
    assert converter().convert(video, target).error.code == "file_exists"
    assert target.read_text() == "changed by its owner"


def test_a_complete_command_leaves_no_records(converter, video, tmp_path, home):
    (tmp_path / "empty.mp4").touch()
    plan = [(video, tmp_path / "talk.mp3"), (tmp_path / "empty.mp4", tmp_path / "empty.mp3")]
    Runner(converter(), 2).run(plan)
    assert len(list(home.rglob("*.json"))) == 1
    Runner(converter(), 2).run(plan[:1])
    assert list(home.rglob("*.json")) == []


def test_a_conversion_that_failed_is_uploaded_again_by_the_next_command(converter, state, video, tmp_path, monkeypatch):
    complete = state.job
    state.job = lambda fid: (job := complete(fid)) and {**job, "status": "failed", "error": "No.", "error_code": "bad"}
    outcome = converter().convert(video, tmp_path / "talk.mp3")
    assert isinstance(outcome.error, ConversionFailed)
    assert outcome.job["error_code"] == "bad"
    state.job = complete
    assert converter().convert(video, tmp_path / "talk.mp3").error is None
    assert len(state.content) == 2


@pytest.mark.parametrize(
    "location", ["https://other.example.com/files/x", "//other.example.com/{}/../x", "", "/files/../jobs"]
)
def test_the_address_of_an_upload_is_not_taken_from_a_response(converter, state, video, tmp_path, location):
    state.location = location
    outcome = converter().convert(video, tmp_path / "talk.mp3")
    assert "did not return the id" in str(outcome.error)
    assert state.asked == ["POST"]


def test_a_file_that_becomes_shorter_is_an_error(video, clock):
    with video.open("rb") as stream, pytest.raises(Exception, match="became shorter"):
        list(Part(stream, 0, video.stat().st_size + 1, clock, lambda _: None))


def test_an_upload_stops_between_two_pieces(video, clock):
    with video.open("rb") as stream:
        pieces = iter(Part(stream, 0, video.stat().st_size, clock, lambda _: None))
        next(pieces)
        clock.set()
        with pytest.raises(Stopped):
            next(pieces)
