"""Sound that is MP3 already is copied, sample for sample, or encoded where a copy would not be the same."""

import struct
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from mutagen.mp3 import BitrateMode

from common.domain import mp3 as frame_header
from common.errors import PermanentError
from converter.ffmpeg import binary
from converter.mp3.frames import frames
from tests import media
from tests.integration.converter import sounds
from tests.integration.converter.conftest import Convert

VIDEO = [*media.picture(), *media.sound(rate=44100), "-map", "0:v", "-map", "1:a"]
LAME = ["-c:a", "libmp3lame", "-b:a", "128k"]
# Containers that ffmpeg writes MP3 into: some remove the samples that an encoder adds, some do not.
CONTAINERS = {
    "mp4": [*VIDEO, *media.H264, *LAME],
    "mov": [*VIDEO, *media.H264, *LAME],
    "mkv": [*VIDEO, *media.H264, *LAME],
    "avi": [*VIDEO, *media.MPEG4, *LAME],
    "flv": [*VIDEO, "-c:v", "flv", *LAME],
    "ts": [*VIDEO, *media.H264, *LAME],
    "m2ts": [*VIDEO, *media.H264, *LAME],
    "mpg": [*VIDEO, "-c:v", "mpeg2video", *LAME],
    "asf": [*VIDEO, "-c:v", "wmv2", *LAME],
    "nut": [*VIDEO, *media.MPEG4, *LAME],
    "wav": [*media.sound(rate=44100), *LAME],
    "mp3": [*media.sound(rate=44100), *LAME],
}
STEREO = media.tone(440, 660, rate=44100)
# Kinds of MP3.
EIGHT = "mpeg2.5_8khz"
MP3S = {
    "variable": [*STEREO, "-c:a", "libmp3lame", "-q:a", "4"],
    "average": [*STEREO, "-c:a", "libmp3lame", "-abr", "1", "-b:a", "128k"],
    "joint_stereo_320": [*STEREO, "-c:a", "libmp3lame", "-joint_stereo", "1", "-b:a", "320k"],
    "separate_stereo_64": [*STEREO, "-c:a", "libmp3lame", "-joint_stereo", "0", "-b:a", "64k"],
    "no_reservoir": [*STEREO, *LAME, "-reservoir", "0"],
    "mpeg1_32khz": [*media.sound(rate=32000), *LAME],
    "mpeg2_22khz": [*media.tone(440, 660, rate=22050), "-c:a", "libmp3lame", "-b:a", "64k"],
    "mpeg2_24khz_mono": [*media.sound(rate=24000), "-c:a", "libmp3lame", "-q:a", "5"],
    EIGHT: [*media.sound(rate=8000), "-c:a", "libmp3lame", "-b:a", "16k"],
    "no_header": [*media.sound(rate=44100), *LAME, "-write_xing", "0", "-id3v2_version", "0"],
    "both_tags": [*media.sound(rate=44100), *LAME, *media.TAGS, "-write_id3v1", "1"],
}


def samples(path: Path, track: int = 0) -> bytes:
    """All samples of a track, as ffmpeg decodes them."""
    return _read(path, "-map", f"0:a:{track}", "-f", "f32le", "-")


def packets(path: Path, track: int = 0) -> bytes:
    """The track as it is stored, without its container, and without the frame of silence that a copy may begin with."""
    return _without_silence(_read(path, "-map", f"0:a:{track}", "-c", "copy", "-f", "data", "-"))


def both(path: Path) -> tuple[bytes, bytes]:
    """The packets and the samples of the first track, from one ffmpeg."""
    with tempfile.NamedTemporaryFile(suffix=".data") as stored:
        copied = ["-map", "0:a:0", "-c", "copy", "-f", "data", "-y", f"file:{stored.name}"]
        decoded = _read(path, *copied, "-map", "0:a:0", "-f", "f32le", "-")
        return _without_silence(Path(stored.name).read_bytes()), decoded


