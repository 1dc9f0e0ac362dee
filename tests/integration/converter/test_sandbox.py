"""A hostile program in ffmpeg's place finds nothing to read and nothing to reach.

Each attempt is a line of bash that says so when it succeeds. Without the sandbox all of them succeed.
"""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

ATTEMPTS = {
    "the environment of its parent": "grep -aq $SECRET /proc/$PPID/environ",
    "the environment of any process": "grep -aqs $SECRET /proc/[0-9]*/environ",
    "the memory of its parent": "exec 5</proc/$PPID/mem",
    "the memory map of its parent": "grep -q . /proc/$PPID/maps",
    "the files that its parent has open": "readlink /proc/$PPID/fd/0",
    "the command line of its parent": "grep -q . /proc/$PPID/cmdline",
    "a file with a secret": "grep -q $SECRET $OUTSIDE/secret",
    "a folder": "ls $OUTSIDE",
    "the accounts of the system": "grep -q . /etc/passwd",
    "a result of another program": "grep -q . $FOLDER/existing",
    "a server by TCP": "exec 5<>/dev/tcp/127.0.0.1/$PORT",
    "a server by UDP": "echo x >/dev/udp/127.0.0.1/$PORT",
    "a Unix socket": "perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) or exit 1'",
    "a new file elsewhere": "echo x >$OUTSIDE/new",
    "the content of another file": "echo x >>$OUTSIDE/written",
    "the mode of another file": "chmod 777 $OUTSIDE/written",
    "the time of another file": "touch $OUTSIDE/written",
    "deleting a file": "rm $OUTSIDE/deleted",
    "a new folder": "mkdir folder",
    "a link to a file elsewhere": "ln $OUTSIDE/written link",
    "signals to its parent": "kill -CONT $PPID",
    "the limits of its parent": "prlimit --pid=$PPID --core=0",
    "the priority of its parent": "renice -n 0 -p $PPID",
    "the processors of its parent": "taskset -p $(taskset -p $PPID | sed 's/.* //') $PPID",
}
# What ffmpeg needs.
ALLOWED = {"writing its result": "echo x >result", "a thread or process": "(true) | cat"}

PARENT = """
import os, sys, time
from pathlib import Path
from converter.ffmpeg.limits import Limits
from converter.ffmpeg.output import Progress
from converter.ffmpeg.process import Run, run
from converter.sandbox import kernel
from converter.sandbox.confinement import Sandbox

script, folder, uid, layers = sys.argv[1:]
if int(uid) != os.getuid():
    os.setgroups([]); os.setgid(int(uid)); os.setuid(int(uid))
    kernel._prctl("dumpable", 4, 1)  # as after the start of a program
if "dumpable" in layers:
    kernel.forbid_tracing()
sandbox = Sandbox(files="files" in layers, calls="calls" in layers) if "files" in layers or "calls" in layers else None
limits = Limits(timeout=50, stall=50, memory_mb=256, max_output_mb=1, max_duration=60)
how = Run(Path(folder), limits, time.monotonic() + 50, lambda: False, sandbox=sandbox)
with open(os.devnull, "rb") as source:
    print(run(["bash", "-c", script], how, source=source.fileno(), output=Progress()).log)
"""

Hostile = Callable[..., set[str]]


@pytest.fixture
def server() -> Iterator[int]:
    """The port of a server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def hostile(tmp_path: Path, server: int) -> Hostile:
    """Starts a parent with a secret in its environment, and that starts bash as ffmpeg; returns what it has reached."""
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    for one in (outside, folder):
        one.mkdir()
    secret = secrets.token_hex()
    (outside / "secret").write_text(secret)
    (folder / "existing").write_text("x")
    for name in ("written", "deleted"):
        (outside / name).touch()

    def attempt(attempts: Mapping[str, str], *layers: str, uid: int = os.getuid(), inside: Path = folder) -> set[str]:
        known = f"SECRET={secret} OUTSIDE={outside} FOLDER={folder} PORT={server}"
        lines = [
            # PPID is the same in a subshell.
            f"({line}) </dev/null >/dev/null 2>&1 && echo 'REACHED {name}' >&2"
            for name, line in attempts.items()
        ]
        script = "\n".join([known.replace(" ", "\n"), *lines, "true"])
        done = subprocess.run(
            [sys.executable, "-c", PARENT, script, str(inside), str(uid), ",".join(layers)],
            env={"PYTHONPATH": "src", "PATH": os.environ["PATH"], "PASSWORD": secret},
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        return {line.removeprefix("REACHED ") for line in done.stdout.splitlines() if line.startswith("REACHED ")}

    return attempt


def test_nothing_is_reached_from_the_sandbox(hostile: Hostile) -> None:
    assert hostile({**ATTEMPTS, **ALLOWED}, "files", "calls") == set(ALLOWED)


def test_everything_is_reached_without_it(hostile: Hostile) -> None:
    """Otherwise the test above would show nothing."""
    assert hostile(ATTEMPTS) == set(ATTEMPTS)


def test_the_filter_alone_denies_the_network_and_changes_of_other_processes(hostile: Hostile) -> None:
    reached = hostile(ATTEMPTS, "calls")

    assert not {name for name in reached if name.startswith(("a server", "a Unix", "signals", "the limits", "the pri"))}


def test_landlock_alone_denies_files_and_the_secrets_of_other_processes(hostile: Hostile) -> None:
    reached = hostile(ATTEMPTS, "files")

    assert not reached & {
        "the environment of any process", "the memory of its parent", "a file with a secret", "a folder",
        "a new file elsewhere", "deleting a file",
    }  # fmt: skip


def test_a_program_of_the_same_user_cannot_read_a_process_that_forbids_tracing(hostile: Hostile) -> None:
    """Without a sandbox: what is left on machines that have none."""
    own = {name: line for name, line in ATTEMPTS.items() if name.endswith(("of its parent", "open"))}
    own = {name: line for name, line in own.items() if "/proc/" in line and "cmdline" not in line}
    uid = os.getuid() or 10_001  # root may trace every process

    assert hostile(own, uid=uid, inside=Path("/")) == set(own)
    assert hostile(own, "dumpable", uid=uid, inside=Path("/")) == set()
