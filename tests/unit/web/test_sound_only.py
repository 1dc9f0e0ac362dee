"""The page and the command line send the same bytes of the same video."""

import hashlib
import json
import random
import struct
import subprocess
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests import hostile_containers, media, thinning
from video2mp3.sound_only.extraction import extract
from video2mp3.sound_only.source import Unsure

HERE = Path(__file__).resolve().parent
WEB = HERE.parents[2] / "src" / "web"
CASES = HERE.parents[1] / "cases" / "files"
# Of each kind that is extracted, so many damaged files.
DAMAGED = 12
VALUES = [0, 1, 2, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 10**9]


def run_page(files: list[Path]) -> "subprocess.CompletedProcess[str]":
    command = ["node", str(HERE / "extract.mjs"), str(WEB), *map(str, files)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)


def by_page(output: str) -> list[Any]:
    return [json.loads(line) for line in output.splitlines()]


def by_command_line(file: Path) -> dict[str, Any]:
    content = file.read_bytes()
    try:
        found = extract(thinning.reader(content), len(content))
    except Unsure as reason:
        return {"error": str(reason)}
    output = found.plan.read(thinning.reader(content), 0, found.plan.length)
    return {
        "digest": hashlib.sha256(output).hexdigest(),
        "length": found.plan.length,
        "segments": found.plan.count,
        "start": found.start,
        "duration": found.duration,
    }


def compare(files: list[Path]) -> tuple[list[dict[str, Any]], int]:
    """What both find, and the highest memory of the page's extractor (kB)."""
    expected = [by_command_line(file) for file in files]
    done = run_page(files)
    for file, one, other in zip(files, by_page(done.stdout), expected, strict=True):
        # The names of boxes are quoted in other ways.
        if "error" in one and one["error"].startswith("There ") and "box" in one["error"]:
            one["error"], other["error"] = one["error"][:12], str(other.get("error"))[:12]
        assert one == other, file
    return expected, int(done.stderr)


def test_the_page_and_the_command_line_extract_the_same(tmp_path: Path) -> None:
    files = [*map(media.make, media.KINDS), *sorted(CASES.iterdir())]
    files += [media.chaptered("mp4", tmp_path), media.chaptered("mkv", tmp_path)]

    found, _ = compare(files)

    assert sum("digest" in one for one in found) >= 25


def test_they_agree_about_damaged_files(tmp_path: Path) -> None:
    chance = random.Random(1)
    files = []
    for kind in ("mp4", "mp4_fragmented", "two_tracks_mp4", "webm", "live_webm", "ts", "mov", "late_sound"):
        original = media.make(kind).read_bytes()
        places = thinning.structure(original)
        for number in range(DAMAGED):
            content = bytearray(original)
            for at in chance.sample(places, chance.randint(1, 3)):
                content[at : at + 4] = struct.pack(">I", chance.choice([*VALUES, chance.getrandbits(32)]))
            files.append(tmp_path / f"{kind}-{number}")
            files[-1].write_bytes(content)

    compare(files)


def test_hostile_files_need_little_time_and_memory(tmp_path: Path) -> None:
    files = []
    for name, content in hostile_containers.files().items():
        files.append(tmp_path / name)
        files[-1].write_bytes(content)

    # `run_page` and each test have a time limit.
    _, memory = compare(files)

    # Node.js alone needs 60,000 kB.
    assert memory < 400_000
    tracemalloc.start()
    # Those of a normal size, whose counts are false.
    for content in (one for one in hostile_containers.files().values() if len(one) < 200_000):
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        with suppress(Unsure):
            extract(thinning.reader(content), len(content))
        assert tracemalloc.get_traced_memory()[1] - before < 20e6
    tracemalloc.stop()


def test_the_worker_of_the_page_is_small() -> None:
    [size] = by_page(run_page([]).stdout)
    assert 1000 < size <= 10_000