def _without_silence(sound: bytes) -> bytes:
    first = frame_header.header(sound)
    return sound[first.size :] if first and not any(sound[4 : first.size]) else sound


def _read(path: Path, *arguments: str) -> bytes:
    command = [binary(), "-nostdin", "-v", "error", "-i", f"file:{path}", *arguments]
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_copy_has_the_frames_and_the_samples_of_the_track(suffix: str, convert: Convert) -> None:
    source = media.ffmpeg(CONTAINERS[suffix], suffix)
    mp3 = convert(source)
    copied, original = both(mp3.path), both(source)
    assert copied == original
    assert mp3.duration == pytest.approx(len(original[1]) / 4 / 44100, abs=1e-6)


@pytest.mark.parametrize(
    ("kind", "suffix"),
    # An MP4 cannot hold MPEG-2.5.
    [(kind, suffix) for kind in MP3S for suffix in ("mkv", "mp3", "mp4", "avi") if (kind, suffix) != (EIGHT, "mp4")],
)
def test_every_kind_of_mp3_is_copied(kind: str, suffix: str, convert: Convert, tmp_path: Path) -> None:
    source = media.ffmpeg(MP3S[kind], "mp3")
    if suffix != "mp3":
        source = _remuxed(source, tmp_path / f"video.{suffix}")
    assert both(convert(source).path) == both(source)


def _remuxed(source: Path, target: Path, *arguments: str) -> Path:
    _read(source, "-map", "0:a", "-c", "copy", *arguments, f"file:{target}")
    return target


