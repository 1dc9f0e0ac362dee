"""Small videos of every kind, truncated ones and hostile ones: ffmpeg makes them once, in `.local/media`."""

import hashlib
import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from converter.ffmpeg import binary

CACHE = Path(__file__).resolve().parent.parent / ".local" / "media"

SECONDS = 4.0
# A chirp from 300 Hz to 1.9 kHz, so that sound at a wrong position is different.
CHIRP = "0.4*sin(2*PI*(300*t+200*t*t))"
TONE = "0.4*sin(2*PI*{}*t)"


def picture(seconds: float = SECONDS, fps: int = 25) -> list[str]:
    """An input with moving pictures."""
    return ["-f", "lavfi", "-i", f"testsrc=size=160x120:rate={fps}:duration={seconds}"]


def sound(*channels: str, seconds: float = SECONDS, rate: int = 48000) -> list[str]:
    """An input with a sound: one expression for each channel, a chirp by default."""
    return ["-f", "lavfi", "-i", f"aevalsrc='{'|'.join(channels or (CHIRP,))}':s={rate}:d={seconds}"]


def tone(*frequencies: float, seconds: float = SECONDS, rate: int = 48000) -> list[str]:
    """An input with a tone in each channel."""
    return sound(*(TONE.format(frequency) for frequency in frequencies), seconds=seconds, rate=rate)


H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
MPEG4 = ["-c:v", "mpeg4"]
VP8 = ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8"]
AAC = ["-c:a", "aac", "-b:a", "128k"]
BOTH = [*picture(), *sound(), "-map", "0:v", "-map", "1:a"]
TAGS = ["-metadata", "title=A Title", "-metadata", "artist=An Artist", "-metadata", "album=An Album"]
_TWO = [*picture(), *tone(440), *tone(880, 880), "-map", "0:v", "-map", "1:a", "-map", "2:a", *MPEG4, *AAC]

