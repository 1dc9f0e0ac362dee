"""Converts every file of a folder and compares the MP3s with ffmpeg's own decoding. Not part of the test tiers.

usage: PYTHONPATH=src:src/cli:. python tests/corpus.py FOLDER [--direct | --thin]

With `--thin`, the MP3 of each file is compared with that of its sound (docs/sound-only.md), sample for sample.
Without `--direct` or `--thin` the files go through the upload API of a running stack (V2M_STACK names its state file).
One line is printed for each file that differs; the exit code is 1 when there is one.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from common.domain.options import ConversionOptions
from common.errors import Video2MP3Error
from converter.encoding.transcoder import transcode
from converter.ffmpeg import binary
from converter.ffmpeg.limits import Limits
from scripts.stack import Stack
from tests import thinning
from tests.person import Person
from video2mp3.sound_only.source import Unsure

RATE = 16000
# s by which lengths may differ: encoder delay and padding.
TOLERANCE = 0.2
LIMITS = Limits(timeout=3600, stall=120, memory_mb=1024, max_output_mb=2048, max_duration=86400)

# Takes a file and a folder to work in; returns the MP3, or the reason why there is none.
Converter = Callable[[Path, Path], Path | str]


def direct(
    source: Path, folder: Path, options: Mapping[str, object] | None = None, start: float | None = None
) -> Path | str:
    """Runs the transcoder in this process."""
    own = Path(shutil.copyfile(source, folder / "source"))
    target = folder / "conversion"
    target.mkdir()
    try:
        return transcode(
            own,
            target,
            filename=source.name,
            options=ConversionOptions.parse(dict(options or {})),
            limits=LIMITS,
            recording_start=start,
            on_progress=lambda _: None,
            should_stop=lambda: False,
        ).path
    except Video2MP3Error as error:
        return str(error)


def thinned(source: Path) -> str | None:
    """How the MP3 of a file differs from that of its sound; None if it does not, or if the file is sent whole."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        try:
            sound, start = thinning.thin(source, work)
        except Unsure as reason:
            print(f"{source}: sent whole: {reason}", flush=True)
            return None
        share = sound.stat().st_size / source.stat().st_size
        for options in ({}, {"start": 2.6, "end": 10}, {"normalize": "true"}):
            found = []
            for name, file, begin in (("whole", source, None), ("sound", sound, start)):
                (work / name).mkdir(exist_ok=True)
                result = direct(file, work / name, options, begin)
                found.append(result if isinstance(result, str) else thinning.samples(result))
                shutil.rmtree(work / name)
            if found[0] != found[1]:
                return f"the MP3 of the sound differs with the options {options}"
        print(f"{source}: the same, {share:.0%} of the size", flush=True)
    return None


def through(person: Person) -> Converter:
    """Uses the upload API."""

    def convert(source: Path, folder: Path) -> Path | str:
        answer = person.upload(source)
        if answer.status_code != 202:
            return f"{answer.status_code}: {answer.text}"
        job = person.waits_for(str(answer.json()["video_fid"]), seconds=3600)
        if job["status"] != "completed":
            return str(job.get("error"))
        path = folder / "downloaded.mp3"
        path.write_bytes(person.download(job["mp3_fid"]).content)
        return path

    return convert


def seconds(path: Path) -> float | None:
    """The length of the first audio track, as ffmpeg decodes it; None if it decodes nothing."""
    command = [binary(), "-nostdin", "-v", "quiet", "-i", f"file:{path}", "-map", "0:a:0"]
    command += ["-ac", "1", "-ar", str(RATE), "-f", "s16le", "-"]
    size = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        while data := process.stdout.read(1 << 20):
            size += len(data)
    return size / 2 / RATE if size else None


def difference(source: Path, convert: Converter) -> str | None:
    """The difference from ffmpeg's decoding, None if there is none."""
    expected = seconds(source)
    with tempfile.TemporaryDirectory() as folder:
        result = convert(source, Path(folder))
        if isinstance(result, str):
            return None if expected is None else f"ffmpeg decodes {expected:.2f} s, the job failed: {result}"
        found = seconds(result) or 0.0
    if expected is None:
        return f"ffmpeg decodes nothing, the MP3 has {found:.2f} s"
    # A longer MP3 has silence in gaps, or sound of another track or link.
    return None if abs(found - expected) <= TOLERANCE else f"ffmpeg decodes {expected:.2f} s, the MP3 has {found:.2f} s"


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description="Compares conversions of a folder's files with ffmpeg's decoding.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--direct", action="store_true", help="run the transcoder instead of using a running stack")
    parser.add_argument("--thin", action="store_true", help="compare with the MP3 of the sound only")
    arguments = parser.parse_args()
    compare = thinned if arguments.thin else lambda path: difference(path, convert)
    if arguments.direct or arguments.thin:
        convert: Converter = direct
    else:
        state = os.environ.get("V2M_STACK")
        if not state:
            parser.error("set V2M_STACK, or use --direct")
        stack = Stack.open(state)
        convert = through(Person(stack.url("gateway"), Path(stack.environment["MAILDIR"])).joins())
    files = sorted(path for path in arguments.folder.rglob("*") if path.is_file())
    differ = 0
    for path in files:
        if found := compare(path):
            differ += 1
            print(f"{path}: {found}", flush=True)
    print(f"{len(files)} files, {differ} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
