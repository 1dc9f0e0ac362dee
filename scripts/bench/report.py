"""The table, for a terminal and for docs/performance.md, with what it was measured on."""

import datetime
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

from converter import moviepy_parts
from scripts.bench.results import HEADINGS, Result
from scripts.bench.system import Scale, System
from scripts.stack.paths import ROOT

PAGE = ROOT / "docs" / "performance.md"
_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"


def table(results: Sequence[Result]) -> str:
    """The rows in columns, which Markdown takes for a table too."""
    rows = [HEADINGS, *(result.cells() for result in results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def write(results: Sequence[Result], system: System, scale: Scale) -> None:
    """Puts table, machine and versions between the marks in docs/performance.md."""
    today = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"
    sizes = ", quick sizes" if scale.quick else ""
    about = [
        f"Measured on {today} with `./scripts/bench/run.sh --write`: {scale.pairs} interleaved pairs each{sizes}.",
        "",
        f"Machine: {_machine()}.  ",
        f"Versions: {', '.join(_versions(system))}.",
    ]
    text = "\n".join([_BEGIN, "", *about, "", table(results), "", _END])
    page = PAGE.read_text()
    PAGE.write_text(re.sub(f"{_BEGIN}.*{_END}", lambda _: text, page, flags=re.DOTALL))


def _machine() -> str:
    model = re.search(r"^model name\s*: (.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = psutil.virtual_memory().total / 2**30
    load = os.getloadavg()[1]
    name = model[1].strip() if model else platform.machine()
    return f"{len(os.sched_getaffinity(0))} cores ({name}), {memory:.0f} GB; load average {load:.1f} at the end"


def _versions(system: System) -> list[str]:
    mongod = system.client.server_info()["version"]
    said = [
        subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
        for command in (["nginx", "-v"], [moviepy_parts.binary(), "-version"])
    ]
    first = [(one.stdout + one.stderr).splitlines()[0].split(" Copyright")[0] for one in said]
    return [f"Linux {platform.release()}", f"Python {platform.python_version()}", f"mongod {mongod}", *first]
