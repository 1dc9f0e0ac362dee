"""What ./scripts/bench/run.sh understands."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator

from scripts.bench import (
    backlog,
    converting,
    downloading,
    fetching,
    flatness,
    report,
    serving,
    system,
    throughput,
    uploading,
)
from scripts.bench.results import Result
from scripts.bench.system import Scale, System

BENCHMARKS: dict[str, Callable[[System, Scale], Iterator[Result]]] = {
    "upload": uploading.measure,
    "convert": converting.measure,
    "convert-parallel": converting.measure_parallel,
    "fetch": fetching.measure,
    "download": downloading.measure,
    "throughput": throughput.measure,
    "backlog": backlog.measure,
    "serving": serving.measure,
    "flat": flatness.measure,
}
# Fewer say nothing about the spread.
_PAIRS = 5


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run.sh", description="Measures the system against ffmpeg, nginx, GridFS and Flask, in interleaved pairs."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all): {', '.join(BENCHMARKS)}")
    parser.add_argument("--pairs", type=int, default=_PAIRS, metavar="N", help=f"of each (default: {_PAIRS})")
    parser.add_argument("--quick", action="store_true", help="small files: shows that it works, and proves nothing")
    parser.add_argument("--write", action="store_true", help="renew its rows in docs/performance.md")
    parser.add_argument("--list", action="store_true", help="the names, and nothing else")
    return parser


def main() -> int:
    """Measures; 1 when a target is missed."""
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(BENCHMARKS))
        return 0
    if unknown := [name for name in arguments.names if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]}; there are: {', '.join(BENCHMARKS)}")
    if arguments.pairs < 1:
        parser.error("--pairs: at least 1")
    # So that the peers that were started are ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scale = Scale(arguments.pairs, arguments.quick)
    results: list[Result] = []
    rows: list[list[str]] = []
    with system.opened(os.environ["V2M_STACK"]) as running:
        for name in arguments.names or BENCHMARKS:
            print(f"{name}...", file=sys.stderr, flush=True)
            for result in BENCHMARKS[name](running, scale):
                # Right away: the next one may take an hour, or fail.
                print("  " + " | ".join(result.cells()), file=sys.stderr, flush=True)
                results.append(result)
                rows.append([name, *result.cells()])
            if arguments.write:
                report.write(rows, list(BENCHMARKS), running, scale)
        print(report.table(rows))
    return 0 if all(result.met for result in results) else 1
