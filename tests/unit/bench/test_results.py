"""The table of a benchmark, computed from its figures."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.bench import report
from scripts.bench.report import table
from scripts.bench.results import Result, Target, interleaved
from scripts.bench.usage import watching


def test_the_ratio_is_the_median_of_the_pairs() -> None:
    # Pair by pair, as on a machine that slows down: not the ratio of the medians.
    result = Result("upload", "MB/s", [100, 50, 20], [100, 100, 10], "nginx", Target(least=0.9))
    assert result.ratios == [1, 0.5, 2]
    assert result.value == 1
    assert result.met


@pytest.mark.parametrize(
    ("target", "value", "met"),
    [
        (Target(most=1.1), 1.1, True),
        (Target(most=1.1), 1.11, False),
        (Target(least=2), 1.9, False),
        (Target(), 9, True),
    ],
)
def test_a_target_is_met_up_to_its_bound(target: Target, value: float, *, met: bool) -> None:
    assert target.met(value) is met


def test_without_a_peer_the_target_is_about_the_figure_itself() -> None:
    result = Result("memory", "MB", [160.0], [], "", Target(most=150))
    assert not result.met
    assert result.cells()[-2:] == ["≤ 150 MB", "NO"]


def test_the_table_is_markdown() -> None:
    result = Result("speed", "MB/s", [90.0], [100.0], "GridFS.put", Target(least=0.9))
    lines = table([["upload", *result.cells()]]).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert lines[1].strip("|").replace("|", "").strip("-") == ""
    assert [cell.strip() for cell in lines[2].strip("|").split("|")][-3:] == ["0.9 (0.9–0.9)", "≥ 0.9", "yes"]


def test_pairs_take_turns_and_the_first_does_not_count() -> None:
    calls: list[str] = []

    def side(name: str) -> Callable[[], int]:
        def call() -> int:
            calls.append(name)
            return len(calls)

        return call

    own, peer = interleaved(3, side("own"), side("peer"))
    assert (len(own), len(peer)) == (3, 3)
    assert min(own + peer) > 2
    assert [calls[at : at + 2] for at in range(2, 8, 2)] == [["peer", "own"], ["own", "peer"], ["peer", "own"]]


def test_unnamed_temporary_files_are_counted(tmp_path: Path) -> None:
    with watching(os.getpid(), tmp_path) as usage, (tmp_path / "unnamed").open("wb") as file:
        (tmp_path / "unnamed").unlink()
        file.write(bytes(3_000_000))
        file.flush()
        deadline = time.monotonic() + 60
        while usage.disk < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert usage.disk == pytest.approx(3, abs=0.1)
    assert usage.memory > 1


def test_rows_that_are_measured_again_are_replaced_and_the_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "performance.md"
    page.write_text("before\n<!-- measured: begin -->\n<!-- measured: end -->\nafter\n")
    monkeypatch.setattr(report, "PAGE", page)
    order = ["upload", "convert"]

    def rows(name: str, figure: str) -> list[list[str]]:
        return [[name, "speed", figure, "–", figure, "–", "–"]]

    report.put(rows("convert", "1"), order, ["old"])
    report.put(rows("upload", "2"), order, ["new"])
    report.put(rows("convert", "3"), order, ["newest"])
    assert [(row[0], row[2]) for row in report._rows(page.read_text())] == [("upload", "2"), ("convert", "3")]
    assert "newest" in page.read_text()
    assert "old" not in page.read_text()
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("after\n")
