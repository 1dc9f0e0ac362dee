"""The output of the commands: results go to stdout, messages to stderr."""

import sys
from collections.abc import Iterator

from rich.console import Console

from video2mp3.api import Job

# Lines are not wrapped: a log has no width, and a terminal wraps them itself.
console = Console(stderr=True, soft_wrap=True)


def emit(line: object) -> None:
    sys.stdout.write(f"{line}\n")


def status(job: Job) -> str:
    """The status of a job, with the length and size of its MP3 if they are known."""
    match job["status"]:
        case "converting":
            return f"converting, {job['progress']} %"
        case "completed" if found := job.get("result"):
            return f"completed: {_clock(found['duration'])}, {file_size(found['size'])}"
        case "failed" if job.get("error_code") == "cancelled":
            return "cancelled"
        case "failed":
            return f"failed: {plain(job['error'])}"
        case other:
            return str(other)


def result(job: Job | None) -> Iterator[str]:
    """The properties of the MP3, and then its notes: a line each."""
    found = (job or {}).get("result")
    if not found:
        return
    rate = f"{found['bitrate']} kbit/s"
    if found["variable"]:
        rate = f"V{found['quality']}, about {rate}" if found["quality"] is not None else f"about {rate}, variable"
    channels = "mono" if found["channels"] == 1 else "stereo"
    video = file_size(found["video_size"])
    if original := (job or {}).get("original"):
        video = f"{file_size(original['size'])}, of which {video} of sound were uploaded"
    yield (
        f"{_clock(found['duration'])}, {file_size(found['size'])} (video: {video}),"
        f" {rate}, {found['sample_rate'] / 1000:g} kHz, {channels}"
    )
    for note in found["notes"]:
        yield plain(note["text"])


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def file_size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}" if unit != "bytes" else f"{count} bytes"
        count /= 1000
    return f"{count:.3g} GB"


def plain(text: str) -> str:
    """The text without control characters, which a terminal would interpret."""
    return "".join(character if character.isprintable() else "?" for character in text)
