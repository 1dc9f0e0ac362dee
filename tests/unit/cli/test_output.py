"""What the command prints: progress in a log, what is where after an interruption, help, and completion."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from rich.console import Console
from rich.progress import Progress
from typer.main import get_command
from typer.testing import CliRunner

from video2mp3 import __version__, account, http_client
from video2mp3.account import Account
from video2mp3.conversion.converter import Outcome
from video2mp3.conversion.progress import Bars, Lines, Stage, progress
from video2mp3.conversion.runner import NOT_BEGUN, exit_code, report, where
from video2mp3.errors import CliError, ConversionFailed, NotSignedIn, Refused, Stopped, Unreachable
from video2mp3.main import app

VIDEO = Path("holidays/talk.mp4")
SOURCE = Path(__file__).resolve().parents[3] / "src" / "cli"


def failed(name: str, error: CliError) -> Outcome:
    return Outcome(Path(name), error=error)


def test_a_log_has_a_line_for_each_change_and_each_tenth(capsys):
    with Lines() as lines:
        for thousandth in range(1001):
            lines.update(VIDEO, "uploading", thousandth / 10)
        lines.update(VIDEO, "queued", 0)
        lines.update(VIDEO, "queued", 0)
        for _ in range(3):
            lines.repeats(VIDEO, Unreachable("The server does not answer."))
        lines.update(VIDEO, "done")
    lines.update(VIDEO, "after the end")
    text = capsys.readouterr().err
    assert "\r" not in text
    assert text.splitlines() == [
        "holidays/talk.mp4: uploading",
        *(f"holidays/talk.mp4: uploading, {tenth} %" for tenth in range(10, 101, 10)),
        "holidays/talk.mp4: queued",
        "holidays/talk.mp4: trying again: The server does not answer.",
        "holidays/talk.mp4: done",
    ]


def test_a_log_cannot_be_forged_by_a_name(capsys):
    Lines().update(Path("a\n\x1b[2Jb.mp4"), "uploading")
    assert capsys.readouterr().err == "a??[2Jb.mp4: uploading\n"


def test_bars_end_with_a_line_for_each_file():
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=100)
    with Bars(bars=Progress(console=console)) as bars:
        bars.update(VIDEO, "uploading", 50)
        bars.update(VIDEO, "converting", 50)
        bars.update(VIDEO, "done")
        bars.update(Path("[b]empty.mp4"), "failed")
    assert "holidays/talk.mp4: done" in shown.getvalue()
    assert "[b]empty.mp4: failed" in shown.getvalue()


def test_without_a_terminal_there_are_lines(monkeypatch):
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(progress(Console(force_terminal=True)), Lines)


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        (None, NOT_BEGUN),
        (Stage("waiting"), NOT_BEGUN),
        (Stage("uploading", 0), NOT_BEGUN),
        (Stage("uploading", 42.4, "f1"), "uploaded to 42 %"),
        (Stage("uploading", 42.4, "f1", "trying again: …"), "uploaded to 42 %"),
        (Stage("resuming", None, "f1"), "partly or completely uploaded"),
        (Stage("queued", 0, "f1"), "uploaded, being converted on the server (job f1)"),
        (Stage("finding the sound", None, "f1"), "partly or completely uploaded"),
        (Stage("converting", 20, "f1"), "uploaded, being converted on the server (job f1)"),
        (Stage("downloading", None, "f1"), "converted on the server (job f1), not downloaded"),
    ],
)
def test_an_interrupted_command_sayswhere_a_file_is(stage, text):
    assert where(stage) == text


def test_the_report_of_an_interruption_lists_all_files_and_abbreviates_those_that_were_not_begun():
    outcomes = [
        Outcome(Path("a.mp4"), mp3=Path("music/a.mp3")),
        failed("b.mp4", CliError("b.mp4 is empty.")),
        failed("c.mp4", Stopped("uploaded to 42 %")),
        *(failed(f"{number}.mp4", Stopped(NOT_BEGUN)) for number in range(25)),
    ]
    lines = list(report(outcomes))
    assert lines[:4] == [
        "Interrupted: 1 of 28 files finished. Run the same command again to continue.",
        "  a.mp4: finished: music/a.mp3",
        "  b.mp4: b.mp4 is empty.",
        "  c.mp4: uploaded to 42 %",
    ]
    assert lines[-1] == "  15 more files: not begun"
    assert len(lines) == 15


def test_the_report_of_a_complete_command_lists_what_failed():
    assert list(report([Outcome(VIDEO)])) == []
    assert list(report([failed("a.mp4", Refused("Why."))])) == ["a.mp4: Why."]
    outcomes = [Outcome(VIDEO), failed("a.mp4", Refused("Why."))]
    assert list(report(outcomes)) == ["1 of 2 files failed:", "  a.mp4: Why."]


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        ([None], 0),
        ([None, None], 0),
        ([Refused("")], 5),
        ([ConversionFailed("", "no_audio")], 6),
        ([None, ConversionFailed("", "no_audio")], 1),
        ([Refused(""), Unreachable("")], 1),
        ([None, Stopped("")], 130),
        ([NotSignedIn(""), Stopped("")], 3),
    ],
)
def test_the_exit_code_is_one_when_some_of_several_files_fail(errors, code):
    assert exit_code([Outcome(VIDEO, error=error) for error in errors]) == code


def test_the_version_is_printed():
    assert CliRunner().invoke(app, ["--version"]).stdout == f"video2mp3 {__version__}\n"


def test_the_help_of_each_command_has_an_example():
    command = get_command(app)
    names = [[name] for name in command.commands] + [["keys", name] for name in command.commands["keys"].commands]
    for *group, name in names:
        shown = CliRunner().invoke(app, [*group, name, "--help"]).stdout
        example = shown.partition("Example")[2].partition("\u256d")[0]
        assert "video2mp3 " in example, name
        assert f" {name}" in example, name


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands_and_options(shell, home):
    def completed(words: str) -> str:
        variables = {
            "_VIDEO2MP3_COMPLETE": f"complete_{shell}", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")),
            "_TYPER_COMPLETE_ARGS": words, "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }  # fmt: skip
        command = [sys.executable, "-c", "import sys; sys.argv[0] = 'video2mp3'; from video2mp3.main import run; run()"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(SOURCE), **variables}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout

    assert "cancel" in completed("video2mp3 can")
    assert "--quality" in completed("video2mp3 convert --q")
    assert "mono" in completed("video2mp3 convert --channels m")


def test_without_jobs_there_is_a_sentence(monkeypatch):
    account.save(Account("https://mp3.example.com", "you@example.com", "a-token"))
    response = requests.Response()
    response.status_code, response._content = 200, b'{"jobs": [], "next": null}'
    monkeypatch.setattr(http_client.requests, "request", lambda *_, **__: response)
    assert "There are no jobs yet." in CliRunner().invoke(app, ["jobs"]).stdout
    assert CliRunner().invoke(app, ["jobs", "--json"]).stdout == "[]\n"


def test_an_interruption_while_the_modules_are_loaded_ends_without_a_traceback():
    code = """
import builtins, os, signal
load = builtins.__import__
def interrupted(name, *more):
    if name == "typer":
        os.kill(os.getpid(), signal.SIGINT)
    return load(name, *more)
builtins.__import__ = interrupted
signal.signal(signal.SIGINT, signal.default_int_handler)
from video2mp3.__main__ import run
run()
"""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
