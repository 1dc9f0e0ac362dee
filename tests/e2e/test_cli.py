"""The CLI as a user or a script runs it: in its own process and folder, with a running server."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from mutagen.mp3 import MP3

from tests import media
from tests.e2e.stalling_proxy import stalling_proxy
from tests.person import Person
from tests.waiting import eventually

SOURCE = Path(__file__).resolve().parents[2] / "src" / "cli"
COMMAND = [sys.executable, "-m", "video2mp3"]
Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def process(person: Person, tmp_path: Path) -> dict[str, Any]:
    """The arguments of subprocess.run for a command in an empty folder."""
    (tmp_path / "work").mkdir()
    return {
        "cwd": tmp_path / "work",
        "env": {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "VIDEO2MP3_CONFIG": str(tmp_path / "config"),
                "VIDEO2MP3_PASSWORD": person.password, "HOME": str(tmp_path), "LANG": "C.UTF-8"},
        "text": True,
        # Shells ignore SIGINT in what they run in the background, and their children inherit that.
        "preexec_fn": partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    }  # fmt: skip


@pytest.fixture
def cli(process: dict[str, Any]) -> Cli:
    """Runs a command in an empty folder."""

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([*COMMAND, *arguments], capture_output=True, timeout=150, check=False, **process)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def signed_in(cli: Cli, person: Person) -> Cli:
    """Runs a command after signing in."""
    cli("--server", person.url, "login", "--email", person.email)
    return cli


def test_the_help_lists_the_commands_and_exit_codes(cli: Cli):
    text = cli("--help").stdout
    for word in (
        "login",
        "keys",
        "convert",
        "summarise",
        "jobs",
        "download",
        "cancel",
        "retry",
        "keep",
        "delete",
        "export",
        "Exit codes",
    ):
        assert word in text
    assert "--bitrate" in cli("convert", "--help").stdout


def test_signing_in_needs_the_address_of_a_server(cli: Cli, person: Person):
    assert "--server" in cli("login", "--email", person.email, code=2).stderr
    cli("--server", person.url.removeprefix("http://"), "login", "--email", person.email)
    cli("login", "--email", person.email)


def test_a_password_is_not_sent_over_plain_http_unless_it_is_allowed(cli: Cli, person: Person):
    refused = cli("--server", "http://192.0.2.1", "login", "--email", person.email, code=2)
    assert "--insecure" in refused.stderr
    # The address is reserved for documentation, so it does not answer.
    allowed = cli("--server", "http://mp3.invalid", "login", "--email", person.email, "--insecure", code=4)
    assert "does not answer" in allowed.stderr


def test_the_token_is_readable_by_its_owner_only(signed_in: Cli, person: Person, tmp_path: Path):
    file = tmp_path / "config" / "account.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert person.password not in file.read_text()


def test_a_key_signs_in_converts_and_ends_when_it_is_revoked(signed_in: Cli, process: dict[str, Any], tmp_path: Path):
    key = signed_in("keys", "create", "laptop", "--scope", "convert").stdout.strip()
    (key_id,) = (row["id"] for row in json.loads(signed_in("keys", "list", "--json").stdout))
    server = json.loads((tmp_path / "config" / "account.json").read_text())["server"]
    with_token = process["env"]
    with_key = {**with_token, "VIDEO2MP3_CONFIG": str(tmp_path / "laptop"), "VIDEO2MP3_KEY": key}
    process["env"] = with_key
    signed_in("--server", server, "login", "--key")
    assert stat.S_IMODE((tmp_path / "laptop" / "account.json").stat().st_mode) == 0o600
    signed_in("convert", str(media.make("mp4")), "-o", "music")
    (job,) = json.loads(signed_in("jobs", "--json").stdout)
    assert "scope" in signed_in("delete", job["video_fid"], code=5).stderr
    process["env"] = with_token
    signed_in("keys", "revoke", key_id)
    process["env"] = with_key

    def refused() -> bool:
        done = subprocess.run([*COMMAND, "jobs"], capture_output=True, timeout=60, check=False, **process)
        return done.returncode == 3 and "API key" in done.stderr

    eventually(refused, seconds=20, what="the end of the key")


def test_a_folder_is_converted_and_each_mp3_is_next_to_its_video(signed_in: Cli, tmp_path: Path):
    folder = tmp_path / "work" / "holidays"
    (folder / "day 1").mkdir(parents=True)
    media.make("mp4", folder)
    shutil.copy(media.make("mkv"), folder / "day 1" / "Grüße [b]2.mkv")
    (folder / "notes.txt").write_text("no video")
    done = signed_in("convert", "holidays", "--bitrate", "128", "--title", "Ünï", "--end", "2")
    assert sorted(done.stdout.splitlines()) == ["holidays/day 1/Grüße [b]2.mp3", "holidays/mp4.mp3"]
    for name in done.stdout.splitlines():
        mp3 = MP3(tmp_path / "work" / name)
        assert (mp3.info.bitrate, str(mp3["TIT2"])) == (128_000, "Ünï")
        assert mp3.info.length == pytest.approx(2, abs=0.1)


def test_everything_is_exported(signed_in: Cli, person: Person, tmp_path: Path):
    job = person.converts(media.make("mp4"), "talk.mp4")
    assert signed_in("export", "all.zip").stdout == "all.zip\n"
    with zipfile.ZipFile(tmp_path / "work" / "all.zip") as archive:
        assert archive.testzip() is None
        assert archive.read("mp3s/talk.mp3") == person.download(job["mp3_fid"]).content
        assert [each["video_fid"] for each in json.loads(archive.read("account.json"))["jobs"]] == [job["video_fid"]]
    assert "--force" in signed_in("export", "all.zip", code=1).stderr


def test_the_result_is_printed_and_listed(signed_in: Cli):
    done = signed_in("convert", str(media.make("avi")), "-o", "music")
    said = " ".join(done.stderr.split())
    assert "0:04, " in said
    assert "192 kbit/s" not in said
    assert "48 kHz, mono" in said
    assert "Copied without re-encoding" in said
    again = " ".join(signed_in("convert", str(media.make("avi")), "-o", "again", "--reencode").stderr.split())
    assert "192 kbit/s, 48 kHz, mono" in again
    assert "Copied" not in again
    job = json.loads(signed_in("jobs", "--json", "-n", "1").stdout)[0]
    listed = signed_in("jobs").stdout
    assert listed.count("0:04") == 2
    assert f"{job['result']['size'] / 1000:.3g}" in listed


def test_a_script_reads_json_and_exit_codes(signed_in: Cli, person: Person, tmp_path: Path):
    video, silent = media.make("mp4"), media.without_audio()
    done = signed_in("convert", str(video), str(silent), "-o", "music", "--json", code=1)
    good, bad = json.loads(done.stdout)
    assert (good["mp3"], good["error"], good["error_code"]) == (f"music/{video.stem}.mp3", None, None)
    assert (bad["mp3"], bad["error_code"]) == (None, "no_audio")
    assert bad["job"]["error_code"] == "no_audio"
    listed = json.loads(signed_in("jobs", "--json").stdout)
    assert {job["video_fid"] for job in listed} == {good["job"]["video_fid"], bad["job"]["video_fid"]}
    assert good["job"]["video_fid"] in signed_in("jobs").stdout
    fid = good["job"]["video_fid"]
    fetched = json.loads(signed_in("download", fid, "-o", "again", "--json").stdout)["mp3"]
    first, second = (tmp_path / "work" / name for name in (good["mp3"], fetched))
    assert first.read_bytes() == second.read_bytes()
    assert "failed" in signed_in("download", bad["job"]["video_fid"], code=1).stderr
    signed_in("delete", fid, bad["job"]["video_fid"])
    assert person.request("GET", "/jobs").json()["jobs"] == []
    assert "Job not found" in signed_in("delete", fid, code=5).stderr


def test_errors_have_a_message_and_an_exit_code(cli: Cli, person: Person):
    video = str(media.make("mp4"))
    assert "not signed in" in cli("convert", video, code=3).stderr
    assert "does not answer" in cli("--server", "http://127.0.0.1:9", "login", "--email", person.email, code=4).stderr
    cli("--server", person.url, "login", "--email", f"x{person.email}", code=5)
    cli("--server", person.url, "login", "--email", person.email)
    assert "no file or folder" in cli("convert", "nothing.mp4", code=1).stderr
    refused = cli("convert", video, "--quality", "10", code=5)
    assert "quality: must be from 0" in " ".join(refused.stderr.split())
    outcome = json.loads(cli("convert", video, "--quality", "10", "--json", code=5).stdout)[0]
    assert outcome["error_code"] == "invalid"
    cli("convert", code=2)
    assert "not a job id" in " ".join(cli("delete", "nonsense", code=2).stderr.split())


def test_a_file_is_summarised_with_its_transcript_and_then_its_job(signed_in: Cli, person: Person, tmp_path: Path):
    video = media.make("mp4")
    done = signed_in("summarise", str(video), "--transcript", "words/talk.srt", "--json")
    summary = json.loads(done.stdout)
    assert (summary["status"], summary["transcript"]) == ("completed", "words/talk.srt")
    assert (tmp_path / "work" / "words" / "talk.srt").read_text().startswith("1\n00:00:00,000 --> 00:00:")
    (job,) = person.request("GET", "/jobs").json()["jobs"]
    again = signed_in("summarise", job["video_fid"], "-t", "talk.txt")
    assert again.stdout.strip() == f"{summary['category']}: {summary['summary']}"
    assert (tmp_path / "work" / "talk.txt").read_text() == "These are the words at second 0.\n"
    assert "exists already" in signed_in("summarise", job["video_fid"], "-t", "talk.txt", code=1).stderr
    assert person.request("GET", "/summaries").json()["summaries"][0]["_id"] == summary["_id"]


def test_what_cannot_be_summarised_has_a_message_and_an_exit_code(signed_in: Cli, person: Person):
    assert "no file" in signed_in("summarise", "nothing.mp4", code=1).stderr
    assert ".vtt" in signed_in("summarise", "nothing.mp4", "-t", "talk.pdf", code=1).stderr
    assert "Job not found" in signed_in("summarise", "0" * 24, code=5).stderr
    assert "no audio track" in signed_in("summarise", str(media.without_audio()), code=6).stderr


def test_results_replace_neither_each_other_nor_existing_files(signed_in: Cli, tmp_path: Path):
    work = tmp_path / "work"
    for folder, kind in (("x", "mp4"), ("y", "mkv")):
        (work / folder).mkdir()
        shutil.copy(media.make(kind), work / folder / "a.mp4")
    done = signed_in("convert", "x", "y", "--output", "D")
    assert done.stdout.split() == ["D/x/a.mp3", "D/y/a.mp3"]
    (work / "D" / "x" / "a.mp3").write_text("mine")
    refused = signed_in("convert", "x", "y", "--output", "D", code=1).stderr
    assert "D/x/a.mp3 exists already. Use --force" in refused
    assert (work / "D" / "x" / "a.mp3").read_text() == "mine"
    assert "exists already" in signed_in("convert", "x/a.mp4", "--output", "D/x", code=1).stderr
    signed_in("convert", "x/a.mp4", "--output", "D/x", "--force")
    assert MP3(work / "D" / "x" / "a.mp3").info.length > 3
    assert len(json.loads(signed_in("jobs", "--json").stdout)) == 3


def test_a_hostile_name_does_not_leave_the_output_folder(signed_in: Cli, person: Person, tmp_path: Path):
    job = person.converts(media.make("mp4"), name="..\\..\\..%2f..%2fevil\x1b.mp4")
    target = Path(signed_in("download", job["video_fid"], "-o", "inside").stdout.strip())
    assert (tmp_path / "work" / target).resolve().parent == tmp_path / "work" / "inside"
    assert "exists already" in signed_in("download", job["video_fid"], "-o", "inside", code=1).stderr
    signed_in("download", job["video_fid"], "-o", "inside", "--force")
    assert len(list((tmp_path / "work" / "inside").iterdir())) == 1


def test_files_that_are_no_videos_end_at_once_and_the_others_are_converted(signed_in: Cli, tmp_path: Path):
    folder = tmp_path / "work" / "mixed"
    folder.mkdir()
    (folder / "empty.mp4").touch()
    media.not_a_video(folder)
    (folder / "picture.mov").write_bytes(b"\x89PNG\r\n" + bytes(9_000_000))
    media.make("mp4", folder)
    done = signed_in("convert", "mixed", code=1)
    assert done.stdout.split() == ["mixed/mp4.mp3"]
    summary = done.stderr.partition("3 of 4 files failed:\n")[2].splitlines()
    assert summary == [
        "  mixed/empty.mp4: empty.mp4 is empty.",
        "  mixed/not_a_video.mp4: This is a text file, not a video.",
        "  mixed/picture.mov: This is a PNG picture, not a video.",
    ]
    assert "trying again" not in done.stderr
    assert "\r" not in done.stderr
    assert "This is a text file" in signed_in("convert", "mixed/not_a_video.mp4", code=5).stderr
    assert "empty.mp4 is empty." in signed_in("convert", "mixed/empty.mp4", code=1).stderr


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_upload_ends_at_once_and_continues_with_the_same_command(
    cli: Cli, person: Person, process: dict[str, Any], tmp_path: Path, stop: signal.Signals
):
    video = tmp_path / "work" / "talk.mp4"
    size = 8_000_000
    media.large(8, tmp_path).rename(video)
    with stalling_proxy(person.url) as proxy:
        cli("--server", proxy.url, "login", "--email", person.email)
        proxy.limit = 5_000_000
        running = subprocess.Popen([*COMMAND, "convert", "talk.mp4"], stderr=subprocess.PIPE, **process)
        assert proxy.stalled.wait(60)
        began = time.monotonic()
        running.send_signal(stop)
        # The report of the first one is not interrupted.
        time.sleep(0.05)
        running.send_signal(stop)
        _, said = running.communicate(timeout=30)
        # Much less than the timeout of the stalled request; usually a third of a second.
        assert time.monotonic() - began < 5
        assert running.returncode == 130
        assert "Run the same command again" in said
        assert "  talk.mp4: uploaded to " in said
        assert [file.name for file in (tmp_path / "work").iterdir()] == ["talk.mp4"]
        proxy.limit, before = None, proxy.passed
        proxy.stalled.clear()
        cli("convert", "talk.mp4")
        assert proxy.passed - before < size - 4_000_000
    assert MP3(tmp_path / "work" / "talk.mp3").info.length > 3
    assert len(person.request("GET", "/jobs").json()["jobs"]) == 1
    assert not list((tmp_path / ".local" / "state").rglob("*.json"))


def test_a_killed_upload_of_the_sound_continues_with_the_same_command(
    cli: Cli, person: Person, process: dict[str, Any], tmp_path: Path
):
    work = tmp_path / "work"
    # 9.6 MB of sound.
    video = Path(shutil.copy(media.uncompressed(50), work / "talk.mov"))
    with stalling_proxy(person.url) as proxy:
        cli("--server", proxy.url, "login", "--email", person.email)
        proxy.limit = 5_000_000
        running = subprocess.Popen([*COMMAND, "convert", "talk.mov"], stderr=subprocess.PIPE, **process)
        assert proxy.stalled.wait(60)
        running.kill()
        running.communicate(timeout=30)
        proxy.limit, before = None, proxy.passed
        proxy.stalled.clear()
        assert "talk.mov: sending the sound only: 9.6" in cli("convert", "talk.mov").stderr
        assert proxy.passed - before < 7_000_000
    assert MP3(work / "talk.mp3").info.length == pytest.approx(50, abs=0.1)
    (job,) = person.request("GET", "/jobs").json()["jobs"]
    assert job["original"]["size"] == video.stat().st_size


def test_an_interrupted_folder_says_what_is_where_and_continues_with_the_same_command(
    signed_in: Cli, person: Person, process: dict[str, Any], tmp_path: Path
):
    folder = tmp_path / "work" / "holidays"
    folder.mkdir()
    for name in "abc":
        shutil.copy(media.make("mp4"), folder / f"{name}.mp4")
    command = ["convert", "holidays", "--output", "music", "--parallel", "1"]
    log = tmp_path / "log"
    with log.open("w") as stream:
        running = subprocess.Popen([*COMMAND, *command], stderr=stream, **process)
        uploaded = ("holidays/b.mp4: queued", "holidays/b.mp4: converting")
        eventually(lambda: any(line in log.read_text() for line in uploaded), pause=0.01, what="the upload of b.mp4")
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 130
    said = log.read_text()
    assert "Interrupted: 1 of 3 files finished." in said
    assert "  holidays/a.mp4: finished: music/a.mp3" in said
    (job, _) = person.request("GET", "/jobs").json()["jobs"]
    assert f"  holidays/b.mp4: uploaded, being converted on the server (job {job['video_fid']})" in said
    assert "  holidays/c.mp4: not begun" in said
    first = (tmp_path / "work" / "music" / "a.mp3").stat()
    done = signed_in(*command)
    assert done.stdout.split() == ["music/a.mp3", "music/b.mp3", "music/c.mp3"]
    assert (tmp_path / "work" / "music" / "a.mp3").stat() == first
    assert sorted(file.name for file in (tmp_path / "work" / "music").iterdir()) == ["a.mp3", "b.mp3", "c.mp3"]
    assert len(person.request("GET", "/jobs").json()["jobs"]) == 3


def test_a_job_is_cancelled_and_repeated_with_other_options(signed_in: Cli, person: Person, tmp_path: Path):
    assert "There are no jobs yet." in signed_in("jobs").stdout
    fid = person.converts(media.make("mp4"), name="talk.mp4")["video_fid"]
    assert "already ended" in signed_in("cancel", fid, code=5).stderr
    assert "already has these options" in signed_in("retry", fid, code=5).stderr
    assert "queued" in signed_in("retry", fid, "--bitrate", "64", "--channels", "mono").stdout
    target = signed_in("download", "--wait", fid).stdout.strip()
    assert MP3(tmp_path / "work" / target).info.bitrate == 64_000
    (kept,) = json.loads(signed_in("keep", fid, "--json").stdout)
    (ended,) = json.loads(signed_in("keep", "--end", fid, "--json").stdout)
    assert (kept["keep"], ended["keep"]) == (True, False)
    queued = person.uploads(media.long(3000), normalize="true")
    # A job that cannot be cancelled does not keep the others from it.
    (cancelled,) = json.loads(signed_in("cancel", fid, queued, "--json", code=5).stdout)
    assert (cancelled["status"], cancelled["error_code"]) == ("failed", "cancelled")
    assert "cancelled" in signed_in("download", "--wait", queued, code=1).stderr
    assert "no MP3 that can be kept" in signed_in("keep", queued, code=5).stderr
    assert "queued" in signed_in("retry", queued, "--end", "1").stdout
    signed_in("download", "--wait", queued, "-o", "again")
