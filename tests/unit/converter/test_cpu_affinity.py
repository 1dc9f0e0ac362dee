"""Which processor an ffmpeg is bound to."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from converter.ffmpeg.cpu_affinity import CpuAffinity, least_busy
from tests.waiting import eventually

THREADS = "import threading,time\nfor _ in range(3): threading.Thread(target=time.sleep,args=(60,)).start()\n"
USABLE = os.sched_getaffinity(0)
BUSY = "while True: pass"


@pytest.fixture
def begin() -> Iterator[object]:
    begun: list[subprocess.Popen[bytes]] = []

    def run(code: str) -> int:
        begun.append(subprocess.Popen(["python3", "-c", code]))
        return begun[-1].pid

    yield run
    for process in begun:
        process.kill()
        process.wait()


def processors(pid: int) -> list[set[int]]:
    """Where each thread may run."""
    return [os.sched_getaffinity(int(one.name)) for one in Path(f"/proc/{pid}/task").iterdir()]


@pytest.mark.parametrize(
    ("last", "costs", "chosen"),
    [
        (None, {0: 0.5, 1: 0.2, 2: 0.2}, 1),
        (0, {0: 0.5, 1: 0.3}, 0),
        (0, {0: 1.0, 1: 0.3}, 1),
        # The affinity has changed.
        (7, {0: 1.0, 1: 0.3}, 1),
    ],
)
def test_the_last_processor_is_kept_unless_another_one_is_less_busy(
    last: int | None, costs: dict[int, float], chosen: int
) -> None:
    assert least_busy(last, costs) == chosen


several = pytest.mark.skipif(len(USABLE) < 2, reason="there is no choice on one processor")


@several
def test_concurrent_processes_get_different_processors(begin) -> None:
    affinity = CpuAffinity()
    one, other = begin(BUSY), begin(BUSY)
    with affinity.bound(one), affinity.bound(other):
        (first,), (second,) = processors(one), processors(other)
        assert len(first) == len(second) == 1
        assert first != second


@several
def test_all_threads_of_a_process_are_bound_to_the_idle_processor(begin, tmp_path) -> None:
    pid = begin(THREADS)
    eventually(lambda: len(processors(pid)) == 4)
    (tmp_path / str(pid)).symlink_to(f"/proc/{pid}")
    reports(tmp_path, idle=dict.fromkeys(USABLE, 0))
    affinity = CpuAffinity(proc=tmp_path)
    begun = time.monotonic()
    eventually(lambda: time.monotonic() - begun > 0.2)
    free = max(USABLE)
    reports(tmp_path, idle={one: 10**6 if one == free else 0 for one in USABLE})
    with affinity.bound(pid):
        assert processors(pid) == [{free}] * 4


def reports(proc: Path, idle: dict[int, int]) -> None:
    """Writes what the kernel says of the processors: how many hundredths each has been idle (proc(5))."""
    lines = (f"cpu{one} 0 0 0 {ticks} 0 0 0 0 0 0" for one, ticks in idle.items())
    (proc / "stat").write_text("\n".join(lines))


def test_nothing_is_bound_if_the_load_of_the_processors_is_unknown(begin, tmp_path) -> None:
    pid = begin(BUSY)
    with CpuAffinity(proc=tmp_path).bound(pid):
        assert processors(pid) == [os.sched_getaffinity(0)]


@several
def test_a_process_that_has_ended_is_not_an_error() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    with CpuAffinity().bound(process.pid):
        pass