# Kind: the file's suffix and ffmpeg's arguments. Files with suffixes that start with "pipe." are written to a pipe,
# like a live recording: without a duration in the header.
KINDS: dict[str, tuple[str, list[str]]] = {
    "mp4": ("mp4", [*BOTH, *H264, *AAC, *TAGS]),
    "mp4_moov_first": ("mp4", [*BOTH, *H264, *AAC, "-movflags", "+faststart"]),
    "mp4_fragmented": ("mp4", [*BOTH, *H264, *AAC, "-g", "25", "-movflags", "frag_keyframe+empty_moov"]),
    "mp4_ac3": ("mp4", [*BOTH, *H264, "-c:a", "ac3"]),
    "mkv": ("mkv", [*BOTH, *H264, "-c:a", "flac", *TAGS]),
    "mkv_opus": ("mkv", [*BOTH, "-c:v", "libx265", "-preset", "ultrafast", "-c:a", "libopus"]),
    "webm": ("webm", [*BOTH, *VP8, "-c:a", "libopus", *TAGS]),
    "webm_vorbis": ("webm", [*BOTH, *VP8, "-c:a", "libvorbis"]),
    "mov": ("mov", [*BOTH, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "pcm_s16le"]),
    "mov_alac": ("mov", [*BOTH, *H264, "-c:a", "alac"]),
    "avi": ("avi", [*BOTH, *MPEG4, "-c:a", "libmp3lame", *TAGS]),
    "avi_pcm": ("avi", [*BOTH, *MPEG4, "-c:a", "pcm_s16le"]),
    "flv": ("flv", [*BOTH, "-c:v", "flv", "-c:a", "libmp3lame", "-ar", "44100"]),
    "flv_h264": ("flv", [*BOTH, *H264, *AAC]),
    "ts": ("ts", [*BOTH, *H264, *AAC]),
    "ts_mp2": ("ts", [*BOTH, "-c:v", "mpeg2video", "-c:a", "mp2"]),
    "mpg": ("mpg", [*BOTH, "-c:v", "mpeg2video", "-c:a", "mp2"]),
    "ogv": ("ogv", [*BOTH, "-c:v", "libtheora", "-c:a", "libvorbis", *TAGS]),
    "wmv": ("wmv", [*BOTH, "-c:v", "wmv2", "-c:a", "wmav2", *TAGS]),
    "3gp": ("3gp", [*BOTH, "-c:v", "h263", "-s", "176x144", "-c:a", "libopencore_amrnb", "-ar", "8000", "-ac", "1"]),
    "variable_frame_rate": ("mp4", [*BOTH, *H264, *AAC, "-vf", "select='gt(mod(n,7),2)'", "-fps_mode", "vfr"]),
    "surround": (
        "mp4",
        [*picture(), *sound(*[CHIRP] * 3, TONE.format(50), *[TONE.format(700)] * 2), *H264, *AAC, "-ac", "6"],
    ),
    "mono_8khz": ("mkv", [*picture(), *sound(rate=8000), *MPEG4, "-c:a", "pcm_mulaw"]),
    "high_rate": ("mkv", [*picture(), *sound(rate=96000), *MPEG4, "-c:a", "flac"]),
    "two_tracks": ("mkv", [*_TWO, "-disposition:a:0", "default", "-disposition:a:1", "0"]),
    "two_tracks_mp4": ("mp4", _TWO),
    "second_track_default": ("mkv", [*_TWO, "-disposition:a:0", "0", "-disposition:a:1", "default"]),
    "live_mkv": ("pipe.matroska", [*BOTH, *MPEG4, "-c:a", "libvorbis"]),
    "live_webm": ("pipe.webm", [*BOTH, *VP8, "-c:a", "libopus"]),
    "live_flv": ("pipe.flv", [*BOTH, "-c:v", "flv", *AAC, "-flvflags", "no_duration_filesize"]),
    "short_sound": ("mp4", [*picture(6), *sound(seconds=3), *H264, *AAC]),
    "short_sound_avi": ("avi", [*picture(6), *sound(seconds=3), *MPEG4, "-c:a", "pcm_s16le"]),
    "short_sound_wmv": ("wmv", [*picture(6), *sound(seconds=3), "-c:v", "wmv2", "-c:a", "wmav2"]),
    "late_sound": ("mp4", [*picture(6), "-itsoffset", "2", *sound(), *H264, *AAC]),
    "late_sound_mkv": ("mkv", [*picture(6), "-itsoffset", "2", *sound(), *MPEG4, "-c:a", "libmp3lame"]),
    "late_sound_ts": ("ts", [*picture(6), "-itsoffset", "2", *sound(), *H264, *AAC]),
    "late_sound_flv": ("flv", [*picture(6), "-itsoffset", "2", *sound(), *H264, *AAC]),
    "slides": ("mp4", [*picture(12, fps=1), *sound(seconds=4), *H264, *AAC]),
    "subtitles": (
        "mkv",
        [*BOTH, *MPEG4, *AAC, "-metadata:s:a", "language=en-US", "-metadata:s:v", "title=Stream #0:1: Audio: none"],
    ),
    "m4a": ("m4a", [*sound(), *AAC]),
    "mp3": ("mp3", [*sound(), "-c:a", "libmp3lame", "-q:a", "4"]),
    "wav": ("wav", [*sound()]),
    "ogg": ("ogg", [*sound(), "-c:a", "libvorbis", *TAGS]),
    "aac": ("aac", [*sound(), *AAC]),
}


def make(kind: str, folder: Path | None = None) -> Path:
    """A video of one of `KINDS`: the cached one, or a copy of it in `folder`."""
    suffix, arguments = KINDS[kind]
    if suffix.startswith("pipe."):
        suffix = suffix.removeprefix("pipe.")
        path = ffmpeg([*arguments, "-f", suffix], suffix, piped=True)
    else:
        path = ffmpeg(arguments, suffix)
    if folder is None:
        return path
    return Path(shutil.copyfile(path, folder / f"{kind}.{suffix}"))


