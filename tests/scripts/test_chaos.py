"""A chaos run: what its seed decides, how faults happen, what counts as a loss, and its report."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime

import psutil
import pytest

from scripts.chaos import plan, report
from scripts.chaos.__main__ import main
from scripts.chaos.clients import Record
from scripts.chaos.injecting import Injected, Injector
from scripts.chaos.looking import Emails, Mp3, Outcome, percentiles
from scripts.chaos.plan import Action, Fault, Sending, Way
from scripts.chaos.running import Run, Size
from scripts.chaos.settling import Settled
from scripts.chaos.targets import Target, candidates
from scripts.chaos.verdict import failed_by_faults, losses
from tests.waiting import eventually

TARGETS = {"converter": [Action.KILL, Action.TERMINATE, Action.SUSPEND], "MongoDB primary": [Action.STEP_DOWN]}
DURATIONS = {"mp4": 4.0, "silent": 0.0}
FID, MP3 = "a" * 24, "b" * 24


def faults(seed: int) -> list[Fault]:
    return plan.plan_faults(seed, 1800, 10, TARGETS, longest=15)


def test_a_seed_gives_the_same_faults_and_uploads_each_time():
    assert faults(1) == faults(1)
    assert faults(1) != faults(2)
    assert plan.plan_uploads(1, 60, 50, {"mp4": 1, "mkv": 2}) == plan.plan_uploads(1, 60, 50, {"mp4": 1, "mkv": 2})


def test_a_fault_happens_every_ten_seconds_to_a_random_process():
    planned = faults(1)
    assert [fault.at for fault in planned] == [10.0 * number for number in range(1, 181)]
    assert {fault.action for fault in planned} == set(Action)
    for fault in planned:
        assert fault.action in TARGETS[fault.target]
        assert (2 <= fault.seconds <= 15) if fault.action is Action.SUSPEND else fault.seconds == 0


def test_uploads_are_spread_over_the_time_of_the_faults_and_over_accounts():
    sendings = plan.plan_uploads(1, 1800, 1000, {"mp4": 9, "silent": 1})
    assert [sending.number for sending in sendings] == list(range(1000))
    assert sendings[0].at == 0
    assert 1600 < sendings[-1].at < 1800
    assert {sending.way for sending in sendings} == set(Way)
    # No account has so many that a digest cannot list all of them.
    counts = [sum(sending.account == one for sending in sendings) for one in range(plan.accounts(1000))]
    assert min(counts) > 0


@pytest.fixture
def program() -> Iterator[psutil.Process]:
    """A program with one child."""
    with subprocess.Popen(["sh", "-c", "sleep 60 & wait"]) as process:
        started = psutil.Process(process.pid)
        eventually(started.children)
        yield started
        for each in [*started.children(), started]:
            each.kill()


def test_a_target_is_a_program_or_single_children_of_it(program):
    pids = {"gateway": program.pid, "gateway-nginx": 1}
    assert candidates(Target("gateway"), pids) == [("gateway", program)]
    assert [name.name() for _, name in candidates(Target("gateway", "sleep"), pids)] == ["sleep"]
    assert candidates(Target("gateway", "ffmpeg"), pids) == []


def injector(program: psutil.Process, action: Action, seconds: float = 0.0) -> Injector:
    fault = Fault(0, action, "notification", 0.5, seconds)
    return Injector(lambda: {"notification": program.pid}, "", [fault])


def test_a_suspended_program_and_its_children_are_resumed_after_their_time(program):
    faults = injector(program, Action.SUSPEND, 0.3)
    faults.start()
    everything = [program, *program.children()]
    eventually(lambda: {each.status() for each in everything} == {psutil.STATUS_STOPPED}, pause=0.01)
    faults.wait()
    assert psutil.STATUS_STOPPED not in {each.status() for each in everything}
    assert [each.done for each in faults.injected] == [True]


def test_what_is_suspended_is_resumed_when_the_run_is_interrupted(program):
    faults = injector(program, Action.SUSPEND, 600)
    faults.start()
    eventually(lambda: program.status() == psutil.STATUS_STOPPED, pause=0.01)
    faults.stop()
    assert psutil.STATUS_STOPPED not in {each.status() for each in [program, *program.children()]}


def test_a_killed_program_ends_with_its_children(program):
    child = program.children()[0]
    faults = injector(program, Action.KILL)
    faults.start()
    faults.wait()
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert program.status() == psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("words", [["--minutes", "0"], ["--uploads", "0"], ["--every", "-1"]])
def test_sizes_that_make_no_run_are_rejected(words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


def record(kind: str = "mp4", **more: object) -> Record:
    sending = Sending(7, 0.0, kind, Way.TUS, 0, followed=True, summarised=False)
    return Record(sending, **{"begun": 100.0, "accepted": 101.0, "fid": FID, **more})


def outcome(status: str = "completed", *, seconds: float | None = 4.0, **more: object) -> Outcome:
    mp3 = Mp3("digest", datetime.fromtimestamp(103, UTC), seconds)
    values = {"error": None, "error_code": None, "attempts": 1, "mp3_fid": MP3, "mp3": mp3, **more}
    return Outcome(fid=FID, username="person@example.com", status=status, **values)


def found(records: list[Record], jobs: list[Outcome], *named: str, summaries: dict[str, str] | None = None) -> str:
    emails = Emails(len(named), dict.fromkeys(named, 1), 0)
    return "\n".join(losses(records, {job.fid: job for job in jobs}, emails, summaries or {}, DURATIONS))


def test_a_completed_upload_with_its_mp3_and_its_email_is_no_loss():
    assert found([record()], [outcome()], MP3) == ""
    assert found([record(mp3_fid=MP3, downloaded="digest")], [outcome()], MP3) == ""


def test_an_upload_that_was_not_accepted_is_no_loss():
    assert found([record(fid=None)], []) == ""


@pytest.mark.parametrize("status", ["queued", "converting"])
def test_a_job_that_has_not_ended_is_a_loss(status):
    assert f"has not ended: {status}" in found([record()], [outcome(status, mp3_fid=None, mp3=None)], FID)


@pytest.mark.parametrize(
    ("job", "text"),
    [
        (outcome(mp3=None), "is not stored"),
        (outcome(seconds=None), "cannot be decoded"),
        (outcome(seconds=3.5), "has 3.50 s instead of 4.00 s"),
    ],
)
def test_an_mp3_that_is_missing_or_damaged_is_a_loss(job, text):
    assert text in found([record()], [job], MP3)


def test_an_accepted_upload_without_a_job_is_a_loss():
    assert "has no job" in found([record()], [])


def test_a_result_that_no_email_names_is_a_loss_even_if_its_client_got_no_response():
    assert "no email names" in found([record()], [outcome()])
    assert "no email names" in found([], [outcome("failed", mp3_fid=None, mp3=None)])


def test_a_download_that_differs_from_the_stored_mp3_is_a_loss():
    assert "is not the one that is stored" in found([record(mp3_fid=MP3, downloaded="other")], [outcome()], MP3)


def test_a_summary_that_has_not_ended_is_a_loss():
    assert "has not ended: queued" in found([record(summary="s")], [outcome()], MP3, summaries={"s": "queued"})
    assert found([record(summary="s")], [outcome()], MP3, summaries={"s": "failed"}) == ""


def test_a_failed_job_with_a_notice_is_no_loss_and_is_counted_if_its_file_is_valid():
    job = outcome("failed", mp3_fid=None, mp3=None)
    assert found([record()], [job], FID) == ""
    assert failed_by_faults([record()], {FID: job}, DURATIONS) == [job]
    assert failed_by_faults([record("silent")], {FID: job}, DURATIONS) == []


def test_a_completed_job_of_a_file_without_sound_is_a_loss():
    assert "has no sound" in found([record("silent")], [outcome()], MP3)


def run(**more: object) -> Run:
    injected = [
        Injected(Fault(10, Action.KILL, "converter", 0.5), "converter, process 7", done=True),
        Injected(Fault(20, Action.KILL, "ffmpeg", 0.5), "no such process was running", done=False),
    ]
    values = {
        "injected": injected, "records": [record()], "outcomes": {FID: outcome()}, "emails": Emails(1, {MP3: 1}, 0),
        "summaries": {}, "durations": DURATIONS, "deliveries": {"video": {FID: 3}}, "tracebacks": {},
        "mongodb_members": 3, "elections": 4, "settled": Settled(12.0, 5, []), **more,
    }  # fmt: skip
    return Run(Size(1, 30, 1000, 10, 900), **values)


def test_the_report_says_what_was_injected_and_seen():
    text = report.render(run())
    assert "**Nothing was lost: 1 accepted uploads" in text
    assert "| converter | 1 | – | – | – |" in text
    assert "- no fault, 1 times: ffmpeg: no such process was running" in text
    assert "| deliveries in the queue video | 3, of which 2 repeated |" in text
    assert "| from the first request to the stored MP3 | median 3.0 s" in text
    assert "| elections of a MongoDB primary | 4 |" in text


def test_the_report_lists_losses_and_violations_of_the_invariant():
    lost = run(outcomes={}, settled=Settled(900.0, 0, ["the video x has no job"]))
    text = report.render(lost)
    assert "**2 losses among 1 accepted uploads.**" in text
    assert "- the video x has no job" in text


def test_the_report_replaces_the_marked_part_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- chaos run: begin -->\nold\n<!-- chaos run: end -->\nafter\n")
    report.write(page, "new \\1")
    text = page.read_text()
    assert "old" not in text
    assert text.startswith("before\n<!-- chaos run: begin -->\n\nnew \\1\n")
    assert text.endswith("<!-- chaos run: end -->\nafter\n")


def test_percentiles_are_values_that_occurred():
    assert percentiles([4, 1, 3, 2], 0.5, 0.9, 1.0) == [3, 4, 4]
    assert percentiles([], 0.5) == []
