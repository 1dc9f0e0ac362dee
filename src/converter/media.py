"""What is in a file: its container, its tracks and its tags, as ffmpeg lists them and moviepy reads them."""

import re
from dataclasses import dataclass
from typing import Any

from common.errors import PermanentError

from . import moviepy_parts

NOT_A_VIDEO = "This file is not a video or audio file that can be converted"
INCOMPLETE = "This video is incomplete: its index is missing, as after an upload or recording that broke off"

# What ffmpeg says about an MP4 whose index is not there, or cut.
NO_INDEX = ("moov atom not found", "reached eof", "error reading header")

# Containers that write no length: what ffmpeg lists is measured, so it promises nothing; and whose times ffmpeg counts
# from the first track that is used (AVFMT_TS_DISCONT in libavformat).
MEASURED = frozenset({"mpegts", "mpeg", "ogg", "nut"})

# ffmpeg's name for the demuxer of MP4 and QuickTime.
MP4 = "mov,mp4,m4a,3gp,3g2,mj2"


@dataclass(frozen=True)
class Container:
    """What holds the tracks. All times are in seconds."""

    name: str
    """ffmpeg's name of the demuxer."""
    duration: float | None
    """As a header has it; `None` when ffmpeg had to measure or guess it."""
    start: float
    """The first time stamp of the file."""


@dataclass(frozen=True)
class Sound:
    """The track to convert."""

    stream: int
    """Its number among all of the file's tracks."""
    alone: int | None
    """In an MP4 its number among the tracks of sound, from 0, if the others may be gone; None if they matter to it."""
    sample_rate: int | None
    """Hertz."""
    late: float
    """Seconds that it starts after the file, as ffmpeg counts them."""
    frame: float
    """Seconds that a picture of the file lasts, 0 without pictures."""
    tags: dict[str, str]
    """The file's own, and the track's except for its title."""


def container(listing: str) -> Container:
    """What ffmpeg took the file for; raises `PermanentError` when it knows no such container."""
    header = re.search(r"^Input #0, (\S+), from ", listing, re.MULTILINE)
    if header is None:
        raise PermanentError(INCOMPLETE if any(sign in listing for sign in NO_INDEX) else NOT_A_VIDEO)
    length = re.search(r"^  Duration: (\d+):(\d\d):(\d\d\.\d+)", listing, re.MULTILINE)
    start = re.search(r"^  Duration: .*, start: (-?\d+\.\d+)", listing, re.MULTILINE)
    promised = header[1] not in MEASURED and "Estimating duration from bitrate" not in listing
    return Container(
        name=header[1],
        duration=int(length[1]) * 3600 + int(length[2]) * 60 + float(length[3]) if length and promised else None,
        start=float(start[1]) if start else 0.0,
    )


@dataclass(frozen=True)
class Chapter:
    """A part of the video that has a name of its own."""

    start: float
    end: float
    title: str


def sound(listing: str, where: Container, track: int | None = None) -> Sound:
    """The `track`-th audio track (from 1), by default the default track, else the first.

    Raises `PermanentError` when there is no such track, or no sound that can be decoded.
    """
    lines = _relevant(listing)
    # A transport stream's are listed once for each program that has them.
    audio = list(dict.fromkeys(line for line in lines if ": Audio: " in line and line.startswith("  Stream ")))
    if not audio:
        raise PermanentError("This video has no audio track, so there is nothing to convert")
    chosen = _chosen(audio, track)
    parsed = moviepy_parts.parse("\n".join(lines))
    stream = _number(chosen)
    tracks: list[dict[str, Any]] = parsed["inputs"][0]["streams"]
    found = next(one for one in tracks if one["stream_number"] == stream)
    rate = found["fps"]
    begin = _begin(chosen)
    late = begin - max(where.start, 0.0) if where.name not in MEASURED else 0.0
    # Times are counted from the first track. And ffmpeg may have tracks that it does not list.
    alone = where.name == MP4 and begin <= where.start and _all_listed(listing)
    return Sound(
        stream=stream,
        alone=[_number(line) for line in audio].index(stream) if alone else None,
        sample_rate=rate if isinstance(rate, int) else None,
        late=max(0.0, late),
        frame=1 / parsed["video_fps"] if parsed.get("video_fps") else 0.0,
        tags={**_own_tags(found.get("metadata", {}), where), **parsed["metadata"]},
    )