@pytest.mark.parametrize("kind", ["variable", "mpeg2_22khz", "joint_stereo_320"])
def test_the_header_describes_the_frames_after_it(kind: str, convert: Convert) -> None:
    source = media.ffmpeg(MP3S[kind], "mp3")
    content = convert(source).path.read_bytes()
    head, *sound = frames(content)
    at = head.data
    variable = kind == "variable"
    assert content[at : at + 4] == (b"Xing" if variable else b"Info")
    count, size = struct.unpack_from(">II", content, at + 8)
    assert (count, size) == (len(sound), len(content) - head.start)
    table = content[at + 16 : at + 116]
    places = [(sound[count * part // 100].start - head.start) * 256 // size for part in range(100)]
    assert list(table) == places
    delay, padding = content[at + 141] << 4 | content[at + 142] >> 4, (content[at + 142] & 15) << 8 | content[at + 143]
    original = source.read_bytes()
    first = next(frames(original)).data
    assert original[first + 141 : first + 144] == content[at + 141 : at + 144]
    assert delay > 0 < padding


def test_players_see_the_rate_the_mode_and_the_length(convert: Convert, tmp_path: Path) -> None:
    source = _remuxed(media.ffmpeg(MP3S["variable"], "mp3"), tmp_path / "video.mkv")
    info = sounds.mp3(convert(source).path).info
    assert (info.bitrate_mode, info.sample_rate, info.channels) == (BitrateMode.VBR, 44100, 2)
    assert info.length == pytest.approx(media.SECONDS, abs=0.1)


@pytest.mark.parametrize(
    "options",
    [
        {"reencode": "true"}, {"bitrate": "192"}, {"bitrate": "128"}, {"quality": "2"}, {"channels": "stereo"},
        {"sample_rate": "48000"}, {"normalize": "true"}, {"start": "1"}, {"end": "3"},
    ],
)  # fmt: skip
def test_an_option_that_changes_the_sound_encodes_it(options: dict[str, str], convert: Convert) -> None:
    source = media.ffmpeg(CONTAINERS["mkv"], "mkv")
    assert packets(convert(source, **options).path) not in packets(source)


def test_a_copy_has_tags_and_a_cover(convert: Convert) -> None:
    source = media.make("avi")
    mp3 = convert(source, artist="Somebody", cover="frame", channels="keep", reencode="false")
    assert packets(mp3.path) == packets(source)
    tags = sounds.mp3(mp3.path).tags
    assert [str(tags[name]) for name in ("TIT2", "TPE1", "TALB")] == ["A Title", "Somebody", "An Album"]
    assert len(tags.getall("APIC")) == 1


def test_a_copy_has_chapters(convert: Convert, tmp_path: Path) -> None:
    with_mp3 = tmp_path / "chapters.mkv"
    _read(media.chaptered("mp4", tmp_path), "-c:v", "copy", *LAME, f"file:{with_mp3}")
    mp3 = convert(with_mp3)
    assert packets(mp3.path) == packets(with_mp3)
    chapters = sounds.mp3(mp3.path).tags.getall("CHAP")
    assert sorted(chapter.start_time for chapter in chapters) == pytest.approx([0, 1000, 2500], abs=50)


def test_the_chosen_track_is_copied_if_it_is_mp3(convert: Convert, tmp_path: Path) -> None:
    both = ["-map", "0:v", "-map", "1:a", "-map", "2:a", *media.H264, "-c:a:0", "aac", "-c:a:1", "libmp3lame"]
    source = media.ffmpeg([*media.picture(), *media.tone(440), *media.tone(880), *both], "mp4")
    mp3 = convert(source, track="2")
    assert packets(mp3.path) == packets(source, 1)
    (tmp_path / "conversion").rename(tmp_path / "first")
    assert sounds.pitch(sounds.decode(convert(source).path)) == pytest.approx(440, abs=2)


def test_sound_that_starts_late_is_copied_from_its_start(convert: Convert) -> None:
    source = media.make("late_sound_mkv")
    assert samples(convert(source).path) == samples(source)


def _frame(content: bytes, path: Path) -> tuple[int, int]:
    """Where the tenth packet of a file is, and how long it is."""
    whole = packets(path)
    starts = list(frames(whole))
    frame = starts[10]
    at = content.index(whole[frame.start : frame.start + 40])
    return at, frame.kind.size


def _damaged_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    at, _ = _frame(bytes(content), path)
    content[at : at + 4] = b"\x00\x01\x02\x03"
    path.write_bytes(content)


def _damaged_numbers(path: Path) -> None:
    content = bytearray(path.read_bytes())
    at, _ = _frame(bytes(content), path)
    content[at + 4 : at + 36] = b"\xff" * 32
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [_damaged_header, _damaged_numbers])
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_damaged_frames_are_not_copied(
    damage: Callable[[Path], None], suffix: str, convert: Convert, tmp_path: Path
) -> None:
    source = tmp_path / f"damaged.{suffix}"
    source.write_bytes(media.ffmpeg(CONTAINERS[suffix], suffix).read_bytes())
    damage(source)
    mp3 = convert(source)
    assert packets(mp3.path) != packets(source)
    assert mp3.duration == pytest.approx(media.SECONDS, abs=0.15)


def _parts(folder: Path, *parts: bytes, suffix: str = "mp3") -> Path:
    path = folder / f"joined.{suffix}"
    path.write_bytes(b"".join(parts))
    return path


def _made(*arguments: str, rate: int = 44100) -> bytes:
    return media.ffmpeg([*media.sound(rate=rate), *LAME, *arguments], "mp3").read_bytes()


BARE = ["-write_xing", "0", "-id3v2_version", "0"]


@pytest.mark.parametrize(
    ("second", "seconds"),
    [
        (_made, 8.0),  # a tag and a header in the middle
        (lambda: _made("-id3v2_version", "0"), 8.0),  # a header in the middle
        (lambda: _made(*BARE, rate=48000), 8.0),  # another sample rate
        (lambda: _made(*BARE, "-ac", "2"), 8.0),  # other channels
    ],
)
def test_concatenated_mp3s_are_encoded(
    second: Callable[[], bytes], seconds: float, convert: Convert, tmp_path: Path
) -> None:
    source = _parts(tmp_path, _made(*BARE), second())
    mp3 = convert(source)
    assert packets(mp3.path) != packets(source)
    assert mp3.duration == pytest.approx(seconds, abs=0.3)


def _wav(sound: bytes, rate: int = 44100, tag: int = 0x55) -> bytes:
    """A WAV with these frames."""
    form = struct.pack("<HHIIHHHHIHHH", tag, 1, rate, 16000, 1, 0, 12, 1, 2, 1152, 1, 0)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(sound)) + sound
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WAVE" + chunks


def _vbri(sound: bytes) -> bytes:
    """A frame of silence with the header of Fraunhofer's encoders, for an MP3 of these frames."""
    frame = next(frames(sound))
    header = bytearray(frame.kind.size)
    header[:4] = sound[:4]
    struct.pack_into(">4sHHHIIHHHH", header, 36, b"VBRI", 1, 0, 0, len(sound), 154, 0, 1, 2, 100)
    return bytes(header)


def test_a_header_among_the_frames_is_not_copied(convert: Convert, tmp_path: Path) -> None:
    sound = _made(*BARE)
    for number, header in enumerate([_vbri(sound), _made("-id3v2_version", "0")[: next(frames(sound)).kind.size]]):
        source = _parts(tmp_path, _wav(header + sound), suffix="wav")
        mp3 = convert(source)
        assert packets(mp3.path) != packets(source)
        (tmp_path / "conversion").rename(tmp_path / f"conversion-{number}")


def test_frames_that_lack_data_of_earlier_frames_are_encoded(convert: Convert, tmp_path: Path) -> None:
    sound = _made(*BARE)
    source = _parts(tmp_path, sound[list(frames(sound))[20].start :])
    assert packets(convert(source).path) != packets(source)


def test_free_format_is_not_copied(convert: Convert, tmp_path: Path) -> None:
    sound = bytearray(_made(*BARE, rate=48000))
    for frame in list(frames(bytes(sound))):
        sound[frame.start + 2] &= 0x0F
    with pytest.raises(PermanentError):
        convert(_parts(tmp_path, _wav(bytes(sound), 48000), suffix="wav"))


@pytest.mark.parametrize("suffix", ["ts", "mkv", "avi"])
def test_layer_ii_is_not_mp3(suffix: str, convert: Convert) -> None:
    source = media.ffmpeg([*media.sound(), "-c:a", "mp2"], suffix)
    mp3 = convert(source)
    assert frame_header.header(packets(mp3.path)) is not None
    assert mp3.duration == pytest.approx(media.SECONDS, abs=0.1)


def test_layer_ii_under_the_name_of_mp3_is_encoded(convert: Convert, tmp_path: Path) -> None:
    layer_ii = media.ffmpeg([*media.sound(rate=44100), "-c:a", "mp2"], "mp2").read_bytes()
    mp3 = convert(_parts(tmp_path, _wav(layer_ii), suffix="wav"))
    assert frame_header.header(packets(mp3.path)) is not None


def test_a_track_with_a_gap_is_encoded_with_silence(convert: Convert, tmp_path: Path) -> None:
    with_gap = tmp_path / "gap.mkv"
    moved = "setts=ts=TS+gte(N\\,60)*1/TB"
    _remuxed(media.ffmpeg(CONTAINERS["mkv"], "mkv"), with_gap, "-bsf:a", moved)
    assert convert(with_gap).duration == pytest.approx(media.SECONDS + 1, abs=0.1)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "avi", "flv"])
def test_a_truncated_video_is_refused(suffix: str, convert: Convert, tmp_path: Path) -> None:
    moov_first = ["-movflags", "+faststart"] if suffix == "mp4" else []
    source = media.ffmpeg([*CONTAINERS[suffix], *moov_first], suffix)
    with pytest.raises(PermanentError, match="incomplete"):
        convert(media.truncated(source, 0.6, tmp_path))


def test_limits_apply_to_copies(convert: Convert) -> None:
    with pytest.raises(PermanentError, match="limit"):
        convert(media.ffmpeg(CONTAINERS["ts"], "ts"), max_duration=2.0)