def chaptered(suffix: str, folder: Path) -> Path:
    """A video with three chapters: 0 to 1 s, 1 to 2.5 s and 2.5 to 4 s; the second has an unusual title."""
    titles = ["Opening", "Main – part \\=\\; 2 🎬", "End"]
    marks = [(0, 1000), (1000, 2500), (2500, 4000)]
    text = ";FFMETADATA1\n" + "".join(
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}\n"
        for (start, end), title in zip(marks, titles, strict=True)
    )
    (folder / "chapters.txt").write_text(text)
    target = folder / f"chaptered.{suffix}"
    command = [
        binary(),
        "-nostdin",
        "-v",
        "error",
        "-i",
        str(make("mp4")),
        "-i",
        str(folder / "chapters.txt"),
    ]
    subprocess.run([*command, "-map", "0", "-map_chapters", "1", "-c", "copy", str(target)], check=True, timeout=120)
    return target


def without_audio() -> Path:
    """A video with pictures only."""
    return ffmpeg([*picture(), *H264], "mp4")


def not_a_video(folder: Path) -> Path:
    """A text with the name of a video."""
    path = folder / "not_a_video.mp4"
    path.write_text("This is a letter, and it has no sound.\n" * 100)
    return path


def uncompressed(seconds: float) -> Path:
    """A film with 192 kB of sound and 288 kB of pictures each second, quickly made."""
    raw = ["-c:v", "rawvideo", "-s", "80x72", "-pix_fmt", "uyvy422", "-c:a", "pcm_s16le", "-ac", "2"]
    return ffmpeg([*picture(seconds), *sound(seconds=seconds), *raw], "mov")


def truncated(path: Path, share: float, folder: Path) -> Path:
    """The first `share` of a file's bytes, as after an interrupted upload."""
    target = folder / f"truncated_{path.name}"
    content = path.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    return target


def large(megabytes: int, folder: Path) -> Path:
    """An MP4 of about that size, quickly made: it has a sparse box at its end.

    That is a QuickTime preview, because of which clients send the whole file: its sound would be small.
    """
    path = make("mp4", folder)
    size = megabytes * 1_000_000 - path.stat().st_size
    with path.open("ab") as file:
        # Size 1: the real one follows in 64 bits, because 32 end at 4 GB.
        file.write(struct.pack(">I4sQ", 1, b"pnot", size))
        file.truncate(path.stat().st_size + size)
    return path


