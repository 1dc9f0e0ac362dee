"""The command lines: what ffmpeg is asked to do, and what it may open while doing it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from converter.encoding import loudness
from converter.ffmpeg.moviepy_parts import binary
from converter.media.demuxers import DEMUXERS

# MPEG-1 layer III has the bit rates up to 320 kbit/s; MPEG-2 (below 32 kHz) ends at 160, MPEG-2.5 lower still. 32 kHz
# is left out because encoder delay and padding, up to three frames, would be more than 0.1 s there.
SAMPLE_RATES = (44100, 48000)

# s. Decoders need some packets before they sound right (the bit reservoir of MP3, overlapping blocks), and some
# containers seek to a packet that is a little late.
PREROLL = 2.0

# Pixels. What players show, and small beside the sound.
COVER_SIZE = 600

# How much of a file ffmpeg may read to find its tracks; more when there is none (`Source.looking_further`).
PROBE_BYTES = 50_000_000
PROBE_MICROSECONDS = 30_000_000
_FURTHER_MICROSECONDS = 3 * 3600 * 1_000_000

# s. Time stamps that differ by more are dropped by ffmpeg, 30 hours by default; what is a jump is decided here.
_NEVER = 2_000_000_000

# Added to the time stamps of decoded frames, which are listed as durations and must not be negative; 265 days at least.
STAMP_OFFSET = 1 << 40


@dataclass(frozen=True)
class Source:
    """A file to read."""

    path: Path
    fd: int = -1
    """The descriptor, which ffmpeg inherits, inside of `opened`."""
    probe: tuple[int, int] = (PROBE_BYTES, PROBE_MICROSECONDS)
    """Bytes and microseconds of sound in which the tracks are found."""
    merged: bool = False
    """Whether a transport stream's track continues where its programme's sound has moved to."""

    def looking_further(self, size: int) -> "Source":
        """The same with a look at up to `size` bytes, which ffmpeg keeps in memory meanwhile."""
        return replace(self, probe=(max(size, PROBE_BYTES), _FURTHER_MICROSECONDS))

    @contextmanager
    def opened(self) -> Iterator[Self]:
        """The same with a descriptor of its own: those who share one share its position too."""
        with self.path.open("rb") as file:
            yield replace(self, fd=file.fileno())

    @property
    def options(self) -> tuple[str, ...]:
        """As input of a command."""
        return (
            *("-protocol_whitelist", "fd"),
            *("-format_whitelist", ",".join(DEMUXERS)),
            *("-probesize", str(self.probe[0])),
            *("-analyzeduration", str(self.probe[1])),
            *(("-merge_pmt_versions", "1") if self.merged else ()),
            *("-fd", str(self.fd)),
            *("-i", "fd:"),
        )


@dataclass(frozen=True)
class Pcm:
    """Samples from a pipe: 32-bit floats, little-endian, channels interleaved."""

    fd: int
    rate: int
    """Hertz."""
    channels: int

    @property
    def frame(self) -> int:
        """Bytes of one sample of all channels."""
        return 4 * self.channels

    @property
    def options(self) -> tuple[str, ...]:
        """As input of a command."""
        return (
            *("-protocol_whitelist", "fd"),
            *("-f", "f32le", "-ar", str(self.rate), "-ac", str(self.channels)),
            *("-fd", str(self.fd)),
            *("-i", "fd:"),
        )


@dataclass(frozen=True)
class Piece:
    """The part of one track that is wanted."""

    stream: int
    """The track's number among all of the file's tracks."""
    start: float = 0.0
    """Seconds from the file's start."""
    length: float | None = None
    """Seconds; `None` is to the end."""
    mix: str | None = None
    """The filter that makes one or two channels of a layout that swresample does not know."""
    mono: bool = False
    """Whether the track has one channel."""

    @property
    def ahead(self) -> float:
        """Seconds that are decoded before the start and dropped."""
        return min(self.start, PREROLL)


def _ffmpeg(level: str, source: Source | Pcm, *, seek: float = 0.0, own_clock: bool = False) -> list[str]:
    """ffmpeg with one input: a descriptor, and no name that a playlist inside could be relative to.

    It is read from `seek` seconds on; what it writes then starts at 0. `own_clock` leaves the time stamps as they are.
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
        *source.options,
    ]


def listing(source: Source) -> list[str]:
    """Lists what is in the file on stderr; ends with code 1, as there is no output."""
    return _ffmpeg("info", source)


def packets(source: Source, stream: int) -> list[str]:
    """Lists the packets of a track on stdout (`converter.media.packets`), without decoding."""
    return [
        *_ffmpeg("warning", source, own_clock=True),
        *("-map", f"0:{stream}", "-c", "copy"),
        *("-f", "framecrc", "pipe:1"),
    ]


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
    plus `STAMP_OFFSET`: as time stamps, ffmpeg would change those that go back.
    """
    return [
        *_ffmpeg("warning", source, own_clock=True),
        *("-map", f"0:{piece.stream}"),
        *_chain(piece.mix),
        *("-c:a", "pcm_f32le", "-ar", str(shape.rate), "-ac", str(shape.channels)),
        *("-bsf:a", f"setts=ts=N:duration=PTS+{STAMP_OFFSET}", "-flush_packets", "1"),
        *("-f", "tee", f"[f=f32le]pipe:1|[f=framecrc:flush_packets=1]pipe:{stamps}"),
    ]


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


def measuring_loudness(source: Source | Pcm, piece: Piece) -> list[str]:
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
    source: Source | Pcm,
    piece: Piece,
    target: Path,
    how: Encoding,
    level: str | None = None,
    *,
    turn: slice = slice(None),
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


def copying(source: Source, stream: int, name: str, tags: Mapping[str, str]) -> list[str]:
    """Copies a track of MP3 into an MP3 of that name, and lists its packets on stdout (`converter.copying.packets`).

    One thread writes both: with one for each, all of it takes twice as long.
    """
    return [
        *_ffmpeg("warning", source),
        *("-map", f"0:{stream}", "-c", "copy", "-map_metadata", "-1", "-map_chapters", "-1", *_metadata(tags)),
        *("-f", "tee", "-y", f"[f=mp3:id3v2_version=3]{name}|[f=framecrc:flush_packets=0]pipe\\:1"),
    ]


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
