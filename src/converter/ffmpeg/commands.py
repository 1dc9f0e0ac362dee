"""The command lines of ffmpeg: what it does with an input, and what it may open."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from converter.ffmpeg import binary
from converter.ffmpeg.inputs import Pcm, Piece, Source

# MPEG-1 layer III has the bit rates up to 320 kbit/s; MPEG-2 (below 32 kHz) ends at 160, MPEG-2.5 lower still. 32 kHz
# is left out because encoder delay and padding, up to three frames, would be more than 0.1 s there.
SAMPLE_RATES = (44100, 48000)
# Pixels. What players show, and small beside the sound.
COVER_SIZE = 600
# s. ffmpeg drops packets whose time stamps differ by more, 30 hours by default; `media.timeline` handles jumps.
_NEVER = 2_000_000_000
# Added to time stamps that are listed as durations, which must not be negative: 21 hours with the finest clock, of MP3.
STAMP_OFFSET = 1 << 40
# A packet's duration is listed below this number: 4.7 s with the finest clock. Doubles count 2^27 packets exactly then.
DURATION_LIMIT = 1 << 26
# What ffmpeg would change, it gets in another field: it raises time stamps that are below an earlier one.
_PACKET_TIMES = f"setts=ts=N*{DURATION_LIMIT}+clip(DURATION\\,0\\,{DURATION_LIMIT - 1}):duration=DTS+{STAMP_OFFSET}"
# Without a write for each packet, the list takes two thirds of the processor time.
_FRAMECRC = ("-f", "framecrc", "-flush_packets", "0", "pipe:1")
# ffmpeg seeks to a picture, where there are pictures. Decoding begins at the same packet without them, because some
# decoders (AAC's noise substitution, AC-3's dither) return other samples otherwise.
_FROM_THERE = ("-bsf:a", "noise=drop=lt(pts\\,0)*not(eq(pts\\,nopts))")
# What ffmpeg writes between the listing of the input and that of the output. A tag cannot imitate it: it is indented.
STREAM_MAPPING = "\nStream mapping:\n"
# EBU R 128 (2023): -23 LUFS, true peaks of at most -1 dBTP. The range (LRA) is the largest that the filter accepts, so
# that it is never a reason to compress: https://ffmpeg.org/ffmpeg-filters.html#loudnorm
_LOUDNESS = "loudnorm=I=-23:TP=-1:LRA=50"
# The filter's option in the second pass: its name in the first pass's result, and the values that the filter accepts.
_MEASURED = {
    "measured_I": ("input_i", -99.0, 0.0),
    "measured_TP": ("input_tp", -99.0, 99.0),
    "measured_LRA": ("input_lra", 0.0, 99.0),
    "measured_thresh": ("input_thresh", -99.0, 0.0),
    "offset": ("target_offset", -99.0, 99.0),
}


@dataclass(frozen=True)
class Encoding:
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


def _ffmpeg(
    level: str, source: Source | Pcm, *, seek: float = 0.0, piece: Piece | None = None, own_clock: bool = False
) -> list[str]:
    """ffmpeg with one input: a descriptor, and no name that a playlist inside could be relative to.

    The input is read from `seek` seconds, or from before the piece; the output then starts at 0. `own_clock` keeps the
    time stamps.
    """
    return [
        binary(),
        "-nostdin",
        "-hide_banner",
        "-nostats",
        *("-loglevel", level),
        *("-threads", "1"),
        *(("-copyts", "-dts_error_threshold", str(_NEVER)) if own_clock else ()),
        *(("-ss", f"{seek:.6f}") if seek else ()),
        *(_position(piece) if piece else ()),
        *source.options,
    ]


def _position(piece: Piece) -> tuple[str, ...]:
    """Where reading begins, and by how much later the sound comes in the output."""
    seek = piece.start - piece.ahead
    if seek > piece.offset:
        return ("-ss", f"{seek - piece.offset:.6f}", *_FROM_THERE)
    later = (piece.offset if piece.late is None else piece.late) - seek
    return ("-itsoffset", f"{later:.6f}") if later > 0 else ()


def listing(source: Source) -> list[str]:
    """Lists what is in the file on stderr; ends with code 1, because there is no output."""
    return _ffmpeg("info", source)


def listing_with_packets(source: Source) -> list[str]:
    """Lists what is in the file on stderr, then `STREAM_MAPPING`, and the packets of the first track on stdout."""
    return [*_ffmpeg("info", source, own_clock=True), *_packets("a:0"), "-map_metadata", "-1", *_FRAMECRC]


def packets(source: Source, stream: int) -> list[str]:
    """Lists the packets of a track on stdout (`converter.media.packets`), without decoding.

    The duration of a packet is its time stamp plus `STAMP_OFFSET`; its time stamp is its number times `DURATION_LIMIT`
    plus its duration.
    """
    return [*_ffmpeg("warning", source, own_clock=True), *_packets(stream), *_FRAMECRC]


def copying(source: Source, stream: int, name: str, tags: Mapping[str, str]) -> list[str]:
    """Lists the packets as `packets` does, and copies them into an MP3 of that name.

    One thread writes both: with one thread for each, the command takes twice as long. If the MP3 cannot be written,
    the log says so (`Slave muxer`) and the list is complete.
    """
    return [
        *_ffmpeg("warning", source, own_clock=True),
        *_packets(stream),
        *("-map_metadata", "-1", "-map_chapters", "-1", *_metadata(tags)),
        *("-f", "tee", "-y", f"[f=mp3:id3v2_version=3:onfail=ignore]{name}|[f=framecrc:flush_packets=0]pipe\\:1"),
    ]


def _packets(stream: int | str) -> tuple[str, ...]:
    return ("-map", f"0:{stream}", "-c", "copy", "-bsf:a", _PACKET_TIMES)


def measuring(source: Source) -> list[str]:
    """Reads the packets of all tracks without decoding: its progress says where they end."""
    return [
        *_ffmpeg("error", source),
        *("-map", "0", "-c", "copy", "-ignore_unknown"),
        *("-progress", "pipe:1"),
        *("-f", "null", "-"),
    ]


def decoding(source: Source, piece: Piece, shape: Pcm, stamps: int) -> list[str]:
    """Writes all samples of a track to stdout, in the shape of `Pcm`, and a line for each frame to `stamps`.

    The line has framecrc's form. Its size is the samples' in bytes, its duration the frame's time stamp, in samples,
    plus `STAMP_OFFSET`: ffmpeg would change time stamps that go back.
    """
    return [
        *_ffmpeg("warning", source, own_clock=True),
        *("-map", f"0:{piece.stream}"),
        *_chain(piece.mix),
        *("-c:a", "pcm_f32le", "-ar", str(shape.rate), "-ac", str(shape.channels)),
        *("-bsf:a", f"setts=ts=N:duration=PTS+{STAMP_OFFSET}", "-flush_packets", "1"),
        *("-f", "tee", f"[f=f32le]pipe:1|[f=framecrc:flush_packets=1]pipe:{stamps}"),
    ]


def measuring_loudness(source: Source | Pcm, piece: Piece) -> list[str]:
    """Decodes the piece and writes its loudness on stderr, for `loudness_correction`."""
    return [
        *_ffmpeg("info", source, piece=piece),
        *("-map", f"0:{piece.stream}"),
        *_filters(piece, f"{_LOUDNESS}:print_format=json"),
        *_duration(piece, None),
        *("-stats_period", "0.25", "-progress", "pipe:1"),
        *("-f", "null", "-"),
    ]


def loudness_correction(log: str) -> str | None:
    """The filter that normalises the loudness, from the log of `measuring_loudness`; None for silence."""
    start, end = log.rfind("{"), log.rfind("}")
    try:
        found = json.loads(log[start : end + 1])
        values = {name: float(found[key]) for name, (key, _, _) in _MEASURED.items()}
    except (ValueError, KeyError, TypeError):
        return None
    for name, (_, least, most) in _MEASURED.items():
        if not math.isfinite(values[name]) or not least <= values[name] <= most:
            return None
    measured = ":".join(f"{name}={value:.2f}" for name, value in values.items())
    return f"{_LOUDNESS}:{measured}:linear=true"


def encoding(
    source: Source | Pcm,
    piece: Piece,
    target: Path,
    how: Encoding,
    level: str | None = None,
    *,
    section: slice = slice(None),
) -> list[str]:
    """Encodes the piece as an MP3; `level` is the filter that changes its loudness.

    `section` selects from the samples that the encoder would get. The samples before it are decoded too, because a
    decoder that starts in the middle returns other samples.
    """
    return [
        *_ffmpeg("warning", source, piece=piece),
        *("-map", f"0:{piece.stream}"),
        *_filters(piece, level, *(() if section == slice(None) else _counted(piece, how, section))),
        *(("-ac", str(how.channels)) if how.channels else ()),
        *_duration(piece, how.max_seconds),
        *_mp3(how, target),
    ]


def _counted(piece: Piece, how: Encoding, section: slice) -> Iterator[str]:
    """Filters that do what `-ac`, `-ar` and `-t` do, so that it is done before the samples are counted."""
    # LAME takes no more than two channels.
    layouts = {1: "mono", 2: "stereo"}.get(how.channels or 0, "mono|stereo")
    yield f"aformat=sample_rates={how.sample_rate}:channel_layouts={layouts}"
    if piece.length is not None:
        yield f"atrim=duration={piece.length:.6f}"
    end = "" if section.stop is None else f":end_sample={section.stop}"
    yield f"atrim=start_sample={section.start}{end}"


def _mp3(how: Encoding, target: Path) -> tuple[str, ...]:
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


def frame(source: Source, at: float, target: Path) -> list[str]:
    """Writes the picture at that time as a JPEG of at most COVER_SIZE pixels a side, or nothing when there is none."""
    return [
        *_ffmpeg("error", source, seek=at),
        *("-map", "0:v:0", "-an", "-sn", "-dn"),
        *("-vf", f"scale=w='min({COVER_SIZE},iw)':h='min({COVER_SIZE},ih)':force_original_aspect_ratio=decrease"),
        *("-frames:v", "1", "-c:v", "mjpeg", "-q:v", "3", "-pix_fmt", "yuvj420p"),
        *("-progress", "pipe:1", "-f", "image2", "-update", "1", "-y", f"file:{target}"),
    ]


def _filters(piece: Piece, level: str | None, *more: str) -> tuple[str, ...]:
    ahead = piece.ahead
    skip = [f"atrim=start={ahead:.6f}", f"asetpts=PTS-{ahead:.6f}/TB"] if ahead else []
    return _chain(*skip, piece.mix, level, *more)


def _chain(*filters: str | None) -> tuple[str, ...]:
    chain = ",".join(one for one in filters if one)
    return ("-filter:a", chain) if chain else ()


def _duration(piece: Piece, limit: float | None) -> tuple[str, ...]:
    lengths = [length for length in (piece.length, limit) if length is not None]
    return ("-t", f"{min(lengths):.6f}") if lengths else ()


def output_rate(rate: int | None) -> int:
    """The source's own rate if possible, else the one that its family of rates divides or is divided by."""
    if rate in SAMPLE_RATES:
        return rate
    return 48000 if rate and rate % 8000 == 0 else 44100