def long(seconds: int) -> Path:
    """A video of that length (rounded up to 6 seconds): 6 seconds, repeated without a gap.

    Its sound is MP2, because MP3 would be copied: 250 frames each time, with continuous time stamps.
    """
    frames = ["-c:a", "mp2", "-b:a", "64k", "-frames:a", "250"]
    base = ffmpeg([*picture(6, fps=1), *sound(seconds=7, rate=48000), *H264, *frames], "mkv")
    times = ["-bsf:a", "setts=ts=N*1152/48000/TB"]
    return ffmpeg(["-stream_loop", str(-(-seconds // 6) - 1), "-i", str(base), "-c", "copy", *times], "mkv")


def bomb(hours: int) -> Path:
    """Silence that FLAC compresses to some bytes per minute, in a container that does not declare its length."""
    base = ffmpeg(["-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono:d=655.35", "-frame_size", "65535"], "flac")
    loops = ["-stream_loop", str(hours * 3600 // 655), "-i", str(base), "-c", "copy", "-f", "matroska"]
    return ffmpeg(loops, "mkv", piped=True)


def gap(folder: Path) -> Path:
    """A Matroska whose sound pauses: nothing between the second and the third of four seconds."""
    select = "aselect='lt(t,1)+gte(t,2)'"
    arguments = [*picture(), *sound(rate=48000), *MPEG4, "-c:a", "pcm_s16le", "-af", select]
    return Path(shutil.copyfile(ffmpeg(arguments, "mkv"), folder / "gap.mkv"))


def long_header(hours: int, folder: Path) -> Path:
    """Some seconds of Matroska whose header declares hours (RFC 9559, 5.1.2.10: Duration, in milliseconds here)."""
    content = bytearray(make("mkv").read_bytes())
    at = content.index(b"\x44\x89\x88") + 3
    content[at : at + 8] = struct.pack(">d", hours * 3_600_000.0)
    path = folder / "long_header.mkv"
    path.write_bytes(content)
    return path


def hls_playlist(target: str, folder: Path) -> Path:
    """An HLS playlist whose only segment is `target`, a URL or a path."""
    path = folder / "playlist.mp4"
    path.write_text(_playlist(target))
    return path


def ffconcat(target: str, folder: Path) -> Path:
    """A list of files for ffmpeg's concat demuxer."""
    path = folder / "concat.mp4"
    path.write_text(f"ffconcat version 1.0\nfile '{target}'\nduration 5\n")
    return path


def sdp(port: int, folder: Path) -> Path:
    """A session description that sends ffmpeg to a UDP port of this machine."""
    path = folder / "session.mp4"
    path.write_text(
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
        f"m=audio {port} RTP/AVP 97\na=rtpmap:97 MPEG4-GENERIC/44100/1\n"
    )
    return path


def dash_manifest(target: str, folder: Path) -> Path:
    """A DASH manifest with one representation at `target`."""
    path = folder / "manifest.mp4"
    path.write_text(
        '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
        'mediaPresentationDuration="PT4S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>'
        '<AdaptationSet mimeType="audio/mp4">'
        f'<Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL></Representation></AdaptationSet>'
        "</Period></MPD>"
    )
    return path


def avi_with_playlist(target: str, folder: Path) -> Path:
    """An AVI with a second of sound and a subtitle (GAB2) that is a playlist, which ffmpeg would open by itself."""
    playlist = _playlist(target).encode()
    subtitle = b"GAB2\x00" + struct.pack("<HI", 2, 2) + b"\x00\x00" + struct.pack("<HI", 4, len(playlist)) + playlist
    samples = bytes(16000)
    audio_format = struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)
    streams = (
        _list(b"strl", _chunk(b"strh", _stream(b"auds", 2, 16000, 8000)), _chunk(b"strf", audio_format)),
        _list(b"strl", _chunk(b"strh", _stream(b"txts", 1, 1, 1)), _chunk(b"strf", b"")),
    )
    main = _chunk(b"avih", struct.pack("<14I", 1_000_000, 16000, 0, 0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0))
    movie = _list(b"movi", _chunk(b"01tx", subtitle), _chunk(b"00wb", samples))
    body = b"AVI " + _list(b"hdrl", main, *streams) + movie
    path = folder / "subtitled.avi"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def ffmpeg(arguments: Sequence[str], suffix: str, *, piped: bool = False) -> Path:
    """What ffmpeg makes of the arguments; made once."""

    def write(target: Path) -> None:
        command = [binary(), "-nostdin", "-v", "error", "-y", *arguments]
        if piped:
            with target.open("wb") as file, subprocess.Popen([*command, "-"], stdout=subprocess.PIPE) as process:
                assert process.stdout
                shutil.copyfileobj(process.stdout, file)
            assert process.returncode == 0, command
        else:
            subprocess.run([*command, str(target)], check=True, timeout=120)

    return _cached(repr((list(arguments), piped)), suffix, write)


def _cached(key: str, suffix: str, write: Callable[[Path], None]) -> Path:
    path = CACHE / f"{hashlib.sha256(key.encode()).hexdigest()[:20]}.{suffix}"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        # Renamed when complete: several processes may make the same file at once.
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            target = Path(folder) / path.name
            write(target)
            os.replace(target, path)  # noqa: PTH105 - as atomic as its name
    return path


def _playlist(target: str) -> str:
    return f"#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10.0,\n{target}\n#EXT-X-ENDLIST\n"


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\x00" * (len(content) % 2)


def _list(name: bytes, *chunks: bytes) -> bytes:
    return _chunk(b"LIST", name + b"".join(chunks))


def _stream(kind: bytes, sample_size: int, rate: int, length: int) -> bytes:
    """A stream header (AVISTREAMHEADER of Video for Windows)."""
    scale = sample_size if kind == b"auds" else 1
    return struct.pack(
        "<4s4sIHHIIIIIIIIhhhh", kind, bytes(4), 0, 0, 0, 0, scale, rate, 0, length, 0, 0, sample_size, *[0] * 4
    )
