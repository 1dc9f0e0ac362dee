"""Compares the sound of a video with that of the part that is sent instead of it."""

import re
import subprocess
from pathlib import Path

from converter.ffmpeg import binary
from video2mp3.sound_only import extraction
from video2mp3.sound_only.source import Read

# Pictures whose order of decoding is not that of display, and sound that is much less than they are.
REORDERED = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-pix_fmt", "yuv420p"]
QUIET = ["-c:a", "aac", "-b:a", "24k"]
SAME = "the same sound at the same time"
# Names and ids of parts of all containers: what follows them are sizes, counts and offsets.
_PARTS = re.compile(rb"[a-z]{4}|\x1f\x43\xb6\x75|\x16\x54\xae\x6b|\x15\x49\xa9\x66|\x47[\x40-\x5f]|\xa3|\xa0|\xae")


def reader(content: bytes) -> Read:
    return lambda at, length: content[at : at + length]


def thin(source: Path, folder: Path) -> tuple[Path, float]:
    """Writes what is sent of a video; returns it, and when the pictures began. Raises Unsure if that is the whole."""
    content = source.read_bytes()
    found = extraction.extract(reader(content), len(content))
    target = folder / f"sound{source.suffix}"
    target.write_bytes(found.plan.read(reader(content), 0, found.plan.length))
    return target, found.start


def compare(source: Path, folder: Path) -> str:
    """`SAME`, or what differs: the samples of a track, or the time at which the sound begins."""
    target, start = thin(source, folder)
    if samples(source) != samples(target):
        return "the samples differ"
    before, after = _begin(source), _begin(target)
    late = max(0.0, after - start)
    return SAME if abs(after - late - before) < 1e-6 else f"{before} s became {after} s, with pictures from {start} s"


def structure(content: bytes) -> list[int]:
    """Where sizes, counts and offsets may be: the beginning and the end of the file, around the names of its parts."""
    around = range(-4, 28)
    found = {
        match.start() + step
        for begin in (0, max(0, len(content) - 8000))
        for match in _PARTS.finditer(content, begin, begin + 8000)
        for step in around
    }
    return sorted(at for at in found if 0 <= at <= len(content) - 4)


def samples(path: Path) -> bytes:
    """A digest of the decoded samples of all tracks."""
    command = [binary(), "-v", "error", "-i", str(path), "-map", "0:a", "-f", "streamhash", "-"]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout.partition(b",")[2]


def _begin(path: Path) -> float:
    command = [binary(), "-hide_banner", "-i", str(path)]
    listing = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60).stderr
    found = re.search(r"start: (-?[\d.]+)", listing)
    assert found, listing
    return float(found[1])
