"""`python -m scripts.demo.verify VIDEO MP3`: checks that the MP3 is valid and as long as the video's sound."""

import re
import subprocess
import sys
from typing import Any

import imageio_ffmpeg
from mutagen import MutagenError
from mutagen.mp3 import MP3

# Seconds. Encoders pad to whole frames, and a video's sound may begin a little late.
_TOLERANCE = 0.5


def sound_length(path: str) -> float:
    """The length of the first sound track in seconds, by reading it through. Raises ValueError when there is none."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-i", path, "-map", "0:a:0", "-f", "null", "-"]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=600, check=False)
    times = re.findall(r"time=(\d+):(\d+):(\d+(?:\.\d+)?)", result.stderr)
    if result.returncode != 0 or not times:
        raise ValueError(f"{path} has no sound that can be read")
    hours, minutes, seconds = times[-1]
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def main() -> int:
    video, mp3 = sys.argv[1:3]
    try:
        wanted = sound_length(video)
        found: Any = MP3(mp3).info  # type: ignore[no-untyped-call]
    except (ValueError, MutagenError) as error:
        print(f"Invalid MP3: {error}", file=sys.stderr)
        return 1
    print(
        f"MPEG layer {found.layer}, {found.bitrate // 1000} kbit/s, {found.sample_rate} Hz, {found.length:.2f} s; "
        f"the video's sound is {wanted:.2f} s."
    )
    if found.layer != 3 or abs(found.length - wanted) > _TOLERANCE:
        print("The MP3 does not match the video.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
