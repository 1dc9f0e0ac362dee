"""What is in a file: its container, its tracks, its tags and chapters, as ffmpeg lists them on stderr.

moviepy's ffmpeg comes without ffprobe. The listing is read line by line, in time that is linear in its length.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from common.errors import Failure, PermanentError

NOT_A_VIDEO = "This file is not a video or audio file that can be converted."
INCOMPLETE = "This video is incomplete: its index is missing. The upload or the recording may have been interrupted."
NO_AUDIO = "This video has no audio track, so there is nothing to convert."
NO_SOUND = "The audio track of this video is empty or damaged."
UNDECODABLE = "The audio codec of this video is not supported."

# ffmpeg's messages about an MP4 whose index is missing or cut.
NO_INDEX = ("moov atom not found", "reached eof", "error reading header")

# ffmpeg's names for the demuxers of MP4 and QuickTime, and of transport streams.
MP4 = "mov,mp4,m4a,3gp,3g2,mj2"
MPEG_TS = "mpegts"


@dataclass(frozen=True)
class Container:
    """The file as a whole. All times are in seconds."""

    name: str
    """ffmpeg's name of the demuxer."""
    duration: float | None
    """As ffmpeg lists it, from a header or a guess: a hint, never a limit. It counts from 0, not from `start`."""
    start: float
    """The first time stamp of the file."""
    frame: float = 0.0
    """How long a picture of the file lasts, 0 without pictures."""
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Track:
    number: int
    """Among the tracks of sound, from 1."""
    stream: int
    """Among all of the file's tracks, from 0."""
    codec: str
    """ffmpeg's name; `none` when it knows none."""
    sample_rate: int | None
    """Hertz."""
    layout: str
    """ffmpeg's description of the channels."""
    default: bool
    begin: float
    """Its first time stamp in seconds, as far as ffmpeg looked; 0 where it lists none."""
    tags: dict[str, str]


@dataclass(frozen=True)
class Chapter:
    """A part of the video that has a title. Times are in seconds."""

    start: float
    end: float
    title: str


def container(listing: str) -> Container:
    """Raises `PermanentError` when ffmpeg does not know the container."""
    name, duration, start, frame = "", None, 0.0, 0.0
    tags: dict[str, str] = {}
    lines = _lines(listing)
    while lines:
        line = lines.popleft()
        if not name:
            if line.startswith("Input #0, "):
                name = line.removeprefix("Input #0, ").partition(", from ")[0]
        elif line.startswith("  Metadata:"):
            tags = _tags(lines, 4)
        elif line.startswith("  Duration: "):
            parts = line.removeprefix("  Duration: ").split(", ")
            duration = _clock(parts[0])
            starts = [part.removeprefix("start: ") for part in parts if part.startswith("start: ")]
            start = _number(starts[0]) if starts else 0.0
        elif line.startswith("  Stream #0:") and ": Video: " in line and not frame:
            rates = [_number(part.removesuffix(" fps")) for part in line.split(", ") if part.endswith(" fps")]
            frame = 1 / rates[0] if rates and rates[0] > 0 else 0.0
    if not name:
        if any(sign in listing for sign in NO_INDEX):
            raise PermanentError(INCOMPLETE, Failure.INCOMPLETE)
        raise PermanentError(NOT_A_VIDEO, Failure.NOT_A_VIDEO)
    return Container(name, duration, start, frame, tags)


def tracks(listing: str) -> list[Track]:
    """The tracks of sound, in their order; a track that several programs have counts once."""
    found: dict[int, Track] = {}
    lines = _lines(listing)
    track: Track | None = None
    while lines:
        line = lines.popleft()
        if line.startswith("  Stream #0:"):
            track = _track(line, len(found) + 1)
            if track is None or track.stream in found:
                track = None
            else:
                found[track.stream] = track
        elif not line.startswith("    "):
            track = None
        elif line.startswith("    Metadata:") and track is not None:
            track.tags.update(_tags(lines, 6))
    return list(found.values())


