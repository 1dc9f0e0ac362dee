"""What the commands print: results to stdout, and what people read to stderr."""

import sys

from rich.console import Console

from video2mp3.api import Job

console = Console(stderr=True)


def emit(line: object) -> None:
    """Prints a result."""
    sys.stdout.write(f"{line}\n")


def status(job: Job) -> str:
    """Where a job is."""
    match job["status"]:
        case "converting":
            return f"converting, {job['progress']} %"
        case "failed":
            return f"failed: {plain(job['error'])}"
        case other:
            return str(other)


def plain(text: str) -> str:
    """Without control characters, which would reach the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
