"""Which processor an ffmpeg is bound to."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from converter.placement import Seats, better
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
    ("present", "costs", "chosen"),
    [
        (None, {0: 0.5, 1: 0.2, 2: 0.2}, 1),
        (0, {0: 0.5, 1: 0.3}, 0),
        (0, {0: 1.0, 1: 0.3}, 1),
        # It may no longer be used.
        (7, {0: 1.0, 1: 0.3}, 1),
    ],
)
def test_a_process_moves_only_when_it_is_worth_it(present: int | None, costs: dict[int, float], chosen: int) -> None:
    assert better(present, costs) == chosen


several = pytest.mark.skipif(len(USABLE) < 2, reason="there is no choice on one processor")


@several
def test_processes_side_by_side_get_processors_of_their_own(begin) -> None:
    seats = Seats()
    one, other = begin(BUSY), begin(BUSY)
    with seats.bound(one), seats.bound(other):
        (first,), (second,) = processors(one), processors(other)
        assert len(first) == len(second) == 1
        assert first != second


@several
def test_the_threads_of_a_process_move_with_it_when_somebody_else_is_there(begin, tmp_path) -> None:
    pid = begin(THREADS)
    eventually(lambda: len(processors(pid)) == 4)
    (tmp_path / str(pid)).symlink_to(f"/proc/{pid}")
    reports(tmp_path, idle=dict.fromkeys(USABLE, 0))
    with Seats(proc=tmp_path).bound(pid) as mind:
        (mine,) = processors(pid)[0]
        assert processors(pid) == [{mine}] * 4
        # From now on its processor has no time left, though it sleeps, and all others have nothing else.
        reports(tmp_path, idle={one: 0 if one == mine else 10**6 for one in USABLE})

        def moved() -> bool:
            mind()
            return {mine} not in processors(pid)

        eventually(moved)
        assert len(set(map(frozenset, processors(pid)))) == 1


def reports(proc: Path, idle: dict[int, int]) -> None:
    """Writes what the kernel says of the processors: how many hundredths each has been idle (proc(5))."""
    lines = (f"cpu{one} 0 0 0 {ticks} 0 0 0 0 0 0" for one, ticks in idle.items())
    (proc / "stat").write_text("\n".join(lines))


def test_it_stays_the_kernels_business_where_the_processors_cannot_be_known(begin, tmp_path) -> None:
    pid = begin(BUSY)
    with Seats(proc=tmp_path).bound(pid) as mind:
        mind()
        assert processors(pid) == [os.sched_getaffinity(0)]


@several
def test_a_process_that_has_ended_is_no_error() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    with Seats().bound(process.pid) as mind:
        mind()
