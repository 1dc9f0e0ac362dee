"""Runs ffmpeg confined: in a sandbox, with hard limits, a deadline, no terminal and no inherited environment.

The sandbox is that of the thread which starts it (`converter.sandbox.confinement`). The kernel's limits are set by
util-linux's `prlimit` and `setpriv`, which replace themselves by ffmpeg: Python's `preexec_fn` is unsafe as soon as
there are threads (https://docs.python.org/3/library/subprocess.html).
"""

import contextlib
import logging
import math
import os
import resource
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

from common.errors import Failure, PermanentError, TransientError
from converter.ffmpeg.cpu_affinity import CpuAffinity
from converter.ffmpeg.limits import MEGABYTE, Limits
from converter.ffmpeg.output import LineReader, Log, Receiver, lines_of
from converter.ffmpeg.processor_time import ProcessorTime
from converter.sandbox.confinement import Sandbox, started

log = logging.getLogger(__name__)

# glibc allocates large blocks by mmap, and raises the size from which it does so whenever one is freed, so that later
# ones stay on the heap. A fixed size needs 6 MB less for the index of 100 minutes.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "MALLOC_MMAP_THRESHOLD_": str(128 * 1024)}
# Seconds between two checks of the clock and of `should_stop`.
POLL = 0.1
# How the log starts when prlimit or setpriv failed, or did not find the program.
NOT_STARTED = ("prlimit: ", "setpriv: ")
# ffmpeg's messages when the kernel refused memory, or the stack of another thread.
NO_MEMORY = ("Cannot allocate memory", "pthread_create() failed")


class Cancelled(TransientError):
    """The caller asked to stop."""


class Stalled(TransientError):
    """The program made no progress: because of the machine, or because of the file."""


@dataclass(frozen=True)
class Run:
    folder: Path
    limits: Limits
    deadline: float
    """Of `time.monotonic()`."""
    should_stop: Callable[[], bool]
    affinity: CpuAffinity | None = None
    """None leaves the choice of processors to the kernel."""
    sandbox: Sandbox | None = None
    """None lets the program reach whatever this process can."""
    processor_time: ProcessorTime = field(default_factory=ProcessorTime)


@dataclass(frozen=True)
class Finished:
    code: int
    log: str
    """The start and the end of what it wrote on stderr."""


class Channel:
    """Another output of a program beside stdout, open while the `with` block runs."""

    def __init__(self, reader: LineReader) -> None:
        self.receive = lines_of(reader)

    def __enter__(self) -> Self:
        read, self.number = os.pipe()
        self.read = os.fdopen(read, "rb", buffering=0)
        return self

    def close_write(self) -> None:
        """Closes this process's copy of the writing end, the descriptor `number`."""
        if self.number >= 0:
            os.close(self.number)
            self.number = -1

    def __exit__(self, *_: object) -> None:
        self.close_write()
        self.read.close()


def run(
    command: Sequence[str], how: Run, *, source: int, output: LineReader | Receiver, channel: Channel | None = None
) -> Finished:
    """Runs the command in the folder, as the leader of its own group, with the file `source` as its only input.

    The child inherits the descriptors `source` and `channel.number` under the same numbers. `output` takes stdout.
    Raises `Cancelled`; `Stalled`; `TransientError` when it was killed or could not be started;
    `PermanentError` when it exceeded a limit; and whatever a receiver raises.
    """
    log.debug("Running %s", command)
    with contextlib.ExitStack() as stack:
        try:
            process = stack.enter_context(_started(command, how, (source, channel.number) if channel else (source,)))
        except OSError as error:
            raise TransientError(f"ffmpeg could not be started: {error}") from error
        return _followed(process, how, output, channel)


@contextlib.contextmanager
def _started(command: Sequence[str], how: Run, descriptors: tuple[int, ...]) -> Iterator["subprocess.Popen[bytes]"]:
    """Starts the command; raises OSError."""

    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [*_confinement(how), *command],
            cwd=how.folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=descriptors,
            start_new_session=True,
            umask=0o077,
        )

    if how.sandbox is None:
        yield start()
        return
    sandbox = how.sandbox
    with started(start, lambda: sandbox.confine(command[0], how.folder)) as process:
        yield process