def candidates(found: Sequence[Track], wanted: int | None) -> list[Track]:
    """The tracks to try, the best first: only the wanted one, or the default one and then the others in their order.

    Raises `PermanentError` when there is none, or no track of the wanted number.
    """
    if not found:
        raise PermanentError(NO_AUDIO, Failure.NO_AUDIO)
    if wanted is not None:
        if wanted > len(found):
            raise PermanentError(
                f"This video has no audio track {wanted}: it has {len(found)}. Choose another one and try again.",
                Failure.NO_SUCH_TRACK,
            )
        return [found[wanted - 1]]
    # ffmpeg itself would take the track with the most channels: a commentary may have more than the film.
    best = next((track for track in found if track.default), found[0])
    return [best, *(track for track in found if track is not best)]


def chapters(listing: str) -> list[Chapter]:
    """The file's chapters, in their order; those without a title are named by their number.

    A title cannot imitate a line of the listing, because ffmpeg indents its further lines.
    """
    found: list[Chapter] = []
    for line in listing.split("\n"):
        if line.startswith("    Chapter #"):
            span = line.partition(": start ")[2].split(", end ")
            if len(span) == 2:
                found.append(Chapter(max(0.0, _number(span[0])), _number(span[1]), f"Chapter {len(found) + 1}"))
        elif line.startswith("  Stream #"):
            break
        elif found and line[:20].rstrip().casefold() == "        title" and line[24:26] == ": " and line[26:]:
            found[-1] = Chapter(found[-1].start, found[-1].end, line[26:])
    return found


def _track(line: str, number: int) -> Track | None:
    """A track of sound, from `  Stream #0:1[0x2](und): Audio: aac (LC), 48000 Hz, stereo, fltp (default)`."""
    head, found, described = line.partition(": Audio: ")
    digits = head.removeprefix("  Stream #0:").partition("[")[0].partition("(")[0]
    stream = _integer(digits)
    if not found or stream is None:
        return None
    parts = described.split(", ")
    rate, layout = None, ""
    for one, following in zip(parts, [*parts[1:], ""], strict=True):
        if one.endswith(" Hz"):
            rate, layout = _integer(one.removesuffix(" Hz")), following
            break
    codec = parts[0].partition(" ")[0]
    starts = [_number(part.removeprefix("start ")) for part in parts if part.startswith("start ")]
    return Track(number, stream, codec, rate, layout, " (default)" in described, starts[0] if starts else 0.0, {})


def _lines(listing: str) -> deque[str]:
    """The lines, in which a space replaces each character that is not printable.

    They end at line feeds only: a tag may contain other characters at which `str.splitlines` divides.
    """
    return deque(
        line if line.isprintable() else "".join(one if one.isprintable() else " " for one in line)
        for line in listing.split("\n")
    )


def _tags(lines: deque[str], indent: int) -> dict[str, str]:
    """Takes the tags from the beginning of the lines; the further lines of a tag have an empty name."""
    found: dict[str, list[str]] = {}
    name = ""
    while lines and lines[0].startswith(" " * indent):
        key, colon, value = lines.popleft()[indent:].partition(": ")
        if not colon or (key.startswith(" " * 3) and key.strip()):
            continue
        if key.strip():
            name = key.strip()
            found.setdefault(name, []).append(value)
        elif name:
            found[name].append(value)
    return {key: "\n".join(values).strip() for key, values in found.items()}


def _clock(text: str) -> float | None:
    """Seconds of `hh:mm:ss.ff`."""
    hours, _, rest = text.partition(":")
    minutes, colon, seconds = rest.partition(":")
    known = _integer(hours), _integer(minutes)
    if not colon or known[0] is None or known[1] is None:
        return None
    return known[0] * 3600 + known[1] * 60 + _number(seconds)


def _integer(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _number(text: str) -> float:
    """A decimal number at the beginning of the text, 0 without one."""
    end = 1 if text.startswith("-") else 0
    while end < min(len(text), 40) and (text[end].isdecimal() or text[end] == "."):
        end += 1
    try:
        return float(text[:end])
    except ValueError:
        return 0.0
