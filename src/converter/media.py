"""What is in a file: its container, its tracks and its tags, as ffmpeg lists them and moviepy reads them."""

import re
from dataclasses import dataclass, field
from typing import Any

from common.errors import PermanentError

from . import moviepy_parts

NOT_A_VIDEO = "This file is not a video or audio file that can be converted"
INCOMPLETE = "This video is incomplete: its index is missing, as after an upload or recording that broke off"

# Containers that write no length: what ffmpeg lists is measured, so it promises nothing; and whose times ffmpeg counts
# from the first track that is used (AVFMT_TS_DISCONT in libavformat).
MEASURED = frozenset({"mpegts", "mpeg", "ogg", "nut"})


@dataclass(frozen=True)
class Media:
    """A file with sound. All times are in seconds."""

    container: str
    """ffmpeg's name of the demuxer."""
    stream: int
    """The number of the track to convert among all of the file's."""
    sample_rate: int | None
    duration: float | None
    """As ffmpeg lists it: read from a header, or measured or estimated where there is none."""
    start: float
    """The first time stamp of the file."""
    late: float
    """How much later the sound's first one is."""
    frame: float
    """The duration of a picture, 0 without pictures."""
    estimated: bool
    """Whether the duration is only a guess from the bit rate."""
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def measured(self) -> bool:
        """Whether the container has no header that could promise a length."""
        return self.container in MEASURED


def read(listing: str) -> Media:
    """Reads ffmpeg's listing; raises `PermanentError` for what is no video or has no sound that can be decoded."""
    header = re.search(r"^Input #0, (\S+), from ", listing, re.MULTILINE)
    if header is None:
        raise PermanentError(INCOMPLETE if _is_incomplete(listing) else NOT_A_VIDEO)
    lines = _relevant(listing)
    audio = [line for line in lines if " Audio: " in line]
    if not audio:
        raise PermanentError("This video has no audio track, so there is nothing to convert")
    decodable = [line for line in audio if " Audio: none" not in line]
    if not decodable:
        raise PermanentError("This video's sound is of a kind that cannot be decoded")
    # ffmpeg itself would take the track with the most channels: a commentary may have more than the film.
    chosen = next((line for line in decodable if "(default)" in line), decodable[0])
    parsed = moviepy_parts.parse(_for_moviepy(lines))
    stream = int(chosen.split(":")[1])
    streams: list[dict[str, Any]] = parsed["inputs"][0]["streams"]
    track = next(one for one in streams if one["stream_number"] == stream)
    start = parsed.get("start") or 0.0
    duration = next((line for line in lines if line.startswith("  Duration: ")), "")
    rate = track.get("fps")
    return Media(
        container=header[1],
        stream=stream,
        sample_rate=rate if isinstance(rate, int) else None,
        duration=_seconds(duration),
        start=start,
        late=0.0 if header[1] in MEASURED else max(0.0, _start_of(chosen) - max(start, 0.0)),
        frame=1 / parsed["video_fps"] if parsed.get("video_fps") else 0.0,
        estimated="Estimating duration from bitrate" in listing,
        tags={**track.get("metadata", {}), **parsed["metadata"]},
    )


def _is_incomplete(listing: str) -> bool:
    return any(sign in listing for sign in ("moov atom not found", "reached eof", "error reading header"))


def _relevant(listing: str) -> list[str]:
    """The lines about the file and its audio and video tracks; without chapters, programs and side data.

    Split at line feeds only: a tag may contain what `str.splitlines` takes for the end of a line.
    """
    kept: list[str] = []
    inside = False
    for raw in listing.split("\n"):
        line = "".join(character if character.isprintable() else " " for character in raw)
        if line.startswith("Input #"):
            inside = True
            kept.append(line)
        elif not line.startswith("    "):
            head = re.match(r"  (Metadata:|Duration: )|(  Stream #\d+:\d+)\S*: (Audio|Video): ", line)
            inside = head is not None
            if head and head[2]:
                kept.append(f"{head[2]}: {line[head.end(2) :].split(': ', 1)[1]}")
            elif head:
                kept.append(line)
        # "key : value" of a tag; deeper lines are continuations, whose key is empty.
        elif inside and (line.startswith("    Metadata:") or re.match(r" {4,6}\S* *: ", line)):
            kept.append(line)
    return kept


def _for_moviepy(lines: list[str]) -> str:
    return "\n".join(lines)


def _start_of(line: str) -> float:
    found = re.search(r", start (-?\d+\.\d+)", line)
    return float(found[1]) if found else 0.0


def _seconds(line: str) -> float | None:
    found = re.match(r"  Duration: (\d+):(\d\d):(\d\d\.\d+)", line)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None
