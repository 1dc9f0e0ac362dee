"""The CLI as a user or a script runs it: in its own process and folder, with a running server."""

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mutagen.mp3 import MP3

from tests import media
from tests.person import Person

SOURCE = Path(__file__).resolve().parents[2] / "src" / "cli"
Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def cli(person: Person, tmp_path: Path) -> Cli:
    """Runs a command in an empty folder."""
    (tmp_path / "work").mkdir()

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "video2mp3", *arguments],
            cwd=tmp_path / "work",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), "VIDEO2MP3_CONFIG": str(tmp_path / "config"),
                 "VIDEO2MP3_PASSWORD": person.password, "HOME": str(tmp_path), "LANG": "C.UTF-8"},
            capture_output=True, text=True, timeout=150, check=False,
        )  # fmt: skip
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
    for word in ("login", "convert", "summarise", "jobs", "download", "delete", "Exit codes"):
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
    done = signed_in("convert", str(video), str(silent), "-o", "music", "--json", code=6)
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
    assert person.request("GET", "/summaries").json()["summaries"][0]["_id"] == summary["_id"]


def test_what_cannot_be_summarised_has_a_message_and_an_exit_code(signed_in: Cli, person: Person):
    assert "no file" in signed_in("summarise", "nothing.mp4", code=1).stderr
    assert ".vtt" in signed_in("summarise", "nothing.mp4", "-t", "talk.pdf", code=1).stderr
    assert "Job not found" in signed_in("summarise", "0" * 24, code=5).stderr
    assert "no audio track" in signed_in("summarise", str(media.without_audio()), code=6).stderr
