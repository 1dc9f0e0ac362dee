"""`local.sh up --reload`: a real process manager restarts the processes whose code changes."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scripts.stack import ending, environment, supervision
from scripts.stack.program import Program
from scripts.stack.stack import Stack
from scripts.stack.state import ROOT, State
from tests.waiting import eventually

_NAMES = ("auth", "summary", "summary-worker")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A process manager that runs a sleeping process in the place of each of three services."""
    state = State.create(tmp_path / "mine" / "state.json")
    for folder in (state.logs, state.tmp):
        folder.mkdir()
    sleep = (sys.executable, "-c", "import time; time.sleep(600)")
    variables = environment.base(state)
    supervision.write(state, [Program(name, sleep, variables, check=lambda: None) for name in _NAMES])
    state.supervisor = supervision.start(state)
    made = Stack(state)
    made.save()
    try:
        made.register(_NAMES)
        for name in _NAMES:
            made.start(name)
        eventually(lambda: made.pids().keys() == set(_NAMES), what="the processes")
        yield made
    finally:
        psutil.Process(state.supervisor[0]).terminate()
        ending.end_leftovers(state)


def test_a_change_restarts_the_processes_of_its_package_and_of_no_other(stack: Stack, tmp_path: Path) -> None:
    source = tmp_path / "src"
    for package in ("auth", "summary", "common"):
        (source / package / "inner").mkdir(parents=True)
        (source / package / "inner" / "module.py").write_text("")
    before = stack.pids()
    command = [sys.executable, "-m", "scripts.stack.reload", str(stack.state.path), str(source)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as reloader:
        try:

            def restarted() -> bool:
                # Again and again: the first look at the files may not have happened yet.
                (source / "summary" / "new.py").touch()
                return _all_changed(stack, before, "summary", "summary-worker")

            eventually(restarted, pause=1, what="the restart")
            assert stack.pids()["auth"] == before["auth"]

            (source / "common" / "inner" / "module.py").unlink()
            eventually(lambda: _all_changed(stack, before, "auth"), what="the restart of all processes")
        finally:
            reloader.kill()


def _all_changed(stack: Stack, before: dict[str, int], *names: str) -> bool:
    pids = stack.pids()
    return all(pids.get(name) not in {None, before[name]} for name in names)
