"""The command lines: what ffmpeg is asked to do, and what it may open while doing it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from . import loudness
from .demuxers import DEMUXERS
from .moviepy_parts import binary

# MPEG-1 layer III has the bit rates up to 320 kbit/s; MPEG-2 (below 32 kHz) ends at 160, MPEG-2.5 lower still. 32 kHz
# is left out because encoder delay and padding, up to three frames, would be more than 0.1 s there.
SAMPLE_RATES = (44100, 48000)

# s. Decoders need some packets before they sound right (the bit reservoir of MP3, overlapping blocks), and some
# containers seek to a packet that is a little late.
PREROLL = 2.0

# Pixels. What players show, and small beside the sound.
COVER_SIZE = 600

# How much of a file ffmpeg may read to find its tracks: a track that starts late is found late.
PROBE_BYTES = 50_000_000
PROBE_MICROSECONDS = 30_000_000


def _ffmpeg(level: str, source: int, *, seek: float = 0.0) -> list[str]:
    """ffmpeg with one input, the descriptor `source`: no name that a playlist inside could be relative to.

    It is read from `seek` seconds on; what it writes then starts at 0.
    """
    return [
        binary(),
        "-nostdin",
        "-hide_banner",
        "-nostats",
        *("-loglevel", level),
        *("-protocol_whitelist", "fd"),
        *("-format_whitelist", ",".join(DEMUXERS)),
        *("-probesize", str(PROBE_BYTES)),
        *("-analyzeduration", str(PROBE_MICROSECONDS)),
        *("-threads", "1"),
        *(("-ss", f"{seek:.6f}") if seek else ()),
        *("-fd", str(source)),
        *("-i", "fd:"),
    ]


def listing(source: int) -> list[str]:
    """Lists what is in the file on stderr; ends with code 1 for want of an output."""
    return _ffmpeg("info", source)


def measuring(source: int, stream: int | None) -> list[str]:
    """Reads the packets of one stream, or of all, without decoding: its progress says where they end."""
    which = "0" if stream is None else f"0:{stream}"
    return [
        *_ffmpeg("error", source),
        *("-map", which, "-c", "copy", "-ignore_unknown"),
        *("-progress", "pipe:1"),
        *("-f", "null", "-"),
    ]


@dataclass(frozen=True)
class Piece:
    """The part of one track that is wanted."""

    stream: int | str
    """The track's number among all of the file's tracks, or `a:` and that among its tracks of sound, from 0."""
    start: float = 0.0
    """Seconds from the file's start."""
    length: float | None = None
    """Seconds; `None` is to the end."""
    fill_gaps: bool = False
    """Whether to put silence where the time stamps leave a gap (> 0.1 s)."""

    @property
    def ahead(self) -> float:
        """Seconds that are decoded before the start and dropped."""
        return min(self.start, PREROLL)


@dataclass(frozen=True)
class Encoding:
    """How the MP3 is made."""

    bitrate: int | None
    """kbit/s, constant; `None` for a variable bit rate of `quality`."""
    quality: int
    channels: int | None
    """1 or 2; `None` is the source's, at most 2."""
    sample_rate: int
    """Hertz: one of MPEG-1's."""
    tags: Mapping[str, str]
    max_seconds: float
    max_bytes: int


def measuring_loudness(source: int, piece: Piece) -> list[str]:
    """Decodes the piece and says at the end, as JSON on stderr, how loud it is."""
    return [
        *_ffmpeg("info", source, seek=piece.start - piece.ahead),
        *("-map", f"0:{piece.stream}"),
        *_filters(piece, loudness.MEASURE),
        *_duration(piece, None),
        *("-stats_period", "0.25", "-progress", "pipe:1"),
        *("-f", "null", "-"),
    ]