def _followed(
    process: "subprocess.Popen[bytes]", how: Run, output: LineReader | Receiver, channel: Channel | None
) -> Finished:
    if channel:
        channel.close_write()
    stderr = Log()
    receivers = [(process.stdout, output if callable(output) else lines_of(output)), (process.stderr, stderr.add)]
    if channel:
        receivers.append((channel.read, channel.receive))
    bound = how.affinity.bound(process.pid) if how.affinity else contextlib.nullcontext()
    with process:
        try:
            with bound:
                _watch(process, how, receivers)
        finally:
            _kill_group(process)
            log.debug("ffmpeg exited with %s: %s", process.returncode, stderr.text[-2000:].strip())
    how.processor_time.check()
    return _judge(Finished(process.returncode, stderr.text), how.limits)


def _confinement(how: Run) -> list[str]:
    limits = how.limits
    # Only ends an ffmpeg that nobody follows any more: `_check` compares both times with their limits.
    most = min(limits.timeout * 2, max(0.0, how.processor_time.left) + 2)
    seconds = _allowed(resource.RLIMIT_CPU, math.ceil(most))
    # Not RLIMIT_AS: it also counts what allocators and thread stacks only reserve, some hundred megabytes.
    memory = _allowed(resource.RLIMIT_DATA, limits.memory)
    # More than `-fs`, with which ffmpeg itself ends an output that grows too large.
    output = _allowed(resource.RLIMIT_FSIZE, limits.max_output + MEGABYTE)
    files = _allowed(resource.RLIMIT_NOFILE, 64)
    return [
        "prlimit",
        *(f"--cpu={seconds}", f"--data={memory}", f"--fsize={output}", f"--nofile={files}", "--core=0"),
        *("setpriv", "--pdeathsig=KILL", "--no-new-privs", "--"),
    ]


def _allowed(kind: int, wanted: int) -> int:
    """The wanted limit, or the machine's own if that is lower."""
    hard = resource.getrlimit(kind)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def _watch(
    process: "subprocess.Popen[bytes]",
    how: Run,
    receivers: Sequence[tuple[IO[bytes] | None, Callable[[bytes], object]]],
) -> None:
    """Reads until all pipes end, which is when the last process of the group has ended."""
    alive_at = time.monotonic()
    check_at = 0.0
    with selectors.DefaultSelector() as pipes:
        for pipe, receive in receivers:
            if pipe is not None:
                pipes.register(pipe, selectors.EVENT_READ, receive)
        while pipes.get_map():
            if time.monotonic() >= check_at:  # not whenever ffmpeg writes: `should_stop` may ask a database
                _check(process.pid, how, alive_at)
                check_at = time.monotonic() + POLL
            for key, _ in pipes.select(POLL):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    pipes.unregister(key.fileobj)
                elif key.data(data):
                    alive_at = time.monotonic()
    how.processor_time.count(process.pid)
    try:
        process.wait(timeout=how.limits.stall)
    except subprocess.TimeoutExpired:
        raise Stalled("ffmpeg closed its output and did not exit") from None


def _check(pid: int, how: Run, alive_at: float) -> None:
    limits = how.limits
    if how.should_stop():
        raise Cancelled("The conversion was stopped")
    now = time.monotonic()
    if now > how.deadline:
        raise PermanentError(
            f"The conversion exceeded the time limit of {limits.timeout / 60:.3g} minutes.", Failure.TIME_LIMIT
        )
    how.processor_time.count(pid)
    how.processor_time.check()
    if now - alive_at > limits.stall:
        raise Stalled(f"ffmpeg made no progress for {limits.stall:g} seconds")


def _kill_group(process: "subprocess.Popen[bytes]") -> None:
    """Ends the processes of the group that are left; sets `returncode`."""
    if process.poll() is None:
        # Not reaped yet, so no other process can have its number.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _judge(finished: Finished, limits: Limits) -> Finished:
    if finished.code == -signal.SIGXCPU:
        raise PermanentError("The conversion exceeded the limit of processor time.", Failure.TIME_LIMIT)
    if finished.code == -signal.SIGXFSZ:
        raise limits.too_large()
    if finished.code < 0:
        raise TransientError(f"ffmpeg was killed by {signal.Signals(-finished.code).name}")
    if finished.code and finished.log.startswith(NOT_STARTED):
        raise TransientError(f"ffmpeg could not be started: {finished.log.strip()[-200:]}")
    if "No space left on device" in finished.log:
        raise TransientError("The converter's disk is full")
    if finished.code and any(sign in finished.log for sign in NO_MEMORY):
        raise PermanentError(
            f"Converting this file needs more than the limit of {limits.memory_mb} MB of memory.", Failure.MEMORY_LIMIT
        )
    return finished
