"""The command lines: what ffmpeg is asked to do, and what it may open while doing it."""

from collections.abc import Mapping
from pathlib import Path

from .demuxers import DEMUXERS
from .moviepy_parts import binary

# MPEG-1 layer III has the bit rates up to 320 kbit/s; MPEG-2 (below 32 kHz) ends at 160, MPEG-2.5 lower still. 32 kHz
# is left out because encoder delay and padding, up to three frames, would be more than 0.1 s there.
SAMPLE_RATES = (44100, 48000)

# How much of a file ffmpeg may read to find its tracks: a track that starts late is found late.
PROBE_BYTES = 50_000_000
PROBE_MICROSECONDS = 30_000_000


def _ffmpeg(level: str, source: int) -> list[str]:
    """ffmpeg with one input, the descriptor `source`: no name that a playlist inside could be relative to."""
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


def encoding(
    source: int,
    stream: int,
    target: Path,
    *,
    bitrate: int,
    sample_rate: int | None,
    tags: Mapping[str, str],
    max_seconds: float,
    max_bytes: int,
    fill_gaps: bool,
) -> list[str]:
    """Encodes one stream as a constant bit rate MP3 of `bitrate` kbit/s."""
    return [
        *_ffmpeg("warning", source),
        *("-map", f"0:{stream}"),
        # 1: insert silence where the time stamps leave a gap (> 0.1 s), never stretch.
        *(("-filter:a", "aresample=async=1") if fill_gaps else ()),
        *("-c:a", "libmp3lame", "-b:a", f"{bitrate}k"),
        *("-ar", str(_output_rate(sample_rate))),
        *("-map_metadata", "-1", "-map_chapters", "-1", "-id3v2_version", "3"),
        *(part for name, value in tags.items() for part in ("-metadata", f"{name}={value}")),
        *("-t", f"{max_seconds:.3f}", "-fs", str(max_bytes)),
        *("-stats_period", "0.25", "-progress", "pipe:1"),
        *("-f", "mp3", "-y", f"file:{target}"),
    ]


def _output_rate(rate: int | None) -> int:
    """The source's own rate if possible, else the one that its family of rates divides or is divided by."""
    if rate in SAMPLE_RATES:
        return rate
    return 48000 if rate and rate % 8000 == 0 else 44100
