"""The command line of a chaos run, behind ./scripts/chaos.sh."""

import argparse
import os
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.chaos import report
from scripts.chaos.running import Size, run
from scripts.stack import Stack, StackError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="chaos.sh",
        description="Uploads videos to a stack of its own while processes of it are killed, terminated or suspended at "
        "random, then checks that nothing was lost. The exit code is 1 if something was.",
    )
    parser.add_argument("--minutes", type=_positive, default=30.0, help="how long there are faults (default: 30)")
    parser.add_argument("--uploads", type=_count, default=1000, metavar="N", help="how many uploads (default: 1000)")
    parser.add_argument("--every", type=_positive, default=10.0, metavar="S", help="s between faults (default: 10)")
    parser.add_argument("--seed", type=int, help="repeats the choices of an earlier run (default: a new one)")
    parser.add_argument(
        "--limit", type=_positive, default=900.0, metavar="S",
        help="s after the faults until all jobs must have ended (default: 900)",
    )  # fmt: skip
    parser.add_argument(
        "--report", type=Path, metavar="FILE",
        help="where to write the report: between the marks of a file that has them, such as docs/reliability.md",
    )  # fmt: skip
    return parser


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def main(words: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(words)
    # So that suspended processes are resumed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = random.randrange(10_000) if arguments.seed is None else arguments.seed
    size = Size(seed, arguments.minutes, arguments.uploads, arguments.every, arguments.limit)
    print(f"The seed is {seed}.", file=sys.stderr)
    try:
        done = run(Stack.open(os.environ["V2M_STACK"]), size)
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    text = report.render(done)
    print(text)
    if arguments.report:
        report.write(arguments.report, text)
    return 1 if done.losses else 0


if __name__ == "__main__":
    sys.exit(main())
