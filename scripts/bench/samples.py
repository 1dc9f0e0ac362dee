"""The files that are measured with: made by ffmpeg once, kept in `.local/bench`."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from converter.ffmpeg import binary
from scripts.stack.state import ROOT

CACHE = ROOT / ".local" / "bench"

# Seconds that longer files repeat; long enough that no encoder profits.
_BASE = 60
# A melody of two voices with some noise: speech and music keep an encoder as busy.
_TUNE = (
    "0.3*sin(2*PI*t*220*pow(2,mod(floor(3*t)*7,24)/12))*exp(-2*mod(t,1/3))+0.05*(random(0)-0.5)"
    "|0.3*sin(2*PI*t*(330+30*sin(t)))+0.05*(random(1)-0.5)"
)
_PICTURE = "testsrc2=size=640x360:rate=25:duration={},noise=alls=20:allf=t"


def mp4(seconds: int, kilobits: int = 2500) -> Path:
    """An MP4 with H.264 of that bit rate and AAC, its index at the end, as cameras and editors write it."""
    if seconds <= _BASE:
        return _make(
            f"{seconds}s-{kilobits}k.mp4", [*_inputs(seconds), *_h264(kilobits), "-c:a", "aac", "-b:a", "128k"]
        )
    # Only the picture is repeated: repeated AAC has a gap each time, as its last packet is not full.
    again = ["-stream_loop", str(-(-seconds // _BASE) - 1), "-i", str(mp4(_BASE, kilobits))]
    tracks = ["-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", "-b:a", "128k", "-t", str(seconds)]
    return _make(f"{seconds}s-{kilobits}k.mp4", [*again, *_sound(seconds), *tracks])


def camera(seconds: int) -> Path:
    """An MP4 of 12 Mbit/s whose sound comes a second at a time between the pictures."""
    base = mp4(min(seconds, _BASE), 12_000)
    arguments = ["-stream_loop", str(-(-seconds // _BASE) - 1), "-i", str(base), "-c", "copy"]
    return _make(f"{seconds}s-camera.mp4", [*arguments, "-chunk_duration", "1000000"])


def matroska(seconds: int) -> Path:
    return _make(f"{seconds}s.mkv", ["-i", str(mp4(seconds)), "-c", "copy"])


def webm(seconds: int) -> Path:
    base = f"{min(seconds, _BASE)}s-picture.webm"
    vp8 = ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "16", "-b:v", "2500k"]
    picture = _make(base, [*_inputs(min(seconds, _BASE)), *vp8, "-an"])
    # Only the picture is repeated: repeated Opus has a gap each time, as its first samples are dropped.
    again = ["-stream_loop", str(-(-seconds // _BASE) - 1), "-i", str(picture)]
    return _make(f"{seconds}s.webm", [*again, *_sound(seconds), "-c:a", "libopus", "-c:v", "copy", "-shortest"])


def tone() -> Path:
    """A second of sound: what is left of a job is everything but the conversion."""
    return _make("tone.m4a", ["-f", "lavfi", "-i", "aevalsrc='0.3*sin(2*PI*440*t)':s=44100:d=1", "-c:a", "aac"])


def noise(megabytes: int) -> Path:
    """Bytes that nothing can compress."""
    path = CACHE / f"{megabytes}mb.bin"
    if not path.exists() or path.stat().st_size != megabytes * 1_000_000:
        CACHE.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            subprocess.run(["head", "-c", str(megabytes * 1_000_000), "/dev/urandom"], stdout=file, check=True)
    return path


def _inputs(seconds: int) -> list[str]:
    return ["-f", "lavfi", "-i", _PICTURE.format(seconds), *_sound(seconds)]


def _sound(seconds: int) -> list[str]:
    return ["-f", "lavfi", "-i", f"aevalsrc='{_TUNE}':s=48000:d={seconds}"]


def _h264(kilobits: int) -> list[str]:
    rate = f"{kilobits}k"
    # Filled up to the bit rate: a test picture compresses better than the world.
    constant = ["-b:v", rate, "-minrate", rate, "-maxrate", rate, "-bufsize", rate, "-x264-params", "nal-hrd=cbr"]
    return ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "50", *constant]


def _make(name: str, arguments: Sequence[str]) -> Path:
    path = CACHE / name
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        draft = CACHE / f"new-{name}"
        command = [binary(), "-nostdin", "-v", "error", "-y", *arguments, str(draft)]
        subprocess.run(command, check=True, timeout=3600)
        draft.rename(path)
    return path