def _own_tags(metadata: dict[str, str], where: Container) -> dict[str, str]:
    """A track's tags. Its title is the track's name, such as "Commentary"; but Ogg has no other place for titles."""
    if where.name == "ogg":
        return metadata
    return {name: value for name, value in metadata.items() if name.casefold() != "title"}


def _number(line: str) -> int:
    """A track's, among all of the file's."""
    return int(line.split(":")[1])


def _all_listed(listing: str) -> bool:
    """Whether the tracks have all numbers from 0 on, in their order."""
    numbers = re.findall(r"^  Stream #0:(\d+)", listing, re.MULTILINE)
    return list(map(int, numbers)) == list(range(len(numbers)))


def _begin(line: str) -> float:
    """A track's first time stamp, in seconds; ffmpeg lists none that is 0."""
    begin = re.search(r", start (-?\d+\.\d+)", line)
    return float(begin[1]) if begin else 0.0


def _chosen(audio: list[str], track: int | None) -> str:
    if track is not None:
        if track > len(audio):
            raise PermanentError(
                f"This video has no audio track {track}: it has {len(audio)}. Choose another one and convert it again"
            )
        audio = [audio[track - 1]]
    decodable = [line for line in audio if ": Audio: none" not in line]
    if not decodable:
        raise PermanentError("This video's sound is of a kind that cannot be decoded")
    # ffmpeg itself would take the track with the most channels: a commentary may have more than the film.
    return next((line for line in decodable if "(default)" in line), decodable[0])


def chapters(listing: str) -> list[Chapter]:
    """The file's chapters, in their order; those without a title get their number.

    What a title contains cannot be taken for a line of the listing: ffmpeg writes its further lines indented.
    """
    found: list[Chapter] = []
    for line in listing.split("\n"):
        if begin := re.match(r" {4}Chapter #\d+:\d+: start (-?\d+\.\d+), end (-?\d+\.\d+)", line):
            start, end = max(0.0, float(begin[1])), float(begin[2])
            found.append(Chapter(start, end, f"Chapter {len(found) + 1}"))
        elif line.startswith("  Stream #"):
            break
        elif found and (title := re.match(r" {8}title {11}: (.+)", line, re.IGNORECASE)):
            found[-1] = Chapter(found[-1].start, found[-1].end, title[1])
    return found


def _relevant(listing: str) -> list[str]:
    """The lines about the file and its audio tracks, and one about pictures; each track as `Stream #0:1: Audio: ...`.

    Everything else is left out, because moviepy's parser stumbles over what it does not know: subtitles, attachments,
    chapters, languages such as `en-US`, pictures without a rate. Lines end at line feeds only: a tag may contain what
    `str.splitlines` takes for the end of a line.
    """
    kept: list[str] = []
    inside = False
    for raw in listing.split("\n"):
        line = "".join(character if character.isprintable() else " " for character in raw)
        if not line.startswith("    "):
            stream = re.match(r"(  Stream #\d+:\d+).*?: (Audio: .*|Video: .* \d+\.?\d* fps, .*)", line)
            inside = line.startswith("  Metadata:") or (stream is not None and stream[2].startswith("Audio"))
            if stream:
                kept.append(f"{stream[1]}: {stream[2]}")
            elif inside or line.startswith(("Input #", "  Duration: ")):
                kept.append(line)
        # "    key : value" of a tag, or another line of it, whose key is empty.
        elif inside and (line.startswith("    Metadata:") or re.match(r" {4,6}\S* *: ", line)):
            kept.append(line)
    return kept
