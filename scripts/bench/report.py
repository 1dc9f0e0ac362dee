"""The table, for a terminal and for docs/performance.md, with the machine and the versions."""

import datetime
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

from converter.ffmpeg import binary
from scripts.bench.results import HEADINGS
from scripts.bench.system import Scale, System
from scripts.stack.state import ROOT

PAGE = ROOT / "docs" / "performance.md"
_MARK = "measured"


def table(cells: Sequence[Sequence[str]]) -> str:
    """The rows as a Markdown table in columns."""
    rows = [HEADINGS, *cells]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def write(rows: Sequence[Sequence[str]], order: Sequence[str], system: System, scale: Scale) -> None:
    """Puts rows, machine and versions into docs/performance.md.

    The first cell of a row is its benchmark's name, and `order` has all of those.
    """
    today = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    sizes = ", quick sizes" if scale.quick else ""
    about = [
        f"Measured on {today} with `./scripts/bench/run.sh --write`: {scale.pairs} interleaved pairs each{sizes}.",
        "",
        f"Machine: {machine()}.  ",
        f"Versions: {', '.join(_versions(system))}.",
    ]
    put(rows, order, about)


def put(rows: Sequence[Sequence[str]], order: Sequence[str], about: Sequence[str]) -> None:
    """Puts rows between the marks, below the lines `about` them; the rows of other benchmarks stay."""
    page = PAGE.read_text()
    updated = {row[0] for row in rows}
    kept = [row for row in _rows(page) if row[0] in order and row[0] not in updated]
    found = sorted([*kept, *rows], key=lambda row: order.index(row[0]))
    replace_between(PAGE, _MARK, "\n".join([*about, "", table(found)]))


def replace_between(page: Path, mark: str, text: str) -> None:
    """Puts the text between the comments `<!-- MARK: begin -->` and `<!-- MARK: end -->`."""
    begin, end = _marks(mark)
    block = f"{begin}\n\n{text}\n\n{end}"
    page.write_text(re.sub(f"{begin}.*{end}", lambda _: block, page.read_text(), flags=re.DOTALL))


def _marks(mark: str) -> tuple[str, str]:
    return f"<!-- {mark}: begin -->", f"<!-- {mark}: end -->"


def _rows(page: str) -> list[list[str]]:
    begin, end = _marks(_MARK)
    measured = page.partition(begin)[2].partition(end)[0]
    lines = [line for line in measured.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def machine() -> str:
    model = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[1]
    name = model[1].strip() if model else platform.machine()
    return f"{len(os.sched_getaffinity(0))} cores ({name}), {memory:.0f} GB; load average {load:.1f} at the end"


def _versions(system: System) -> list[str]:
    mongod = system.client.server_info()["version"]
    said = [
        subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        for command in (["nginx", "-v"], [binary(), "-version"])
    ]
    first = [(one.stdout + one.stderr).splitlines()[0].split(" Copyright")[0] for one in said]
    return [f"Linux {platform.release()}", f"Python {platform.python_version()}", f"mongod {mongod}", *first]
