"""Programs run within their limits, and end in the error that fits."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from common.errors import Failure, PermanentError, TransientError
from converter.ffmpeg.limits import Limits
from converter.ffmpeg.output import Progress
from converter.ffmpeg.process import Cancelled, Finished, Run, Stalled, run
from converter.ffmpeg.processor_time import ProcessorTime

LIMITS = Limits(timeout=60, stall=60, memory_mb=100, max_output_mb=1, max_duration=60)
Shell = Callable[..., Finished]


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """Runs a line of shell as ffmpeg is run."""
    source = os.open(os.devnull, os.O_RDONLY)

    def shell(line: str, *, limits: Limits = LIMITS, seconds: float = 60, stop: bool = False) -> Finished:
        how = Run(tmp_path, limits, time.monotonic() + seconds, lambda: stop)
        return run(["sh", "-c", line], how, source=source, output=Progress())

    yield shell
    os.close(source)


def test_code_and_log_are_returned(shell: Shell) -> None:
    assert shell("echo out; echo err >&2; exit 3") == Finished(3, "err\n")


def test_a_large_log_is_shortened(shell: Shell) -> None:
    finished = shell("echo first >&2; yes complaint | head -c 3000000 >&2; echo last >&2")
    assert finished.log.startswith("first")
    assert finished.log.endswith("last\n")
    assert len(finished.log) < 1_000_000


def test_the_source_is_the_only_open_file(shell: Shell) -> None:
    # Besides it: the three standard ones, and the folder that `ls` reads.
    assert len(shell("exec ls /proc/self/fd >&2").log.split()) == 5


@pytest.mark.parametrize(("number", "name"), [(9, "SIGKILL"), (11, "SIGSEGV"), (6, "SIGABRT")])
def test_a_killed_program_is_a_transient_error(number: int, name: str, shell: Shell) -> None:
    with pytest.raises(TransientError, match=name):
        shell(f"kill -{number} $$")


def test_a_program_past_its_deadline_is_ended_with_its_children(shell: Shell) -> None:
    with pytest.raises(PermanentError, match="exceeded the time limit"):
        shell("sleep 1000 & sleep 1000", seconds=0.2)
    assert psutil.Process().children(recursive=True) == []


def test_a_program_without_progress_is_ended(shell: Shell) -> None:
    with pytest.raises(Stalled, match="no progress"):
        shell("sleep 1000", limits=Limits(60, 0.1, 100, 1, 60))


def test_a_program_is_ended_when_asked_to_stop(shell: Shell) -> None:
    with pytest.raises(Cancelled):
        shell("sleep 1000", stop=True)


def test_a_file_past_the_output_limit_is_refused(shell: Shell) -> None:
    with pytest.raises(PermanentError, match="larger than the limit of 1 MB"):
        shell("exec dd if=/dev/zero of=big bs=1M count=5")


def test_a_full_disk_is_transient(shell: Shell) -> None:
    with pytest.raises(TransientError, match="disk is full"):
        shell("exec dd if=/dev/zero of=/dev/full bs=1 count=1")


def test_a_missing_program_is_a_transient_error(tmp_path: Path) -> None:
    how = Run(tmp_path, LIMITS, time.monotonic() + 60, lambda: False)
    with Path(os.devnull).open("rb") as source, pytest.raises(TransientError, match="could not be started"):
        run(["/no/such/ffmpeg"], how, source=source.fileno(), output=Progress())


BUSY = "while :; do :; done"


@pytest.mark.parametrize("line", [BUSY, f"trap '' XCPU; {BUSY}"])
def test_the_processor_time_of_a_program_is_limited(line: str, tmp_path: Path) -> None:
    how = Run(tmp_path, LIMITS, time.monotonic() + 60, lambda: False, processor_time=ProcessorTime(0.3))
    with Path(os.devnull).open("rb") as source, pytest.raises(PermanentError, match="processor time") as caught:
        run(["sh", "-c", line], how, source=source.fileno(), output=Progress())
    assert caught.value.code is Failure.TIME_LIMIT
    assert psutil.Process().children(recursive=True) == []


def test_the_processor_time_of_all_programs_adds_up(tmp_path: Path) -> None:
    """Each of them alone stays below the limit."""
    how = Run(tmp_path, LIMITS, time.monotonic() + 60, lambda: False, processor_time=ProcessorTime(0.5))
    busy = ["python3", "-c", "import time\nwhile time.process_time() < 0.2: pass"]
    with Path(os.devnull).open("rb") as source, pytest.raises(PermanentError, match="processor time"):
        for _ in range(5):
            run(busy, how, source=source.fileno(), output=Progress())
    assert 0.5 < 0.5 - how.processor_time.left < 1


def test_memory_is_limited(shell: Shell) -> None:
    assert shell("ulimit -d >&2").log.strip() == str(100 * 1024)