def encoding(
    source: int, piece: Piece, target: Path, how: Encoding, level: str | None = None, *, turn: slice = slice(None)
) -> list[str]:
    """Encodes the piece as an MP3; `level` is the filter that changes its loudness.

    `turn` is the samples that are wanted, of those that the encoder would get. All that comes before them is decoded
    too: a decoder that begins in the middle does not give the same samples.
    """
    return [
        *_ffmpeg("warning", source, seek=piece.start - piece.ahead),
        *("-map", f"0:{piece.stream}"),
        *_filters(piece, level, *(() if turn == slice(None) else _counted(piece, how, turn))),
        *(("-ac", str(how.channels)) if how.channels else ()),
        *_duration(piece, how.max_seconds),
        *_mp3(how, target),
    ]


def _counted(piece: Piece, how: Encoding, turn: slice) -> Iterator[str]:
    """What `-ac`, `-ar` and `-t` do, so that it is done before the samples are counted; and the counting."""
    # LAME takes no more than two channels.
    layouts = {1: "mono", 2: "stereo"}.get(how.channels or 0, "mono|stereo")
    yield f"aformat=sample_rates={how.sample_rate}:channel_layouts={layouts}"
    if piece.length is not None:
        yield f"atrim=duration={piece.length:.6f}"
    end = "" if turn.stop is None else f":end_sample={turn.stop}"
    yield f"atrim=start_sample={turn.start}{end}"


def _mp3(how: Encoding, target: Path) -> tuple[str, ...]:
    """The output of an encoder."""
    rate = ("-q:a", str(how.quality)) if how.bitrate is None else ("-b:a", f"{how.bitrate}k")
    return (
        *("-c:a", "libmp3lame", *rate, "-ar", str(how.sample_rate)),
        *("-map_metadata", "-1", "-map_chapters", "-1", "-id3v2_version", "3", *_metadata(how.tags)),
        *("-fs", str(how.max_bytes)),
        *("-stats_period", "0.25", "-progress", "pipe:1"),
        *("-f", "mp3", "-y", f"file:{target}"),
    )


def _metadata(tags: Mapping[str, str]) -> Iterator[str]:
    for name, value in tags.items():
        yield from ("-metadata", f"{name}={value}")


def copying(source: int, stream: int | str, name: str, tags: Mapping[str, str]) -> list[str]:
    """Copies a track of MP3 into an MP3 of that name, and lists its packets on stdout (`converter.copied_packets`).

    One thread writes both: with one for each, all of it takes twice as long.
    """
    return [
        *_ffmpeg("warning", source),
        *("-map", f"0:{stream}", "-c", "copy", "-map_metadata", "-1", "-map_chapters", "-1", *_metadata(tags)),
        *("-f", "tee", "-y", f"[f=mp3:id3v2_version=3]{name}|[f=framecrc:flush_packets=0]pipe\\:1"),
    ]


def frame(source: int, at: float, target: Path) -> list[str]:
    """Writes the picture at that time as a JPEG of at most COVER_SIZE pixels a side, or nothing when there is none."""
    return [
        *_ffmpeg("error", source, seek=at),
        *("-map", "0:v:0", "-an", "-sn", "-dn"),
        *("-vf", f"scale=w='min({COVER_SIZE},iw)':h='min({COVER_SIZE},ih)':force_original_aspect_ratio=decrease"),
        *("-frames:v", "1", "-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"),
        *("-progress", "pipe:1", "-f", "image2", "-update", "1", "-y", f"file:{target}"),
    ]


def _filters(piece: Piece, level: str | None, *more: str) -> tuple[str, ...]:
    # async=1: insert silence, never stretch.
    chain = [
        *([f"atrim=start={piece.ahead:.6f}", f"asetpts=PTS-{piece.ahead:.6f}/TB"] if piece.ahead else []),
        *(["aresample=async=1"] if piece.fill_gaps else []),
        *([level] if level else []),
        *more,
    ]
    return ("-filter:a", ",".join(chain)) if chain else ()


def _duration(piece: Piece, limit: float | None) -> tuple[str, ...]:
    lengths = [length for length in (piece.length, limit) if length is not None]
    return ("-t", f"{min(lengths):.6f}") if lengths else ()


def output_rate(rate: int | None) -> int:
    """The source's own rate if possible, else the one that its family of rates divides or is divided by."""
    if rate in SAMPLE_RATES:
        return rate
    return 48000 if rate and rate % 8000 == 0 else 44100
