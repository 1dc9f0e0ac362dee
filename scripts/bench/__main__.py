"""The command line of the benchmarks, behind ./scripts/bench/run.sh."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator

from scripts.bench import converting, costs, report, scaling, serving, sound_only, system, throughput, transfers
from scripts.bench.results import Result
from scripts.bench.system import Scale, System

BENCHMARKS: dict[str, Callable[[System, Scale], Iterator[Result]]] = {
    "upload": transfers.measure_upload,
    "sound-only": sound_only.measure,
    "convert": converting.measure,
    "convert-parallel": converting.measure_parallel,
    "fetch": converting.measure_fetch,
    "download": transfers.measure_download,
    "throughput": throughput.measure,
    "backlog": throughput.measure_backlog,
    "serving": serving.measure,
    "flat": converting.measure_flat,
    "scale": scaling.measure,
    "costs": costs.measure,
}
# Fewer do not show the spread.
_PAIRS = 5


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run.sh", description="Measures the system against ffmpeg, nginx, GridFS and Flask, in interleaved pairs."
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which (default: all): {', '.join(BENCHMARKS)}")
    parser.add_argument("--pairs", type=int, default=_PAIRS, metavar="N", help=f"of each (default: {_PAIRS})")
    parser.add_argument(
        "--quick", action="store_true", help="small files: shows that the benchmarks work; the figures mean nothing"
    )
    parser.add_argument("--write", action="store_true", help="update its rows in docs/performance.md")
    parser.add_argument("--list", action="store_true", help="list the names of the benchmarks")
    return parser


def main() -> int:
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
            found: list[Result] = []
            for result in BENCHMARKS[name](running, scale):
                # Immediately: the next one may take an hour, or fail.
                print("  " + " | ".join(result.cells()), file=sys.stderr, flush=True)
                found.append(result)
                rows.append([name, *result.cells()])
            results += found
            if arguments.write and name == "costs":
                costs.save(found)
            elif arguments.write:
                report.write([row for row in rows if row[0] != "costs"], list(BENCHMARKS), running, scale)
                scaling.write_charts(results)
        print(report.table(rows))
    return 0 if all(result.met for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
