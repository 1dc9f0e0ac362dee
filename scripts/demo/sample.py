"""`python -m scripts.demo.sample FILE`: makes a short video with a test picture and a tune."""

import subprocess
import sys

import imageio_ffmpeg

_SECONDS = 20
# Two notes a second up the circle of fifths from A3, each plucked; and a bass an octave lower at half the pace.
_TUNE = (
    "0.35*sin(2*PI*t*220*pow(2,mod(floor(2*t)*7,12)/12))*exp(-3*mod(t,0.5))"
    "+0.25*sin(2*PI*t*110*pow(2,mod(floor(t)*7,12)/12))*exp(-1.5*mod(t,1))"
).replace(",", "\\,")


def make(path: str) -> None:
    """Writes the video to `path`. Raises CalledProcessError when ffmpeg fails."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error", "-nostdin",
        "-f", "lavfi", "-i", f"testsrc2=size=640x360:rate=24:duration={_SECONDS}",
        "-f", "lavfi", "-i", f"aevalsrc=exprs={_TUNE}:s=44100:duration={_SECONDS}",
        "-c:v", "mpeg4", "-q:v", "5", "-c:a", "aac", "-b:a", "128k", path,
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=120)


if __name__ == "__main__":
    make(sys.argv[1])
